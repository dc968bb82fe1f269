import Compression

/// What a recipe costs and saves, as far as it is known without running the model.
public struct Estimate: Sendable, Hashable {
  /// Bytes of all tensors as coded, scales and zero points included, without a container's padding ("packed").
  public var bytes: Int
  /// Bytes of all tensors as stored.
  public var originalBytes: Int
  /// False while a sparse or coded size is not yet computed: `bytes` then has its dense size.
  public var isExact: Bool
  /// 8 · bytes of all parameters as coded / parameters.
  public var bitsPerWeight: Double
  public var originalBitsPerWeight: Double
  /// Σ n·t² / Σ n over weights, in units of `int4,group=32` everywhere; `nil` while that unit is not known, or when a
  /// chosen scheme's error is not computed.
  public var damage: Double?
  /// Weights whose share of the damage is known, of all.
  public var known: Int
  public var weights: Int

  /// `originalBytes / bytes`.
  public var ratio: Double { bytes > 0 ? Double(originalBytes) / Double(bytes) : 1 }

  /// The unit of the damage.
  public static let unit = Scheme(.uniform(UniformScheme(bits: 4)))

  /// Whether an item can take it: `obstacle(to:)` without the words, which models of many layers would wait for.
  static func unitFits(_ item: Item) -> Bool {
    item.closed == nil && item.matrix.rows > 0 && item.matrix.columns > 0 && item.matrix.columns % 32 == 0
  }
}

/// What one item adds to an estimate under its scheme. A session keeps the parts of its recipe up to date item by
/// item, so that a total over tens of thousands of tensors is a sum over an array.
struct Part: Sendable {
  /// Bytes as stored, and in the scheme.
  var stored: Int
  var bytes: Int
  var isExact: Bool
  var count: Int
  /// Whether it is no buffer.
  var isParameter: Bool
  /// Whether its error counts: a weight's always, a vector's when it is not kept.
  var counts: Bool
  /// t² in the scheme, and in the unit of the damage; `nil` while they are not known.
  var error: Double?
  var reference: Double?
}

extension Part {
  /// The parts of items of which nothing is known yet, all kept.
  static func unread(_ items: [Item]) -> [Part] {
    // Neighbours mostly have the same form.
    var last: (form: WeightForm, isTaken: Bool)?
    return items.map { item in
      let isWeight = item.kind == .weight
      let isOwn = !item.isShared
      var hasReference = false
      if isWeight, item.closed == nil {
        let form = item.form
        if last?.form != form { last = (form, Estimate.unit.obstacle(to: form) == nil) }
        hasReference = last?.isTaken == true
      }
      return Part(
        stored: item.bytes, bytes: item.bytes, isExact: true, count: item.count,
        isParameter: item.kind != .buffer && isOwn, counts: isWeight && isOwn, error: 0,
        reference: hasReference ? nil : 0)
    }
  }
}

extension Estimate {
  /// The sum of parts, in their order.
  init(_ parts: some Sequence<Part>) {
    self.init(
      bytes: 0, originalBytes: 0, isExact: true, bitsPerWeight: 0, originalBitsPerWeight: 0, damage: nil,
      known: 0, weights: 0)
    var (parameters, parameterBytes, originalParameterBytes) = (0, 0, 0)
    var (damage, unit) = (0.0, 0.0)
    var isComplete = true
    for part in parts {
      bytes += part.bytes
      originalBytes += part.stored
      isExact = isExact && part.isExact
      guard part.isParameter else { continue }
      parameters += part.count
      parameterBytes += part.bytes
      originalParameterBytes += part.stored
      guard part.counts else { continue }
      weights += part.count
      if let error = part.error, let reference = part.reference {
        damage += Double(part.count) * error
        unit += Double(part.count) * reference
        known += part.count
      } else {
        isComplete = false
      }
    }
    if isComplete, unit > 0 { self.damage = damage / unit }
    if parameters > 0 {
      bitsPerWeight = 8 * Double(parameterBytes) / Double(parameters)
      originalBitsPerWeight = 8 * Double(originalParameterBytes) / Double(parameters)
    }
  }
}

extension Session {
  /// The estimate for the recipe as it stands.
  ///
  /// - Complexity: O(items), an addition each.
  public var estimate: Estimate { Estimate(parts) }

  /// The estimate for any choice of schemes.
  ///
  /// - Complexity: O(items), with several look-ups each.
  public func estimate(_ scheme: (Item) -> Scheme) -> Estimate {
    Estimate(items.map { part(of: $0, in: scheme($0)) })
  }

  func part(of item: Item, in scheme: Scheme) -> Part {
    let (bytes, exact) = bytes(of: item, in: scheme)
    let isWeight = item.kind == .weight
    let isOwn = item.sharedWith == nil
    return Part(
      stored: item.bytes, bytes: bytes, isExact: exact, count: item.count,
      isParameter: item.kind != .buffer && isOwn,
      counts: (isWeight || !scheme.isKeep) && isOwn && !hasNoNumbers(item), error: relativeError(of: item, in: scheme),
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
  public var damageTotal: Double { parts.reduce(0) { $0 + ($1.error ?? 0) * Double($1.count) } }

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
    for place in ids.lazy.compactMap(place(of:)) {
      sum.stored += parts[place].stored
      sum.bytes += parts[place].bytes
      sum.damage += (parts[place].error ?? 0) * Double(parts[place].count)
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
