/// The weights that share a scale.
public enum Granularity: Sendable, Hashable, Codable {
  case tensor
  /// An output channel: a row, an index of the weight's axis 0.
  case channel
  /// An index of another axis of the weight (1: its inputs; 2 and more: a kernel's places).
  case axis(Int)
  /// So many weights side by side in a row.
  case group(Int)

  /// Whether rows of `columns` weights divide into such runs.
  public func fits(columns: Int) -> Bool {
    if case .group(let size) = self { columns > 0 && columns % size == 0 } else { true }
  }

  /// Weights that share a scale within a row.
  func run(columns: Int) -> Int {
    if case .group(let size) = self { size } else { columns }
  }

  /// Scales of a weight whose rows are axis 0 of `shape`.
  public func scaleCount(rows: Int, columns: Int, shape: [Int]) -> Int {
    switch self {
    case .tensor: 1
    case .channel: rows
    case .axis(let axis): shape.indices.contains(axis) ? shape[axis] : 1
    case .group(let size): rows * (columns / size)
    }
  }
}

extension Granularity: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor: "tensor"
    case .channel: "channel"
    case .axis(let axis): "channel,axis=\(axis)"
    case .group(let size): "group=\(size)"
    }
  }
}

extension Granularity {
  /// - Parameter others: what else might have stood here.
  init(_ option: SpecOption, others: String) throws(SpecError) {
    switch (option.name, option.value) {
    case ("tensor", nil): self = .tensor
    case ("channel", nil): self = .channel
    case ("group", let value?):
      guard let size = Int(value), (2...65_536).contains(size) else {
        throw option.wrong("group=N with N from 2 to 65536")
      }
      self = .group(size)
    default: throw option.wrong("\(others), sparsity=, threshold= or coding=")
    }
  }
}
