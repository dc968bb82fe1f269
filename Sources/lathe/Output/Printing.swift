import TerminalUI
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
func emit(raw text: String) throws {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EPIPE { throw OutputClosed() }
    guard count > 0 else { throw Failure("standard output: cannot be written: \(String(cString: strerror(errno)))") }
    bytes = bytes.dropFirst(count)
  }
}

/// Whoever read standard output has enough: no fault of anybody's, and nobody to tell.
struct OutputClosed: Error {}

private func printableLines(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(separator: "\n")
}

/// A table for people: columns as wide as their widest cell, numbers to the right.
struct TextTable {
  private let headings: [String]
  private let rightAligned: Set<Int>
  private var rows: [[String]] = []

  init(_ headings: [String], right: Set<Int> = []) {
    self.headings = headings
    rightAligned = right
  }

  /// Adds a row; a cell that would stretch its column beyond 64 characters loses its middle.
  mutating func add(_ row: [String]) {
    rows.append(row.enumerated().map { $0 < row.count - 1 ? TextWidth.clipped($1, to: 64, cut: .middle) : $1 })
  }

  var text: String {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([headings] + rows).map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += (column > 0 ? "  " : "") + (rightAligned.contains(column) ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
