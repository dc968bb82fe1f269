/// How large a layer's inputs are: sums of squares by the columns of its matrix, over all rows that it was given.
///
/// What importance matrices hold (llama.cpp's imatrix), and the diagonal of the layer's Hessian.
public struct InputMoments: Sendable, Hashable {
  /// The checkpoint's layer.
  public let layer: Int
  /// Σ x² a column of the matrix, as `Checkpoint.readMatrix` has them.
  public internal(set) var squares: [Double]
  /// How many rows of inputs: tokens, or places that a filter is laid on.
  public internal(set) var rows = 0

  init(layer: Int, columns: Int) {
    self.layer = layer
    squares = .init(repeating: 0, count: columns)
  }

  /// E[x²] a column.
  public var means: [Float] { squares.map { Float($0 / Double(max(1, rows))) } }

  /// Adds rows of `columns` numbers each, one after another.
  mutating func add(_ x: UnsafeBufferPointer<Float>) {
    let columns = squares.count
    guard columns > 0 else { return }
    squares.withUnsafeMutableBufferPointer { squares in
      for start in stride(from: 0, to: x.count / columns * columns, by: columns) {
        for column in 0..<columns {
          let number = Double(x[start + column])
          squares[column] += number * number
        }
      }
    }
    rows += x.count / columns
  }
}
