/// A weight as Compression sees it: a matrix of output channels (rows) by inputs (columns) that can be read in
/// pieces. A vector is one row.
public protocol WeightSource: Sendable {
  var rows: Int { get }
  var columns: Int { get }
  /// The axes: the first is the rows, the rest multiply to the columns.
  var shape: [Int] { get }
  /// Bytes that the weight takes as it is stored, and the bits of one stored number.
  var storedBytes: Int { get }
  var storedBits: Double { get }
  /// How much each input matters; `nil` where nobody measured it.
  var importances: Importances? { get }
  /// The 16-bit type that the numbers are stored in; `nil` for every other one.
  var halfType: HalfType? { get }
  /// Whether stored numbers stand row after row.
  var halvesAreRows: Bool { get }
  /// Weights that are best read at once: more than a chunk where the numbers of a row lie apart, so that a few rows cost
  /// as many reads as many do.
  var weightsPerRead: Int { get }
  /// Codes that were chosen for it; `nil` where each weight takes the nearest level.
  var chosen: ChosenWeight? { get }
  /// Fills `weights` (a whole number of rows, row-major) from row `row` on.
  ///
  /// - Throws: what the owner of the bytes throws; the message names the file and the tensor.
  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) throws
  /// Fills `halves` with stored numbers from `start` on, in the order of storage: what is counted, not where it stands.
  /// Asked only where there is a `halfType`.
  func readHalves(from start: Int, into halves: UnsafeMutableBufferPointer<UInt16>) throws
}

public enum HalfType: String, Sendable, Hashable, Codable { case f16, bf16 }

extension WeightSource {
  public var count: Int { rows * columns }
  public var shape: [Int] { [rows, columns] }
  public var importances: Importances? { nil }
  public var chosen: ChosenWeight? { nil }
  public var halfType: HalfType? { nil }
  public var halvesAreRows: Bool { true }
  public var weightsPerRead: Int { 0 }
  public func readHalves(from start: Int, into halves: UnsafeMutableBufferPointer<UInt16>) throws {}

  /// What schemes ask about.
  public var form: WeightForm {
    WeightForm(rows: rows, columns: columns, shape: shape, hasImportances: importances != nil)
  }
}

/// How much each input of a weight matters: E[x²] of what the columns are multiplied by, as llama.cpp's imatrix or
/// recorded activations have it.
public struct Importances: Sendable, Hashable {
  /// E[x²] by column; of a stack of experts one list each, their rows being equal parts of the weight's.
  public let squares: [[Float]]

  /// - Returns: `nil` where the numbers are none, negative, or no multiple of the columns.
  public init?(_ squares: [Float], columns: Int) {
    guard columns > 0, !squares.isEmpty, squares.count % columns == 0,
      squares.allSatisfy({ $0.isFinite && $0 >= 0 })
    else { return nil }
    self.squares = stride(from: 0, to: squares.count, by: columns).map { Array(squares[$0..<$0 + columns]) }
  }

  /// √E[x²]: what Wanda calls ‖x‖, up to a factor that all columns share.
  var norms: [[Float]] { squares.map { $0.map { $0.squareRoot() } } }

  /// The factors of a row's columns.
  func squares(ofRow row: Int, of rows: Int) -> [Float] {
    squares[min(squares.count - 1, row / max(1, rows / squares.count))]
  }
}

/// A weight held in memory, for tests and for small things.
public struct ArrayWeights: WeightSource {
  public let rows: Int
  public let columns: Int
  public let shape: [Int]
  public let values: [Float]
  public var importances: Importances?
  public let halfType: HalfType?
  private let halves: [UInt16]
  public var storedBits: Double { halfType == nil ? 32 : 16 }
  public var storedBytes: Int { values.count * (halfType == nil ? 4 : 2) }

  /// - Parameter shape: its first axis is the rows.
  public init(rows: Int, columns: Int, values: [Float], shape: [Int]? = nil, importances: [Float]? = nil) {
    precondition(rows * columns == values.count)
    self.rows = rows
    self.columns = columns
    self.values = values
    self.shape = shape ?? [rows, columns]
    self.importances = importances.flatMap { Importances($0, columns: columns) }
    halfType = nil
    halves = []
  }

  /// Numbers of 16 bits.
  public init(rows: Int, columns: Int, halves: [UInt16], type: HalfType) {
    precondition(rows * columns == halves.count)
    self.rows = rows
    self.columns = columns
    shape = [rows, columns]
    self.halves = halves
    values = halves.map { type.float($0) }
    halfType = type
  }

  public func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) {
    let start = row * columns
    _ = weights.update(from: values[start..<start + weights.count])
  }

  public func readHalves(from start: Int, into target: UnsafeMutableBufferPointer<UInt16>) {
    _ = target.update(from: halves[start..<start + target.count])
  }
}
