import Compression

/// The surveys of a model's items: the figures of every item, and as many whole ones (histogram, channels, summary) as
/// there is room for, the latest. What is no longer whole is read again when somebody looks at it.
public struct Surveys: Sendable, Equatable {
  private struct Figures: Sendable, Equatable {
    let statistics: Statistics
    let errors: ErrorTable?
    let shape: DistributionShape?
  }

  private var figures: [Figures] = []
  /// By tensor, where its figures stand; −1 for a tensor that was not surveyed. Empty until one is.
  private var places: [Int32] = []
  private let tensors: Int
  private var whole: Recent<Item.ID, Survey>
  /// How many items have one.
  public var count: Int { figures.count }

  /// - Parameter tensors: how many the checkpoint has.
  init(tensors: Int, room: Int) {
    self.tensors = tensors
    whole = Recent(most: room)
  }

  public subscript(id: Item.ID) -> Survey? {
    if let survey = whole[id] { return survey }
    guard let known = figures(id) else { return nil }
    return Survey(statistics: known.statistics, errors: known.errors, shape: known.shape)
  }

  mutating func keep(_ survey: Survey, for id: Item.ID) {
    guard (0..<tensors).contains(id) else { return }
    if places.isEmpty { places = [Int32](repeating: -1, count: tensors) }
    let new = Figures(statistics: survey.statistics, errors: survey.errors, shape: survey.shape)
    if places[id] >= 0 {
      figures[Int(places[id])] = new
    } else {
      places[id] = Int32(clamping: figures.count)
      figures.append(new)
    }
    // A histogram without the rest of it does not displace what has all.
    if survey.isWhole || !survey.histogram.counts.isEmpty && whole[id]?.isWhole != true {
      whole.keep(survey, for: id, bytes: survey.byteCount)
    }
  }

  private func figures(_ id: Item.ID) -> Figures? {
    places.indices.contains(id) && places[id] >= 0 ? figures[Int(places[id])] : nil
  }

  /// Whether the same is known of the same tensors, in whatever order it came.
  public static func == (a: Surveys, b: Surveys) -> Bool {
    a.tensors == b.tensors && (0..<a.tensors).allSatisfy { a.figures($0) == b.figures($0) }
      && a.whole.values == b.whole.values
  }
}

extension Session {
  /// Bytes that whole surveys may take in a model of so many tensors, and whole assessments as many: less where the
  /// figures of all tensors take much.
  static func room(tensors: Int) -> Int { max(12 << 20, (96 << 20) - 512 * tensors) }
}
