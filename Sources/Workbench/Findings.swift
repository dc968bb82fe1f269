import Compression

/// Answers by question, as far as they have come.
public struct Findings: Sendable {
  public internal(set) var surveys: Surveys
  public var tables: [Int: [Sparsity: ErrorTable]] = [:]
  public internal(set) var assessments: Assessments
  /// What summaries say at once, until an assessment comes.
  public var answers: [Int: [Scheme: SummaryAnswer]] = [:]
  /// The norms of parts, whatever ratio of them goes.
  public var tiles: [Int: [Sparsity.Structure: TileNorms]] = [:]
  /// The first rows and columns of a weight.
  public var corners: [Int: Corner] = [:]
  /// Why an item's numbers could not be read.
  public var failures: [Int: String] = [:]

  /// Whether no weight was read yet.
  var isBlank: Bool { surveys.count == 0 && assessments.count == 0 && failures.isEmpty }

  init(tensors: Int) {
    let room = Session.room(tensors: tensors)
    surveys = Surveys(tensors: tensors, room: room)
    assessments = Assessments(tensors: tensors, room: room)
  }
}
