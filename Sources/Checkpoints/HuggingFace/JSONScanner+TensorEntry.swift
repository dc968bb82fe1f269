internal import FileAccess

extension JSONScanner {
  /// A tensor's entry in a safetensors header.
  struct TensorEntry {
    var dtype = ""
    var shape: [Int] = []
    var offsets: [Int] = []
  }

  /// Reads an entry as writers of safetensors write it, in its place: each of the three members once, without escapes.
  ///
  /// - Parameter entry: what is found; its room is used again.
  /// - Returns: `false`, with nothing consumed, for everything else: correct or not, it is to be read member by member.
  mutating func plainEntry(_ entry: inout TensorEntry) -> Bool {
    let end = text.withUnsafeBufferPointer { text -> Int? in
      var reader = PlainReader(text: text, at: at)
      return reader.read(&entry) ? reader.at : nil
    }
    guard let end else { return false }
    at = end
    return true
  }

  /// Looks at one entry's bytes.
  private struct PlainReader {
    let text: UnsafeBufferPointer<UInt8>
    var at: Int

    mutating func read(_ entry: inout TensorEntry) -> Bool {
      guard take(UInt8(ascii: "{")) else { return false }
      var found = (dtype: false, shape: false, offsets: false)
      for number in 0..<3 {
        guard number == 0 || take(UInt8(ascii: ",")), let key = string(), take(UInt8(ascii: ":")) else { return false }
        if key.isWord("dtype"), !found.dtype {
          guard let value = string(), value.isASCII else { return false }
          if !entry.dtype.withBytes({ $0.isSame(value) }) { entry.dtype = String(decoding: value, as: UTF8.self) }
          found.dtype = true
        } else if key.isWord("shape"), !found.shape {
          guard sizes(&entry.shape) else { return false }
          found.shape = true
        } else if key.isWord("data_offsets"), !found.offsets {
          guard sizes(&entry.offsets) else { return false }
          found.offsets = true
        } else {
          return false
        }
      }
      return take(UInt8(ascii: "}"))
    }

    /// Whether the byte is the next that is no space; it is then consumed.
    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
      while at < text.count {
        if text[at] == byte {
          at += 1
          return true
        }
        guard text[at] == 0x20 || 0x09...0x0A ~= text[at] || text[at] == 0x0D else { return false }
        at += 1
      }
      return false
    }

    private mutating func string() -> UnsafeBufferPointer<UInt8>? {
      guard take(UInt8(ascii: "\"")) else { return nil }
      let start = at
      while at < text.count, text[at] != UInt8(ascii: "\"") {
        guard text[at] >= 0x20, text[at] != UInt8(ascii: "\\") else { return nil }
        at += 1
      }
      guard at < text.count else { return nil }
      at += 1
      return text.part(start..<at - 1)
    }

    private mutating func sizes(_ sizes: inout [Int]) -> Bool {
      sizes.removeAll(keepingCapacity: true)
      guard take(UInt8(ascii: "[")) else { return false }
      if take(UInt8(ascii: "]")) { return true }
      repeat {
        guard let size = size() else { return false }
        sizes.append(size)
      } while take(UInt8(ascii: ","))
      return take(UInt8(ascii: "]"))
    }

    /// A whole number of at most eighteen digits.
    private mutating func size() -> Int? {
      while at < text.count, text[at] == 0x20 { at += 1 }
      let start = at
      var value = 0
      while at < text.count, 0x30...0x39 ~= text[at], at - start < 18 {
        value = value &* 10 &+ Int(text[at] &- 0x30)
        at += 1
      }
      // What follows is a comma, a bracket or a space, or whoever asks finds that it is not.
      return at > start && (text[start] != 0x30 || at == start + 1) ? value : nil
    }
  }
}
