import FileAccess
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a line to standard error: notes and progress, which never mix with JSON. What names and files say in it is made
/// printable here, whoever put it together.
func note(_ text: String) {
  let bytes = Array((printableLines(text) + "\n").utf8)
  _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}

/// Writes a text and a line's end to standard output, control characters of names made printable.
///
/// - Throws: `Failure` where it cannot be written (a full disk, a closed descriptor); `OutputClosed` where the reader has
///   gone.
func emit(_ text: String) throws { try emit(raw: printableLines(text) + "\n") }

/// The same of a text that is made here and may have control characters of its own.
func emit(raw text: String) throws { try emit(Array(text.utf8)) }

private func emit(_ bytes: [UInt8]) throws {
  var bytes = bytes[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EPIPE { throw OutputClosed() }
    guard count > 0 else { throw Failure("standard output: cannot be written: \(String(cString: strerror(errno)))") }
    bytes = bytes.dropFirst(count)
  }
}

/// Standard output for long texts, which are written as they are made, control characters of names made printable.
final class Pages {
  private var waiting: [UInt8] = []
  private static let page = 1 << 16

  /// - Parameter text: whole characters; lines may go over several pieces.
  /// - Throws: as `emit`.
  func put(_ text: String) throws {
    waiting.append(contentsOf: printableLines(text).utf8)
    if waiting.count >= Self.page { try flush() }
  }

  /// Writes what waits.
  func flush() throws {
    defer { waiting.removeAll(keepingCapacity: true) }
    try emit(waiting)
  }
}

/// Whoever read standard output has enough: no fault of anybody's, and nobody to tell.
struct OutputClosed: Error {}

func printableLines(_ text: String) -> String {
  if isPrintable(text, allowsLineEnds: true) { return text }
  return text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(
    separator: "\n")
}
