/// Which numbers a level is the nearest to.
struct LevelCells: Sendable, Hashable {
  /// In units of a scale, rising.
  let levels: [Float]
  /// Half way between neighbours.
  let edges: [Float]
  /// Whether neighbours lie one apart.
  let isEven: Bool

  init(_ levels: [Float]) {
    self.levels = levels
    edges = levels.indices.dropLast().map { 0.5 * (levels[$0] + levels[$0 + 1]) }
    isEven = LevelSteps.areEven(levels)
  }

  /// Beyond these nothing is near: half a step outside of the outer levels.
  var reach: ClosedRange<Float> {
    guard let first = levels.first, let last = levels.last, levels.count > 1 else { return 0...0 }
    return first - 0.5 * (levels[1] - first)...last + 0.5 * (last - levels[levels.count - 2])
  }

  /// The nearest level's code.
  @inline(__always)
  func code(_ x: Float) -> Int {
    if isEven {
      let place = (x - levels[0]).rounded()
      return place > 0 ? min(levels.count - 1, Int(min(place, 255))) : 0
    }
    var (low, high) = (0, edges.count)
    while low < high {
      let middle = (low + high) / 2
      if x > edges[middle] { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A weight in units of its scale, moved as little as makes a code's level the nearest.
  func place(_ weight: Float, _ scale: Float, _ base: Float, in code: UInt8) -> Float {
    let place = Int(code)
    guard scale != 0, weight.isFinite else { return levels[place] }
    let margin: Float = 0.15
    var x = (weight - base) / scale
    if place > 0 { x = max(x, edges[place - 1] + margin * (levels[place] - levels[place - 1])) }
    if place < edges.count { x = min(x, edges[place] - margin * (levels[place + 1] - levels[place])) }
    return x
  }
}
