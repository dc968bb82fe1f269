import Compression
import FileAccess

extension SearchFront {
  /// A size that somebody has a reason to want.
  public struct Mark: Sendable, Hashable {
    public let point: Int
    /// `4.5 bits per weight`, `2 MiB`, `memory of jetson-orin-nano`.
    public let name: String
  }

  /// Points that keep the budgets that make sense: halves of a bit per weight, round sizes of files, what devices have.
  ///
  /// - Parameter overhead: bytes of a file beyond the packed ones.
  /// - Returns: by point, ascending; the last that keeps each.
  public func marks(overhead: Int = 0) -> [Mark] {
    guard let least = bytes.first, let most = bytes.last else { return [] }
    var marks: [Int: String] = [:]
    func mark(_ limit: Int, _ name: String) {
      guard limit >= least, limit < most, let point = point(within: limit) else { return }
      marks[point] = marks[point].map { "\($0), \(name)" } ?? name
    }
    let other = menu.restBytes - menu.restParameterBytes
    // Beyond eight bits few ask for halves.
    for bits in stride(from: 1.0, through: 8, by: 0.5).map({ $0 }) + [10, 12, 16] {
      mark(Int(saturating: bits * Double(menu.parameters) / 8) + other, "\(Format.fixed(bits, 1)) bits per weight")
    }
    for power in 10..<42 {
      for factor in [2, 3] {
        let size = factor << (power - 1)
        mark(size - overhead, Format.bytes(size))
      }
    }
    for device in DeviceProfile.all { mark(Int(saturating: device.memory), "memory of \(device.name)") }
    return marks.map { Mark(point: $0.key, name: $0.value) }.sorted { $0.point < $1.point }
  }

  /// The nearest mark above or below a point.
  public func mark(from point: Int, isUp: Bool, among marks: [Mark]) -> Mark? {
    isUp ? marks.first { $0.point > point } : marks.last { $0.point < point }
  }
}

extension SearchMenu {
  /// A layer's options on its own front, and what each next one costs and gives: why it got its bits.
  public struct Reason: Sendable {
    public let names: [String]
    public let options: [Option]
    /// Of each option after the first, the harm that a byte more saves.
    public let prices: [Double]
    /// The place of the present scheme; `nil` where it is none of these.
    public let present: Int?
    /// What the recipe as a whole pays: the price at which its last layer was bought.
    public let paid: Double?
  }

  /// - Returns: `nil` for a layer that no search chooses for.
  public func reason(for item: Item.ID, in recipe: Recipe) -> Reason? {
    guard let place = groups.firstIndex(where: { $0.items.contains(item) }) else { return nil }
    let knapsack = knapsack
    let hull = knapsack.hulls[place].map { groups[place].options[$0] }
    func price(_ options: [Option], _ index: Int) -> Double {
      let (from, to) = (options[index - 1], options[index])
      return (from.harm - to.harm) / Double(max(1, to.bytes - from.bytes))
    }
    // The dearest step that any layer has not taken, and the cheapest that one has, frame the price.
    var (taken, left): (Double?, Double?)
    for (group, all) in zip(groups, knapsack.hulls) {
      let options = all.map { group.options[$0] }
      guard let name = group.names.first,
        let at = options.firstIndex(where: { $0.scheme == recipe.choices[name]?.scheme ?? .keep })
      else { continue }
      if at > 0 { taken = min(taken ?? .infinity, price(options, at)) }
      if at + 1 < options.count { left = max(left ?? 0, price(options, at + 1)) }
    }
    let present = recipe.choices[groups[place].names[0]]?.scheme ?? .keep
    return Reason(
      names: groups[place].names, options: hull, prices: hull.indices.dropFirst().map { price(hull, $0) },
      present: hull.firstIndex { $0.scheme == present },
      paid: taken.map { low in left.map { ($0 * low).squareRoot() } ?? low } ?? left)
  }
}
