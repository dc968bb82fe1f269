import Compression

/// What there is to choose from: for each layer, or for layers that move together, the schemes that it can take, what each
/// takes and what it does.
public struct SearchMenu: Sendable {
  public let groups: [Group]
  /// What was chosen before and stays.
  let base: Recipe
  /// Bytes of what is not chosen for, and of these those of parameters.
  let restBytes: Int
  /// The harm of what was chosen before.
  let restHarm: Double
  let restParameterBytes: Int
  let parameters: Int
  let originalBytes: Int
  /// Whether harm is the effect on the outputs, and not n·t².
  public let isCalibrated: Bool
  let interactions: Interactions?

  /// A layer, or layers that have one scheme.
  public struct Group: Sendable {
    public let items: [Item.ID]
    public let names: [String]
    /// Weights in all.
    public let count: Int
    /// The cheapest first.
    public let options: [Option]

    public init(items: [Item.ID], names: [String], count: Int, options: [Option]) {
      (self.items, self.names, self.count, self.options) = (items, names, count, options)
    }
  }

  public struct Option: Sendable, Hashable {
    public let scheme: Scheme
    /// Of all layers of the group.
    public let bytes: Int
    public let harm: Double

    public init(scheme: Scheme, bytes: Int, harm: Double) {
      (self.scheme, self.bytes, self.harm) = (scheme, bytes, harm)
    }
  }

  /// A menu of these groups alone.
  public init(_ groups: [Group]) {
    self.init(
      groups: groups, base: Recipe(), restBytes: 0, restParameterBytes: 0, restHarm: 0,
      parameters: groups.reduce(0) { $0 + $1.count }, originalBytes: 0, isCalibrated: true, interactions: nil)
  }

  init(
    groups: [Group], base: Recipe, restBytes: Int, restParameterBytes: Int, restHarm: Double, parameters: Int,
    originalBytes: Int,
    isCalibrated: Bool, interactions: Interactions?
  ) {
    (self.groups, self.base, self.interactions, self.isCalibrated) = (groups, base, interactions, isCalibrated)
    (self.restBytes, self.restParameterBytes, self.restHarm) = (restBytes, restParameterBytes, restHarm)
    (self.parameters, self.originalBytes) = (parameters, originalBytes)
  }

  /// The least harm within so many bytes of the whole, and how much less another choice could do, as a share; `nil` where
  /// the cheapest choice takes more.
  public func search(bytes: Int) -> (recipe: Recipe, gap: Double)? {
    knapsack.solve(limit: Double(bytes - restBytes)).map { (recipe($0.picks), $0.gap) }
  }

  /// One scheme everywhere, for each that at least half of the weights can take.
  public var uniformRecipes: [(name: String, recipe: Recipe)] {
    commonSchemes.compactMap { scheme in uniform(scheme).map { ("\(scheme)", recipe($0)) } }
  }

  /// The problem in bytes.
  var knapsack: Knapsack {
    Knapsack(groups.map { $0.options.map { .init(cost: Double($0.bytes), harm: $0.harm) } })
  }

  /// Bytes of the whole, without a container.
  func bytes(_ picks: [Int]) -> Int {
    zip(groups, picks).reduce(restBytes) { $0 + $1.0.options[$1.1].bytes }
  }

  /// The recipe of a choice; layers that stay as they are are not in it.
  public func recipe(_ picks: [Int]) -> Recipe {
    var recipe = base
    for (group, pick) in zip(groups, picks) {
      let scheme = group.options[pick].scheme
      for name in group.names { recipe.choices[name] = scheme.isKeep ? nil : .init(scheme, by: .search) }
    }
    return recipe
  }

  /// One scheme everywhere; where a layer cannot take it, what takes about as many bits.
  func uniform(_ scheme: Scheme) -> [Int]? {
    let places = groups.map { group in group.options.firstIndex { $0.scheme == scheme } }
    var (bytes, count) = (0.0, 0.0)
    for (group, place) in zip(groups, places) {
      guard let place else { continue }
      bytes += Double(group.options[place].bytes)
      count += Double(group.count)
    }
    guard count > 0 else { return nil }
    return zip(groups, places).map { group, place in
      if let place { return place }
      let wanted = bytes / count * Double(group.count)
      let options = group.options
      return options.indices.min { abs(Double(options[$0].bytes) - wanted) < abs(Double(options[$1].bytes) - wanted) }
        ?? 0
    }
  }

  /// The schemes that at least half of the weights can take, but `keep`.
  var commonSchemes: [Scheme] {
    var (counts, order): ([Scheme: Int], [Scheme]) = ([:], [])
    for group in groups {
      for option in group.options where !option.scheme.isKeep {
        if counts[option.scheme] == nil { order.append(option.scheme) }
        counts[option.scheme, default: 0] += group.count
      }
    }
    let all = groups.reduce(0) { $0 + $1.count }
    return order.filter { 2 * (counts[$0] ?? 0) >= all }
  }
}
