import Workbench

/// A table for people: columns as wide as their widest cell, numbers to the right.
struct TextTable {
  private let rightAligned: Set<Int>
  /// All cells, one after the other, each with an end that no text has: tables have a row a tensor.
  private var cells: [UInt8] = []
  private var widths: [Int]

  private static let end: UInt8 = 0xFF
  private static let space = UInt8(ascii: " ")

  /// - Parameter rows: about how many there will be.
  init(_ headings: [String], right: Set<Int> = [], rows: Int = 0) {
    rightAligned = right
    cells.reserveCapacity(64 * rows)
    widths = [Int](repeating: 0, count: headings.count)
    for (column, heading) in headings.enumerated() { put(heading, column) }
  }

  /// Adds a row; a cell that would stretch its column beyond 64 characters loses its middle.
  mutating func add(_ row: [String]) {
    for (column, cell) in row.enumerated() where column < widths.count {
      if column == row.count - 1 { put(cell, column) } else { putClipped(cell, column) }
    }
  }

  /// The same without a list.
  mutating func add(_ a: String, _ b: String, _ c: String, _ d: String, _ e: String, _ last: String) {
    putClipped(a, 0)
    putClipped(b, 1)
    putClipped(c, 2)
    putClipped(d, 3)
    putClipped(e, 4)
    put(last, 5)
  }

  private mutating func putClipped(_ cell: String, _ column: Int) {
    // No text has more columns than bytes.
    put(cell.utf8.count <= 64 ? cell : TextWidth.clipped(cell, to: 64, cut: .middle), column)
  }

  private mutating func put(_ cell: String, _ column: Int) {
    let start = cells.count
    cells.append(contentsOf: cell.utf8)
    let width = cells.withUnsafeBufferPointer { Self.width($0[start...]) }
    if width > widths[column] { widths[column] = width }
    cells.append(Self.end)
  }

  /// Characters of a cell: those of Latin-1 are one each, and need no splitting.
  private static func width(_ cell: Slice<UnsafeBufferPointer<UInt8>>) -> Int {
    var (continued, isLatin, isASCII) = (0, true, true)
    for byte in cell {
      isASCII = isASCII && byte < 0x80
      isLatin = isLatin && byte >= 0x20 && byte < 0xC4
      if byte & 0xC0 == 0x80 { continued += 1 }
    }
    if isASCII { return cell.count }
    return isLatin ? cell.count - continued : String(decoding: cell, as: UTF8.self).count
  }

  /// Gives the text in pieces of whole lines with their ends.
  func write(_ put: (String) throws -> Void) rethrows {
    var text: [UInt8] = []
    let page = 1 << 16
    text.reserveCapacity(page + page / 4)
    var at = 0
    while at < cells.count {
      at = cells.withUnsafeBufferPointer { appendLine($0, from: at, to: &text) }
      if text.count >= page || at >= cells.count {
        try put(String(decoding: text, as: UTF8.self))
        text.removeAll(keepingCapacity: true)
      }
    }
  }

  /// - Returns: where the next line's cells begin.
  private func appendLine(_ cells: UnsafeBufferPointer<UInt8>, from first: Int, to text: inout [UInt8]) -> Int {
    var at = first
    // Spaces that come before the next letter: none stand at a line's end.
    var waiting = 0
    for column in 0..<widths.count where at < cells.count {
      var end = at
      while end < cells.count, cells[end] != Self.end { end += 1 }
      let cell = cells[at..<end]
      at = end + 1
      let free = max(0, widths[column] - Self.width(cell))
      let isRight = rightAligned.contains(column)
      if column > 0 { waiting += 2 }
      if isRight { waiting += free }
      if let last = cell.lastIndex(where: { $0 != Self.space }) {
        for _ in 0..<waiting { text.append(Self.space) }
        text.append(contentsOf: UnsafeBufferPointer(rebasing: cell[...last]))
        waiting = end - 1 - last
      } else {
        waiting += cell.count
      }
      if !isRight { waiting += free }
    }
    text.append(0x0A)
    return at
  }

  var text: String {
    var text = ""
    write { text += $0 }
    text.unicodeScalars.removeLast()
    return text
  }
}
