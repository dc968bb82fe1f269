internal import Dispatch
internal import FileAccess

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Safetensors.Entries {
  /// Reads a long header in parts, each on a thread of its own.
  ///
  /// The parts are cut where an entry seems to end. A part that ends just there, with nothing open but the whole object,
  /// leaves the next one in the state in which one reader would have come to it: what the parts say together is what it would have
  /// said.
  ///
  /// Where a part ends otherwise, and where anything is wrong, the header is to be read from start to end, which says what.
  ///
  /// - Parameters:
  ///   - most: parts at most.
  ///   - shortest: bytes of a part at least.
  /// - Returns: `nil` for a short header, and where the parts do not fit.
  static func together(
    _ file: MappedFile, _ number: Int, _ place: Range<Int>, most: Int = mostParts, shortest: Int = shortestPart
  ) -> Self? {
    let count = min(most, place.count / shortest)
    guard count > 1, let parts = cut(file, place, count) else { return nil }
    var found = [Self?](repeating: nil, count: count)
    found.withUnsafeMutableBufferPointer { found in
      // Safe: each part writes to its own place.
      nonisolated(unsafe) let found = found
      DispatchQueue.concurrentPerform(iterations: count) { part in
        found[part] = try? Safetensors.Entries(
          file, number, parts[part], isFirst: part == 0, isLast: part == count - 1, dataStart: place.upperBound)
      }
    }
    guard var whole = found[0] else { return nil }
    whole.reserve(found.reduce(0) { $0 + ($1?.tensors.count ?? 0) })
    for part in 1..<count {
      guard let next = found[part] else { return nil }
      found[part] = nil
      whole.append(next)
    }
    return whole
  }

  /// Bytes of a part at least: what a thread is worth starting for.
  static let shortestPart = 1 << 20
  private static let mostParts = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  /// Bytes in which a place to cut is looked for.
  private static let window = 1 << 12

  /// Ranges of the text that begin at a comma behind a closing bracket; `nil` where one is not found soon.
  private static func cut(_ file: MappedFile, _ place: Range<Int>, _ count: Int) -> [Range<Int>]? {
    var starts = [place.lowerBound]
    for part in 1..<count {
      let from = place.lowerBound + place.count / count * part
      guard let text = try? file.copy(offset: from, count: min(window, place.upperBound - from)),
        let bracket = text.indices.dropLast().first(where: {
          text[$0] == UInt8(ascii: "}") && text[$0 + 1] == UInt8(ascii: ",")
        })
      else { return nil }
      starts.append(from + bracket + 1)
    }
    return zip(starts, starts.dropFirst() + [place.upperBound]).map { $0..<$1 }
  }
}
