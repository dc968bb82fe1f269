import Compression

/// What was found out about a model's items, as far as it has come.
public struct Answers: Sendable {
  public internal(set) var surveys: Surveys
  public private(set) var tables: [Int: [Sparsity: ErrorTable]] = [:]
  public internal(set) var assessments: Assessments
  /// What summaries say at once, until an assessment comes.
  public internal(set) var atOnce: [Int: [Scheme: SummaryAnswer]] = [:]
  /// The norms of parts, whatever ratio of them goes.
  public private(set) var tiles: [Int: [Sparsity.Structure: TileNorms]] = [:]
  /// The first rows and columns of a weight.
  public private(set) var corners: [Int: Corner] = [:]
  /// Histograms over what is drawn, of the layers that were looked at last.
  public private(set) var closeUps = Recent<Int, Histogram>(most: 4 << 20)
  /// The densities of channels, of the layers that were looked at last.
  public private(set) var ridges = Recent<Int, Ridge>(most: 8 << 20)
  /// Why an item's numbers could not be read.
  public private(set) var failures: [Int: String] = [:]

  /// Whether no weight was read yet.
  var isBlank: Bool { surveys.count == 0 && assessments.count == 0 && failures.isEmpty }

  init(tensors: Int) {
    let room = Session.room(tensors: tensors)
    surveys = Surveys(tensors: tensors, room: room)
    assessments = Assessments(tensors: tensors, room: room)
  }

  /// Keeps what has come.
  mutating func keep(_ report: Report) {
    let item = report.question.item
    switch (report.question, report.answer) {
    case (_, .failure(let message)): failures[item] = message
    case (_, .survey(let survey)): surveys.keep(survey, for: item)
    case (.tiles(_, let structure), .tiles(let norms)): tiles[item, default: [:]][structure] = norms
    case (_, .corner(let corner)): corners[item] = corner
    case (_, .closeUp(let histogram)): closeUps.keep(histogram, for: item, bytes: 8 * histogram.counts.count)
    case (_, .ridge(let ridge)): ridges.keep(ridge, for: item, bytes: ridge.channels.count * (4 * Ridge.bins + 64))
    case (.table(_, let sparsity), .table(let table)): tables[item, default: [:]][sparsity] = table
    case (.detail(_, let scheme), .assessment(let assessment)),
      (.assessment(_, let scheme), .assessment(let assessment)):
      // A detailed answer stays when the plain one comes after it.
      if assessments[item, scheme]?.reconstruction == nil { assessments.keep(assessment, for: item, in: scheme) }
    default: break
    }
  }
}
