import Compression

/// Something that the core engine can find out about one item.
public enum Question: Sendable, Hashable {
  /// Statistics, histogram, errors of every width.
  case survey(Int)
  /// Errors of every width after a sparsity.
  indirect case table(Int, Sparsity)
  /// Error and size of one scheme.
  indirect case assessment(Int, Scheme)
  /// The same with the histograms of ŵ and w − ŵ.
  indirect case detail(Int, Scheme)
  /// The norms of its parts.
  indirect case tiles(Int, Sparsity.Structure)
  /// Its first rows and columns.
  case corner(Int)
  /// Its histogram over what is drawn of it, where a few weights stretch its range.
  case closeUp(Int)
  /// The densities of its channels.
  case ridge(Int)

  public var item: Int {
    switch self {
    case .survey(let item), .table(let item, _), .assessment(let item, _), .detail(let item, _), .tiles(let item, _),
      .corner(let item), .closeUp(let item), .ridge(let item):
      item
    }
  }

  /// While a question waits, a newer one of its kind about the same item takes its place.
  enum Kind: Hashable {
    case table(Int), assessment(Int), detail(Int)
  }

  /// `nil` for what nothing replaces.
  var kind: Kind? {
    switch self {
    case .survey, .tiles, .corner, .closeUp, .ridge: nil
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
  case tiles(TileNorms)
  case corner(Corner)
  case closeUp(Histogram)
  case ridge(Ridge)
  case failure(String)
}

/// The first rows and columns of a weight, row by row.
public struct Corner: Sendable {
  public let rows: Int
  public let columns: Int
  public let values: [Float]

  /// At most so many of each: more than a screen shows.
  static let most = (rows: 64, columns: 128)
}

/// An answer on its way to the session.
public struct Report: Sendable {
  public let question: Question
  public let answer: Answer
}
