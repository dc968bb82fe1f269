import TerminalUI

/// A table for people: columns as wide as their widest cell, numbers to the right.
struct TextTable {
  private let rightAligned: Set<Int>
  /// All cells, one after the other, each with an end that no text has: tables have a row a tensor.
  private var cells: [UInt8] = []
  private var widths: [Int]

  private static let end: UInt8 = 0xFF

  init(_ headings: [String], right: Set<Int> = []) {
    rightAligned = right
    widths = [Int](repeating: 0, count: headings.count)
    put(headings)
  }

  /// Adds a row; a cell that would stretch its column beyond 64 characters loses its middle.
  mutating func add(_ row: [String]) {
    put(row.enumerated().map { $0 < row.count - 1 ? TextWidth.clipped($1, to: 64, cut: .middle) : $1 })
  }

  private mutating func put(_ row: [String]) {
    for (column, cell) in row.enumerated() where column < widths.count {
      let start = cells.count
      cells.append(contentsOf: cell.utf8)
      widths[column] = max(widths[column], Self.width(cells[start...]))
      cells.append(Self.end)
    }
  }

  private static func width(_ cell: ArraySlice<UInt8>) -> Int {
    cell.allSatisfy { $0 < 0x80 } ? cell.count : String(decoding: cell, as: UTF8.self).count
  }

  /// Gives the lines one by one, without their ends.
  func forEachLine(_ body: (String) throws -> Void) rethrows {
    var at = 0
    var line: [UInt8] = []
    while at < cells.count {
      line.removeAll(keepingCapacity: true)
      for (column, width) in widths.enumerated() {
        guard let end = cells[at...].firstIndex(of: Self.end) else { return }
        let cell = cells[at..<end]
        at = end + 1
        let space = repeatElement(UInt8(ascii: " "), count: max(0, width - Self.width(cell)))
        if column > 0 { line.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2)) }
        if rightAligned.contains(column) { line.append(contentsOf: space) }
        line.append(contentsOf: cell)
        if !rightAligned.contains(column) { line.append(contentsOf: space) }
      }
      while line.last == UInt8(ascii: " ") { line.removeLast() }
      try body(String(decoding: line, as: UTF8.self))
    }
  }

  var text: String {
    var lines: [String] = []
    forEachLine { lines.append($0) }
    return lines.joined(separator: "\n")
  }
}
