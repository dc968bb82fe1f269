import Compression

/// The surveys of a model's items: the figures of every item, and as many whole ones (histogram, channels, summary) as
/// there is room for, the latest. What is no longer whole is read again when somebody looks at it.
public struct Surveys: Sendable, Equatable {
  private struct Figures: Sendable, Equatable {
    let statistics: Statistics
    let errors: ErrorTable?
  }

  /// By tensor.
  private var figures: [Figures?]
  private var whole: Recent<Item.ID, Survey>
  /// How many items have one.
  public private(set) var count = 0

  /// - Parameter tensors: how many the checkpoint has.
  init(tensors: Int, room: Int) {
    figures = [Figures?](repeating: nil, count: tensors)
    whole = Recent(most: room)
  }

  public subscript(id: Item.ID) -> Survey? {
    if let survey = whole[id] { return survey }
    guard figures.indices.contains(id), let known = figures[id] else { return nil }
    return Survey(statistics: known.statistics, errors: known.errors)
  }

  mutating func keep(_ survey: Survey, for id: Item.ID) {
    guard figures.indices.contains(id) else { return }
    if figures[id] == nil { count += 1 }
    figures[id] = Figures(statistics: survey.statistics, errors: survey.errors)
    if survey.isWhole { whole.keep(survey, for: id, bytes: survey.byteCount) }
  }

  public static func == (a: Surveys, b: Surveys) -> Bool {
    a.figures == b.figures && a.whole.values == b.whole.values
  }
}

extension Session {
  /// Bytes that whole surveys may take in a model of so many tensors, and whole assessments as many: less where the
  /// figures of all tensors take much.
  static func room(tensors: Int) -> Int { max(12 << 20, (96 << 20) - 512 * tensors) }
}
