import Compression

/// The front: choices that no mixture of others beats, from the least bytes to the least harm, a layer's step apart.
public struct SearchFront: Sendable {
  public let menu: SearchMenu
  private let start: [Int]
  private let steps: [Knapsack.Step]
  /// Of each point, the first of the cheapest choice: bytes of the whole, without a container.
  public let bytes: [Int]
  /// And the sum of all harms, of what was chosen before too.
  public let harms: [Double]

  /// - Complexity: O(options · log options).
  public init(_ menu: SearchMenu) {
    self.menu = menu
    let knapsack = menu.knapsack
    start = knapsack.hulls.map { $0[0] }
    steps = knapsack.steps
    var (size, harm) = (menu.bytes(start), knapsack.total(start).harm + menu.restHarm)
    var (bytes, harms) = ([size], [harm])
    for step in steps {
      size += Int(step.cost)
      harm = max(menu.restHarm, harm - step.gain)
      bytes.append(size)
      harms.append(harm)
    }
    (self.bytes, self.harms) = (bytes, harms)
  }

  /// How many points there are: at least one, where there is anything to choose.
  public var count: Int { bytes.count }

  /// The options at a point, by group.
  ///
  /// - Complexity: O(groups + steps).
  public func picks(at point: Int) -> [Int] {
    var picks = start
    for step in steps.prefix(max(0, point)) { picks[step.group] = step.to }
    return picks
  }

  public func recipe(at point: Int) -> Recipe { menu.recipe(picks(at: point)) }

  /// What leads to a point from the one before it: the layers and their schemes; `nil` at the first.
  public func change(to point: Int) -> (names: [String], from: Scheme, to: Scheme, bytes: Int, gain: Double)? {
    guard steps.indices.contains(point - 1) else { return nil }
    let step = steps[point - 1]
    let group = menu.groups[step.group]
    return (
      group.names, group.options[step.from].scheme, group.options[step.to].scheme, Int(step.cost), step.gain
    )
  }

  /// The last point that takes no more than so many bytes; `nil` where all take more.
  public func point(within limit: Int) -> Int? {
    // Bytes never fall from point to point.
    var (low, high) = (0, bytes.count)
    while low < high {
      let middle = (low + high) / 2
      if bytes[middle] <= limit { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? low - 1 : nil
  }
}
