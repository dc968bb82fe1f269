import Compression

extension Session {
  /// The estimate for the recipe as it stands.
  ///
  /// - Complexity: O(items), an addition each.
  public var estimate: Estimate {
    var estimate = Estimate(items) { parts.forEach(items, $0) }
    estimate.effect = Self.total(parts.effects).map { $0 + interaction($0) { recipe[$0] } }
    return estimate
  }

  /// The estimate for any choice of schemes.
  ///
  /// - Complexity: O(items), with several look-ups each.
  public func estimate(_ scheme: (Item) -> Scheme) -> Estimate {
    var estimate = Estimate(items) { add in
      for (place, item) in items.enumerated() { add(place, part(of: item, in: scheme(item))) }
    }
    if sensitivities != nil {
      let sum = Self.total(items.map { effect(of: $0, in: scheme($0)) ?? .nan })
      estimate.effect = sum.map { $0 + interaction($0, scheme) }
    }
    return estimate
  }

  private static func total(_ effects: [Double]) -> Double? {
    guard !effects.isEmpty else { return nil }
    let sum = effects.reduce(0, +)
    return sum.isFinite ? sum : nil
  }

  func part(of item: Item, in scheme: Scheme) -> EstimatePart {
    let (bytes, exact) = bytes(of: item, in: scheme)
    let isWeight = item.kind == .weight
    let isOwn = item.sharedWith == nil
    return EstimatePart(
      bytes: bytes, isExact: exact, isParameter: item.kind != .buffer && isOwn,
      counts: (isWeight || !scheme.isKeep) && isOwn && !hasNoFiniteNumber(item),
      error: countedError(of: item, in: scheme),
      reference: !isWeight || !Estimate.unitFits(item)
        ? 0 : relativeError(of: item, inExactly: Estimate.unit))
  }

  /// An item's part in the damage: what it alone does to the outputs where that was measured (`sensitivities`), else n·t²;
  /// `nil` while its error is not known.
  public func damageShare(of item: Item) -> Double? {
    if sensitivities != nil { return effect(of: item, in: recipe[item]) }
    return countedError(of: item, in: recipe[item]).map { $0 * Double(item.count) }
  }

  /// t² as it counts in the damage; see `ChosenWeight.countedError`.
  func countedError(of item: Item, in scheme: Scheme) -> Double? {
    item.chosen(as: scheme)?.countedError ?? relativeError(of: item, in: scheme)
  }

  /// The same for each byte that an item's scheme saves: what costs most for what it gives. `nil` where nothing is saved, or
  /// where the error is not known.
  public func damagePerByte(of item: Item) -> Double? {
    let saved = item.bytes - bytes(of: item, in: recipe[item]).bytes
    guard saved > 0, let damage = damageShare(of: item) else { return nil }
    return damage / Double(saved)
  }

  /// What the next fewer or more bits of its kind would do to the damage, for each KiB that they save or cost: what
  /// `damageShare(of:)` counts in. `nil` where there is no such step, or where its error is not known.
  ///
  /// - Parameter step: −1 for fewer bits, 1 for more.
  package func price(of item: Item, step: Int) -> Double? {
    let present = recipe[item]
    let next = self.step(present, by: step, for: item)
    guard next != present, let before = damageShare(of: item), let after = damageShare(of: item, in: next) else {
      return nil
    }
    let bytes = Double(bytes(of: item, in: present).bytes - self.bytes(of: item, in: next).bytes)
    return bytes == 0 ? nil : max(0, (after - before) / bytes * 1024)
  }

  /// An item's part in the damage in another scheme.
  func damageShare(of item: Item, in scheme: Scheme) -> Double? {
    if sensitivities != nil { return effect(of: item, in: scheme) }
    return countedError(of: item, in: scheme).map { $0 * Double(item.count) }
  }

  /// The greatest part of an item.
  package var damageMost: Double {
    if !parts.effects.isEmpty { return parts.effects.reduce(0) { $1.isNaN ? $0 : max($0, $1) } }
    var most = 0.0
    parts.forEach(items) { most = max(most, ($1.error ?? 0) * Double(items[$0].count)) }
    return most
  }

  /// The sum of the parts of all items whose error is known.
  public var damageTotal: Double {
    if !parts.effects.isEmpty { return parts.effects.reduce(0) { $0 + ($1.isNaN ? 0 : $1) } }
    var total = 0.0
    parts.forEach(items) { total += ($1.error ?? 0) * Double(items[$0].count) }
    return total
  }

  /// What some items come to together, for a block of the list.
  public struct Subtotal: Sendable {
    public var stored = 0
    public var bytes = 0
    /// The sum of their parts in the damage, as far as it is known.
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
      if parts.effects.isEmpty {
        sum.damage += (part.error ?? 0) * Double(items[place].count)
      } else if !parts.effects[place].isNaN {
        sum.damage += parts.effects[place]
      }
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
