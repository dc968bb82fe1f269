/// A weight as Compression sees it: a matrix of output channels (rows) by inputs (columns) that can be read in
/// pieces. A vector is one row.
public protocol WeightSource: Sendable {
  var rows: Int { get }
  var columns: Int { get }
  /// Bytes that the weight takes as it is stored, and the bits of one stored number.
  var storedBytes: Int { get }
  var storedBits: Double { get }
  /// Fills `weights` (a whole number of rows, row-major) from row `row` on.
  ///
  /// - Throws: what the owner of the bytes throws; the message names the file and the tensor.
  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) throws
}

extension WeightSource {
  public var count: Int { rows * columns }
}

/// A weight held in memory, for tests and for small things.
public struct ArrayWeights: WeightSource {
  public let rows: Int
  public let columns: Int
  public let values: [Float]
  public var storedBits: Double { 32 }
  public var storedBytes: Int { values.count * 4 }

  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(rows * columns == values.count)
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  public func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) {
    let start = row * columns
    _ = weights.update(from: values[start..<start + weights.count])
  }
}
