/// A place on the screen, in cells from the upper left.
struct Point: Hashable, Sendable {
  var x: Int
  var y: Int
}

/// The extent of a screen, in cells.
package struct Size: Hashable, Sendable, CustomStringConvertible {
  var width: Int
  var height: Int

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Reads `120x40`; nil for anything else, for zero, and above 10,000 either way.
  package init?(_ text: String) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]),
      (1...10_000).contains(width), (1...10_000).contains(height)
    else { return nil }
    self.init(width: width, height: height)
  }

  package var description: String { "\(width)x\(height)" }
}

/// A rectangle of cells. Its sides are never negative, so that panes can be taken off it without
/// asking whether there is room: what does not fit is empty.
struct Rect: Hashable, Sendable {
  var x: Int
  var y: Int
  private(set) var width: Int
  private(set) var height: Int

  init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = max(0, width)
    self.height = max(0, height)
  }

  init(_ size: Size) {
    self.init(x: 0, y: 0, width: size.width, height: size.height)
  }

  var minX: Int { x }
  var minY: Int { y }
  /// The first column to the right of it.
  var maxX: Int { x + width }
  /// The first row below it.
  var maxY: Int { y + height }
  var isEmpty: Bool { width == 0 || height == 0 }
  var size: Size { Size(width: width, height: height) }

  func contains(_ point: Point) -> Bool {
    point.x >= x && point.x < maxX && point.y >= y && point.y < maxY
  }

  /// The part that both cover.
  func intersection(_ other: Rect) -> Rect {
    let left = max(x, other.x)
    let top = max(y, other.y)
    return Rect(
      x: left, y: top, width: min(maxX, other.maxX) - left, height: min(maxY, other.maxY) - top)
  }

  /// Without `dx` columns at the left and the right and `dy` rows above and below.
  func inset(dx: Int = 1, dy: Int = 1) -> Rect {
    Rect(x: x + dx, y: y + dy, width: width - 2 * dx, height: height - 2 * dy)
  }

  /// The upper `rows` rows and the rest. As the others it gives at most what there is.
  func splitTop(_ rows: Int) -> (top: Rect, rest: Rect) {
    let rows = min(max(0, rows), height)
    return (
      Rect(x: x, y: y, width: width, height: rows),
      Rect(x: x, y: y + rows, width: width, height: height - rows)
    )
  }

  /// The lower `rows` rows and the rest above them.
  func splitBottom(_ rows: Int) -> (rest: Rect, bottom: Rect) {
    let (rest, bottom) = splitTop(height - min(max(0, rows), height))
    return (rest, bottom)
  }

  /// The left `columns` columns and the rest.
  func splitLeft(_ columns: Int) -> (left: Rect, rest: Rect) {
    let columns = min(max(0, columns), width)
    return (
      Rect(x: x, y: y, width: columns, height: height),
      Rect(x: x + columns, y: y, width: width - columns, height: height)
    )
  }

  /// One row of it, counted from its top; empty where it has none.
  func row(_ index: Int) -> Rect {
    guard index >= 0, index < height else { return Rect(x: x, y: y, width: 0, height: 0) }
    return Rect(x: x, y: y + index, width: width, height: 1)
  }

  /// A rectangle of at most this size in the middle.
  func centered(width wanted: Int, height tall: Int) -> Rect {
    let w = min(max(0, wanted), width)
    let h = min(max(0, tall), height)
    return Rect(x: x + (width - w) / 2, y: y + (height - h) / 2, width: w, height: h)
  }
}
