import Compression

extension Session {
  /// The estimate for the recipe as it stands.
  ///
  /// - Complexity: O(items), an addition each.
  public var estimate: Estimate { Estimate(items) { parts.forEach(items, $0) } }

  /// The estimate for any choice of schemes.
  ///
  /// - Complexity: O(items), with several look-ups each.
  public func estimate(_ scheme: (Item) -> Scheme) -> Estimate {
    Estimate(items) { add in
      for (place, item) in items.enumerated() { add(place, part(of: item, in: scheme(item))) }
    }
  }

  func part(of item: Item, in scheme: Scheme) -> EstimatePart {
    let (bytes, exact) = bytes(of: item, in: scheme)
    let isWeight = item.kind == .weight
    let isOwn = item.sharedWith == nil
    return EstimatePart(
      bytes: bytes, isExact: exact, isParameter: item.kind != .buffer && isOwn,
      counts: (isWeight || !scheme.isKeep) && isOwn && !hasNoFiniteNumber(item),
      error: relativeError(of: item, in: scheme),
      reference: !isWeight || !Estimate.unitFits(item)
        ? 0 : relativeError(of: item, inExactly: Estimate.unit))
  }

  /// n·t²: an item's part in the damage; `nil` while its error is not known.
  public func damageShare(of item: Item) -> Double? {
    relativeError(of: item, in: recipe[item]).map { $0 * Double(item.count) }
  }

  /// n·t² for each byte that an item's scheme saves: what costs most for what it gives. `nil` where nothing is saved, or
  /// where the error is not known.
  public func damagePerByte(of item: Item) -> Double? {
    let saved = item.bytes - bytes(of: item, in: recipe[item]).bytes
    guard saved > 0, let damage = damageShare(of: item) else { return nil }
    return damage / Double(saved)
  }

  /// Σ n·t² over all items whose error is known.
  public var damageTotal: Double {
    var total = 0.0
    parts.forEach(items) { total += ($1.error ?? 0) * Double(items[$0].count) }
    return total
  }

  /// What some items come to together, for a block of the list.
  public struct Subtotal: Sendable {
    public var stored = 0
    public var bytes = 0
    /// Σ n·t² as far as it is known.
    public var damage = 0.0
    public var scheme = CommonScheme.none

    public init() {}
  }

  /// The scheme of all weights among some items.
  public enum CommonScheme: Sendable, Equatable {
    case none, one(Scheme), several
  }

  public func subtotal(of ids: [Item.ID]) -> Subtotal {
    var sum = Subtotal()
    let isKept = recipe.choices.isEmpty
    for place in ids.lazy.compactMap(table.place(of:)) {
      let part = parts.part(of: items[place], at: place)
      sum.stored += items[place].bytes
      sum.bytes += part.bytes
      sum.damage += (part.error ?? 0) * Double(items[place].count)
      guard items[place].kind == .weight else { continue }
      switch sum.scheme {
      case .none: sum.scheme = .one(recipe[items[place]])
      case .one(let scheme): if !isKept, scheme != recipe[items[place]] { sum.scheme = .several }
      case .several: break
      }
    }
    return sum
  }
}
