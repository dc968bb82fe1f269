/// What a terminal would show: as much of xterm's control sequences as curses sends for it, so that a repaint can be
/// told from the text on the screen, however curses chose to send it.
struct TerminalScreen {
  private(set) var cells: [[Cell]]
  private let width: Int
  private let height: Int
  private var x = 0
  private var y = 0
  private var look = 0
  private var last: Unicode.Scalar = " "
  /// A control sequence or a character that has only begun.
  private var pending: [UInt8] = []

  struct Cell: Equatable {
    var scalar: Unicode.Scalar = " "
    /// Colours and attributes, as one number.
    var look = 0
  }

  init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    cells = Array(repeating: Array(repeating: Cell(), count: width), count: height)
  }

  func text(_ row: Int) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: cells[row].map(\.scalar))
    return String(text)
  }

  var text: String { (0..<height).map(text).joined(separator: "\n") }

  mutating func feed(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      pending.append(byte)
      if take() { pending.removeAll(keepingCapacity: true) }
    }
  }

  /// Acts on what is pending if it is complete.
  private mutating func take() -> Bool {
    let first = pending[0]
    if first == 0x1B { return takeEscape() }
    if first < 0x20 {
      switch first {
      case 0x0D: x = 0
      case 0x0A: y = min(height - 1, y + 1)
      case 0x08: x = max(0, x - 1)
      case 0x09: x = min(width - 1, (x / 8 + 1) * 8)
      default: break
      }
      return true
    }
    let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    guard pending.count == length else { return false }
    put(String(decoding: pending, as: UTF8.self).unicodeScalars.first ?? "?")
    return true
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    if x >= width { (x, y) = (0, min(height - 1, y + 1)) }
    cells[y][x] = Cell(scalar: scalar, look: look)
    last = scalar
    x += 1
  }

  private mutating func takeEscape() -> Bool {
    guard pending.count > 1 else { return false }
    let final = pending[pending.count - 1]
    switch pending[1] {
    case UInt8(ascii: "["):
      guard pending.count > 2, (0x40...0x7E).contains(final) else { return false }
      control(final, pending[2..<pending.count - 1])
      return true
    case UInt8(ascii: "]"): return final == 0x07 || final == UInt8(ascii: "\\")
    case UInt8(ascii: "("), UInt8(ascii: ")"): return pending.count == 3
    default: return true
    }
  }

  private mutating func control(_ final: UInt8, _ text: ArraySlice<UInt8>) {
    if text.first == UInt8(ascii: "?") || text.first == UInt8(ascii: ">") { return }
    let numbers = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map {
      Int(String(decoding: $0, as: UTF8.self)) ?? 0
    }
    let count = max(1, numbers.first ?? 1)
    let column = min(x, width - 1)
    switch Unicode.Scalar(final) {
    case "A": y = max(0, y - count)
    case "B": y = min(height - 1, y + count)
    case "C": x = min(width - 1, column + count)
    case "D": x = max(0, column - count)
    case "G": x = min(width - 1, count - 1)
    case "d": y = min(height - 1, count - 1)
    case "H":
      y = min(height - 1, count - 1)
      x = min(width - 1, max(1, numbers.count > 1 ? numbers[1] : 1) - 1)
    case "J": erase(numbers.first ?? 0, from: y * width + column, of: 0..<height * width)
    case "K": erase(numbers.first ?? 0, from: y * width + column, of: y * width..<(y + 1) * width)
    case "X": erase(0, from: y * width + column, of: y * width..<y * width + min(width, column + count))
    case "P":
      cells[y].removeSubrange(column..<min(width, column + count))
      while cells[y].count < width { cells[y].append(Cell(scalar: " ", look: look)) }
    case "@":
      cells[y].insert(contentsOf: Array(repeating: Cell(scalar: " ", look: look), count: count), at: column)
      cells[y].removeSubrange(width...)
    case "b": for _ in 0..<count { put(last) }
    case "m": restyle(numbers)
    default: break
    }
  }

  /// Erases from a place to the end of a range of cells (0), from its start to the place (1), or all of it (2).
  private mutating func erase(_ mode: Int, from place: Int, of range: Range<Int>) {
    let erased =
      switch mode {
      case 0: place..<range.upperBound
      case 1: range.lowerBound..<place + 1
      default: range
      }
    for index in erased { cells[index / width][index % width] = Cell(scalar: " ", look: look) }
  }

  /// Foreground in the low ten bits, background in the next ten, attributes above.
  private mutating func restyle(_ numbers: [Int]) {
    var index = 0
    func set(_ shift: Int, _ value: Int) { look = look & ~(0x3FF << shift) | value << shift }
    while index < numbers.count {
      switch numbers[index] {
      case 0: look = 0
      case 1...9: look |= 1 << (20 + numbers[index])
      case 22: look &= ~(0b110 << 20)
      case 23...29: look &= ~(1 << numbers[index])
      case 30...37: set(0, numbers[index] - 29)
      case 40...47: set(10, numbers[index] - 39)
      case 90...97: set(0, numbers[index] - 81)
      case 100...107: set(10, numbers[index] - 91)
      case 38, 48:
        if index + 2 < numbers.count { set(numbers[index] == 38 ? 0 : 10, numbers[index + 2] + 1) }
        index += 2
      case 39: set(0, 0)
      case 49: set(10, 0)
      default: break
      }
      index += 1
    }
  }
}
