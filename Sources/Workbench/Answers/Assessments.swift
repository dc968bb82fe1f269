import Compression

/// The assessments of a model's items by scheme: the figures of all, and as many whole ones (levels, every form's size,
/// histograms) as there is room for, the latest.
public struct Assessments: Sendable, Equatable {
  fileprivate struct Figures: Sendable, Equatable {
    let scheme: Int32
    let form: Size.Form
    let bytes: Int
    let scaleBytes: Int
    let dense: Int
    let squaredNorm: Double
    let nonFinite: Int
    // NaN for none: an optional number takes the room of two.
    let relativeError: Double
    let weightedError: Double
    let sparsity: Double
  }

  private struct Key: Hashable {
    let item: Item.ID
    let scheme: Int32
  }

  /// Of each tensor that has some, in the order in which they came.
  private var known: [[Figures]] = []
  /// By tensor, where its figures stand in `known`; −1 for a tensor that has none. Empty until one has.
  private var places: [Int32] = []
  private let tensors: Int
  private var schemes: [Scheme: Int32] = [:]
  private var whole: Recent<Key, Assessment>
  /// How many items have some.
  public private(set) var count = 0

  init(tensors: Int, room: Int) {
    self.tensors = tensors
    whole = Recent(most: room)
  }

  public subscript(id: Item.ID, scheme: Scheme) -> Assessment? {
    guard let place = place(id), let number = schemes[scheme] else { return nil }
    if let assessment = whole[Key(item: id, scheme: number)] { return assessment }
    return known[place].first { $0.scheme == number }.map(Assessment.init)
  }

  /// t² alone.
  func relativeError(_ id: Item.ID, _ scheme: Scheme) -> Double? {
    guard let place = place(id), let number = schemes[scheme] else { return nil }
    return known[place].first { $0.scheme == number }.flatMap { $0.relativeError.isNaN ? nil : $0.relativeError }
  }

  private func place(_ id: Item.ID) -> Int? {
    places.indices.contains(id) && places[id] >= 0 ? Int(places[id]) : nil
  }

  mutating func keep(_ assessment: Assessment, for id: Item.ID, in scheme: Scheme) {
    guard (0..<tensors).contains(id) else { return }
    if places.isEmpty { places = [Int32](repeating: -1, count: tensors) }
    let number = schemes[scheme] ?? Int32(clamping: schemes.count)
    schemes[scheme] = number
    let new = Figures(assessment, scheme: number)
    if places[id] < 0 {
      places[id] = Int32(clamping: known.count)
      known.append([])
    }
    let place = Int(places[id])
    if known[place].isEmpty { count += 1 }
    if let earlier = known[place].firstIndex(where: { $0.scheme == number }) {
      known[place][earlier] = new
    } else {
      known[place].append(new)
    }
    whole.keep(assessment, for: Key(item: id, scheme: number), bytes: assessment.byteCount)
  }

  /// Forgets all of an item.
  mutating func remove(_ id: Item.ID) {
    guard let place = place(id), !known[place].isEmpty else { return }
    for figures in known[place] { whole.remove(Key(item: id, scheme: figures.scheme)) }
    known[place] = []
    count -= 1
  }

  /// Whether the same is known of the same schemes, in whatever order it came.
  public static func == (a: Assessments, b: Assessments) -> Bool {
    func sorted(_ all: Assessments) -> [[String: Assessment]] {
      (0..<all.tensors).map { id in
        all.schemes.keys.reduce(into: [:]) { found, scheme in found["\(scheme)"] = all[id, scheme] }
      }
    }
    return a.tensors == b.tensors && sorted(a) == sorted(b)
  }
}

/// `nil` for NaN.
private func number(_ value: Double) -> Double? { value.isNaN ? nil : value }

extension Assessments.Figures {
  fileprivate init(_ assessment: Assessment, scheme: Int32) {
    self.init(
      scheme: scheme, form: assessment.size.form, bytes: assessment.size.bytes,
      scaleBytes: assessment.size.scaleBytes, dense: assessment.size.dense, squaredNorm: assessment.squaredNorm,
      nonFinite: assessment.nonFinite, relativeError: assessment.relativeError ?? .nan,
      weightedError: assessment.weightedError ?? .nan, sparsity: assessment.sparsity ?? .nan)
  }
}

extension Assessment {
  fileprivate init(_ figures: Assessments.Figures) {
    self.init(
      relativeError: number(figures.relativeError), weightedError: number(figures.weightedError),
      squaredNorm: figures.squaredNorm, nonFinite: figures.nonFinite, sparsity: number(figures.sparsity),
      size: Size(
        bytes: figures.bytes, form: figures.form, scaleBytes: figures.scaleBytes, dense: figures.dense))
  }

  /// About what it takes in memory.
  fileprivate var byteCount: Int {
    512 + 8 * ((levels?.multiples?.count ?? 0) + (reconstruction?.counts.count ?? 0) + (error?.counts.count ?? 0))
  }
}
