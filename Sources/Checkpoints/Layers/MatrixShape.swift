/// A weight seen as a matrix of output channels (rows) by inputs (columns), in its storage.
///
/// Element (r, c) with c = o·inner + i lies at (o·rows + r)·inner + i: with `outer` = 1 the rows lie whole
/// one after another; an ONNX MatMul weight (inputs, outputs) has `outer` = inputs and `inner` = 1.
///
/// A stack of experts has `stack` matrices one after another, each of `height` rows that lie so among themselves; its
/// rows are those of the first expert, then those of the second, and so on.
public struct MatrixShape: Sendable, Hashable {
  public let rows: Int
  public let columns: Int
  public let outer: Int
  /// Matrices that lie one after another; a divisor of `rows`.
  public let stack: Int

  public var inner: Int { outer == 0 ? 0 : columns / outer }
  /// Rows of one matrix of the stack.
  public var height: Int { stack == 0 ? 0 : rows / stack }
  /// Whether storage order is row by row.
  public var isRowMajor: Bool { outer == 1 }

  public init(rows: Int, columns: Int, outer: Int = 1, stack: Int = 1) {
    self.rows = rows
    self.columns = columns
    self.outer = outer
    self.stack = stack
  }

  /// A matrix of outputs by inputs in the order that the file stores it. Precondition: `values` has its size.
  public func storageOrder(_ values: [Float]) -> [Float] { reordered(values, isStored: false) }

  /// What the file stores as a matrix of outputs by inputs, row by row. Precondition: `stored` has its size.
  public func rowOrder(_ stored: [Float]) -> [Float] { reordered(stored, isStored: true) }

  /// Between (height, outer, inner) and (outer, height, inner), by tiles that stay in cache.
  private func reordered(_ values: [Float], isStored: Bool) -> [Float] {
    precondition(values.count == rows * columns)
    if isRowMajor || values.isEmpty { return values }
    let (tile, inner) = (32, inner)
    return [Float](unsafeUninitializedCapacity: values.count) { result, count in
      count = values.count
      values.withUnsafeBufferPointer { source in
        for matrix in 0..<stack {
          let first = matrix * height * columns
          for rows in stride(from: 0, to: height, by: tile) {
            for outers in stride(from: 0, to: outer, by: tile) {
              for row in rows..<min(rows + tile, height) {
                for o in outers..<min(outers + tile, outer) {
                  let inMatrix = first + row * columns + o * inner
                  let inFile = first + (o * height + row) * inner
                  let (from, to) = isStored ? (inFile, inMatrix) : (inMatrix, inFile)
                  for i in 0..<inner { result[to + i] = source[from + i] }
                }
              }
            }
          }
        }
      }
    }
  }
}
