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

  /// While a question waits, a newer one of its kind about the same item takes its place.
  enum Kind: Hashable {
    case table(Int), assessment(Int), detail(Int)
  }

  /// `nil` for what nothing replaces.
  var kind: Kind? {
    switch self {
    case .survey: nil
    case .table(let item, _): .table(item)
    case .assessment(let item, _): .assessment(item)
    case .detail(let item, _): .detail(item)
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
