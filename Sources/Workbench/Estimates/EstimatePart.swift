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
  /// The parts of items of which nothing is known yet, all kept.
  static func unread(_ items: [Item]) -> [EstimatePart] {
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
      return EstimatePart(
        bytes: item.bytes, isExact: true, isParameter: item.kind != .buffer && isOwn, counts: isWeight && isOwn,
        error: 0,
        reference: hasReference ? nil : 0)
    }
  }
}

/// What each item adds to the estimate of a recipe, in the items' order: kept up to date item by item, so that a total over
/// tens of thousands of tensors is a sum over an array.
struct EstimateParts: Sendable {
  private(set) var all: [EstimatePart]
  /// What each item alone does to the outputs, NaN while that is not known; empty without sensitivities.
  private(set) var effects: [Double] = []
  /// Counts the changes.
  private(set) var version = 0

  /// Of items of which nothing is known yet, all kept.
  init(unread items: [Item]) { all = EstimatePart.unread(items) }

  subscript(place: Int) -> EstimatePart {
    get { all[place] }
    set {
      all[place] = newValue
      version += 1
    }
  }

  /// - Parameter effect: `nil` while it is not known.
  mutating func setEffect(_ effect: Double?, at place: Int) {
    if effects.isEmpty { effects = [Double](repeating: 0, count: all.count) }
    effects[place] = effect ?? .nan
    version += 1
  }

  /// What they are worth has changed.
  mutating func touch() { version += 1 }

  mutating func clearEffects() {
    effects = []
    version += 1
  }
}
