/// A name from a file as it may go to a terminal: control characters (C0, DEL, C1), line and paragraph
/// separators and the marks that change the direction of text come out as `\u{9b}`; everything else as it is.
public func printable(_ name: String) -> String {
  if isPrintable(name) { return name }
  var safe = ""
  for scalar in name.unicodeScalars {
    if isUnsafeOnScreen(scalar) {
      safe += "\\u{\(String(scalar.value, radix: 16))}"
    } else {
      safe.unicodeScalars.append(scalar)
    }
  }
  return safe
}

/// Whether nothing in a text is escaped by `printable`, line ends apart where they are allowed: told by its bytes, as
/// whole lists go through here.
public func isPrintable(_ text: String, allowsLineEnds: Bool = false) -> Bool {
  var text = text
  let isPlain = text.withUTF8 { bytes in
    var last: UInt8 = 0
    var at = 0
    while at < bytes.count {
      if last != 0xC2, last != 0xD8, last != 0xE2, isPlainWord(bytes, at) {
        at += 8
        last = 0
        continue
      }
      let byte = bytes[at]
      at += 1
      // Control characters; and what begins as C1, a mark or a separator does.
      if byte < 0x20 && !(allowsLineEnds && byte == 0x0A) || byte == 0x7F { return false }
      if last == 0xC2 && byte < 0xA0 || last == 0xD8 && byte == 0x9C || last == 0xE2 && byte < 0x82 { return false }
      last = byte
    }
    return true
  }
  return isPlain
    || !text.unicodeScalars.contains { isUnsafeOnScreen($0) && !(allowsLineEnds && $0 == "\n") }
}

/// Whether eight bytes from `at` on are letters, digits and signs of ASCII.
private func isPlainWord(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
  guard at + 8 <= bytes.count else { return false }
  let word = UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: at, as: UInt64.self)
  let (ones, tops) = (UInt64(0x0101_0101_0101_0101), UInt64(0x8080_8080_8080_8080))
  // A top bit set: beyond ASCII, below 0x20, or 0x7F.
  return (word | (word &- 0x20 &* ones) | (word &+ ones)) & tops == 0
}

private func isUnsafeOnScreen(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0...0x1F, 0x7F...0x9F: true
  case 0x61C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true  // Bidi_Control
  case 0x2028, 0x2029: true
  default: false
  }
}

/// `text` cut to `limit` characters, with an ellipsis where something was cut.
package func shortened(_ text: String, to limit: Int = 120) -> String {
  guard text.unicodeScalars.count > limit else { return text }
  var short = ""
  short.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(limit))
  return short + "…"
}

/// A count of bytes as a sentence has it: `1 byte`, `96 bytes`.
package func bytes(_ count: some BinaryInteger) -> String { count == 1 ? "1 byte" : "\(count) bytes" }
