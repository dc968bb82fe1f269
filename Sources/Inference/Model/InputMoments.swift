/// How large a layer's inputs are: sums of squares by the columns of its matrix, over all rows that it was given.
///
/// What importance matrices hold (llama.cpp's imatrix), and the diagonal of the layer's Hessian.
public struct InputMoments: Sendable, Hashable {
  /// The checkpoint's layer.
  public let layer: Int
  /// Σ x² a column of the matrix, as `Checkpoint.readMatrix` has them; of a stack of experts those of each, one expert
  /// after another.
  public internal(set) var squares: [Double]
  /// How many rows of inputs: tokens, or places that a filter is laid on. Of a stack, those of each expert.
  public internal(set) var partRows: [Int]

  init(layer: Int, columns: Int, parts: Int = 1) {
    self.layer = layer
    squares = .init(repeating: 0, count: columns * parts)
    partRows = .init(repeating: 0, count: parts)
  }

  /// Rows of inputs of all parts.
  public var rows: Int { partRows.reduce(0, +) }
  /// Columns of the matrix.
  public var columns: Int { squares.count / max(1, partRows.count) }

  /// E[x²] a column, of a stack each expert's.
  public var means: [Float] {
    let columns = columns
    return squares.indices.map { Float(squares[$0] / Double(max(1, partRows[$0 / max(1, columns)]))) }
  }

  /// Adds rows of `columns` numbers each, one after another.
  mutating func add(_ x: UnsafeBufferPointer<Float>, to part: Int = 0) {
    let columns = columns
    guard columns > 0, partRows.indices.contains(part) else { return }
    partRows[part] += x.count / columns
    squares.withUnsafeMutableBufferPointer { squares in
      guard let squares = squares.baseAddress.map({ $0 + part * columns }) else { return }
      for start in stride(from: 0, to: x.count / columns * columns, by: columns) {
        for column in 0..<columns {
          let number = Double(x[start + column])
          squares[column] += number * number
        }
      }
    }
  }
}
