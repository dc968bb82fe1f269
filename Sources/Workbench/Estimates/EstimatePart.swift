import Compression

/// What one item adds to an estimate under its scheme.
struct EstimatePart: Sendable {
  /// Bytes in the scheme.
  let bytes: Int
  let isExact: Bool
  /// Whether it is no buffer.
  let isParameter: Bool
  /// Whether its error counts: a weight's always, a vector's when it is not kept.
  let counts: Bool
  /// t² in the scheme, and in the unit of the damage; `nil` while they are not known.
  var error: Double? { knownError.isNaN ? nil : knownError }
  var reference: Double? { knownReference.isNaN ? nil : knownReference }
  // NaN for none: an optional number takes the room of two, and models have many tensors.
  private let knownError: Double
  private let knownReference: Double

  init(bytes: Int, isExact: Bool, isParameter: Bool, counts: Bool, error: Double?, reference: Double?) {
    self.bytes = bytes
    (self.isExact, self.isParameter, self.counts) = (isExact, isParameter, counts)
    (knownError, knownReference) = (error ?? .nan, reference ?? .nan)
  }
}

extension EstimatePart {
  /// The part of an item of which nothing is known yet, and which is kept.
  init(unread item: Item) {
    let isWeight = item.kind == .weight
    let isOwn = !item.isShared
    self.init(
      bytes: item.bytes, isExact: true, isParameter: item.kind != .buffer && isOwn, counts: isWeight && isOwn,
      error: 0, reference: isWeight && Estimate.unitFits(item) ? nil : 0)
  }
}

/// What each item adds to the estimate of a recipe, in the items' order: kept up to date item by item, so that a total over
/// tens of thousands of tensors is a sum over an array.
struct EstimateParts: Sendable {
  /// Empty while nothing is known of any item, and all are kept: models may have a million.
  private var known: [EstimatePart] = []
  /// What each item alone does to the outputs, NaN while that is not known; empty without sensitivities.
  private(set) var effects: [Double] = []
  /// Counts the changes.
  private(set) var version = 0

  /// Of an item at its place among all.
  func part(of item: Item, at place: Int) -> EstimatePart {
    known.isEmpty ? EstimatePart(unread: item) : known[place]
  }

  /// Calls a function with each item's place and part.
  func forEach(_ items: [Item], _ body: (Int, EstimatePart) -> Void) {
    if known.isEmpty {
      let items = items.span
      for place in items.indices { body(place, EstimatePart(unread: items[place])) }
    } else {
      for place in items.indices { body(place, known[place]) }
    }
  }

  /// - Parameter effect: `nil` while it is not known.
  mutating func set(effect: Double?, at place: Int, of count: Int) {
    if effects.isEmpty { effects = [Double](repeating: 0, count: count) }
    effects[place] = effect ?? .nan
    version += 1
  }

  /// What they are worth has changed.
  mutating func touch() { version += 1 }

  mutating func clearEffects() {
    effects = []
    version += 1
  }

  /// Changes that of the item at a place of `items`.
  mutating func set(_ part: EstimatePart, at place: Int, among items: [Item]) {
    if known.isEmpty {
      // What it was until now.
      known = items.map { EstimatePart(unread: $0) }
    }
    known[place] = part
    version += 1
  }
}
