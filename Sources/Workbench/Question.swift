import Compression

/// Something that the core engine can find out about one item.
public enum Question: Sendable, Hashable {
  /// Statistics, histogram, errors of every width.
  case survey(Int)
  /// Errors of every width after a sparsity.
  case table(Int, Sparsity)
  /// Error and size of one scheme.
  case assessment(Int, Scheme)
  /// The same with the histograms of ŵ and w − ŵ.
  case detail(Int, Scheme)

  public var item: Int {
    switch self {
    case .survey(let item), .table(let item, _), .assessment(let item, _), .detail(let item, _): item
    }
  }

  /// Whether a newer question takes the place of this one while it waits: the same kind about the same item.
  func isReplaced(by newer: Question) -> Bool {
    guard item == newer.item else { return false }
    return switch (self, newer) {
    case (.table, .table), (.assessment, .assessment), (.detail, .detail): true
    default: false
    }
  }
}

/// What was found, or why nothing could be.
public enum Answer: Sendable {
  case survey(Survey)
  case table(ErrorTable)
  case assessment(Assessment)
  case failure(String)
}

/// An answer on its way to the session.
public struct Report: Sendable {
  public let question: Question
  public let answer: Answer
}
