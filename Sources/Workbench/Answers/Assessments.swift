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

  /// By tensor, in the order in which they came.
  private var figures: [[Figures]]
  private var schemes: [Scheme: Int32] = [:]
  private var whole: Recent<Key, Assessment>
  /// How many items have some.
  public private(set) var count = 0

  init(tensors: Int, room: Int) {
    figures = [[Figures]](repeating: [], count: tensors)
    whole = Recent(most: room)
  }

  public subscript(id: Item.ID, scheme: Scheme) -> Assessment? {
    guard figures.indices.contains(id), !figures[id].isEmpty, let number = schemes[scheme] else { return nil }
    if let assessment = whole[Key(item: id, scheme: number)] { return assessment }
    return figures[id].first { $0.scheme == number }.map(Assessment.init)
  }

  /// t² alone.
  func relativeError(_ id: Item.ID, _ scheme: Scheme) -> Double? {
    guard figures.indices.contains(id), !figures[id].isEmpty, let number = schemes[scheme] else { return nil }
    return figures[id].first { $0.scheme == number }.flatMap { known($0.relativeError) }
  }

  mutating func keep(_ assessment: Assessment, for id: Item.ID, in scheme: Scheme) {
    guard figures.indices.contains(id) else { return }
    let number = schemes[scheme] ?? Int32(clamping: schemes.count)
    schemes[scheme] = number
    let new = Figures(assessment, scheme: number)
    if figures[id].isEmpty { count += 1 }
    if let place = figures[id].firstIndex(where: { $0.scheme == number }) {
      figures[id][place] = new
    } else {
      figures[id].append(new)
    }
    whole.keep(assessment, for: Key(item: id, scheme: number), bytes: assessment.byteCount)
  }

  /// Forgets all of an item.
  mutating func remove(_ id: Item.ID) {
    guard figures.indices.contains(id), !figures[id].isEmpty else { return }
    for known in figures[id] { whole.remove(Key(item: id, scheme: known.scheme)) }
    figures[id] = []
    count -= 1
  }

  /// Whether the same is known of the same schemes, in whatever order it came.
  public static func == (a: Assessments, b: Assessments) -> Bool {
    func sorted(_ all: Assessments) -> [[String: Assessment]] {
      all.figures.indices.map { id in
        all.schemes.keys.reduce(into: [:]) { found, scheme in found["\(scheme)"] = all[id, scheme] }
      }
    }
    return a.figures.count == b.figures.count && sorted(a) == sorted(b)
  }
}

private func known(_ value: Double) -> Double? { value.isNaN ? nil : value }

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
      relativeError: known(figures.relativeError), weightedError: known(figures.weightedError),
      squaredNorm: figures.squaredNorm, nonFinite: figures.nonFinite, sparsity: known(figures.sparsity),
      size: Size(
        bytes: figures.bytes, form: figures.form, scaleBytes: figures.scaleBytes, dense: figures.dense))
  }

  /// About what it takes in memory.
  fileprivate var byteCount: Int {
    512 + 8 * ((levels?.multiples?.count ?? 0) + (reconstruction?.counts.count ?? 0) + (error?.counts.count ?? 0))
  }
}
