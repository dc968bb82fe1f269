public import FileAccess

extension Checkpoint {
  /// Decodes a part of a layer's weight matrix, row after row: `rows.count` · `columns.count` Floats.
  ///
  /// Where the storage is not row by row (ONNX's MatMul weights), pieces are turned through a tile that stays in
  /// cache; memory besides `into` is bounded (512 KiB). Packed weights come out as the numbers that they stand for.
  ///
  /// - Throws: as `read(tensor:elements:into:)`.
  /// - Precondition: the layer has a matrix, the ranges lie in it, and `into` has room.
  public func readMatrix(
    layer index: Int, rows: Range<Int>, columns: Range<Int>, into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    guard let matrix = layers[index].matrix else {
      preconditionFailure("the layer \(layers[index].name) has no matrix")
    }
    precondition(rows.lowerBound >= 0 && rows.upperBound <= matrix.rows)
    precondition(columns.lowerBound >= 0 && columns.upperBound <= matrix.columns)
    precondition(into.count >= rows.count * columns.count)
    if let packing = layers[index].packing {
      return try readPacked(layers[index], packing, matrix, rows: rows, columns: columns, into: into)
    }
    try readStored(layers[index].weight, matrix, rows: rows, columns: columns, into: into)
  }

  /// The same of a tensor's own numbers, which lie as `matrix` says.
  func readStored(
    _ index: Int, _ matrix: MatrixShape, rows: Range<Int>, columns: Range<Int>,
    into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    let tensor = tensors[index]
    if !matrix.isRowMajor {
      // One matrix of the stack after another.
      var first = rows.lowerBound
      while first < rows.upperBound {
        let number = first / matrix.height
        let some = first..<min(rows.upperBound, (number + 1) * matrix.height)
        let target = UnsafeMutableBufferPointer(rebasing: into[((first - rows.lowerBound) * columns.count)...])
        try readTurned(tensor, matrix, number, some, columns, target)
        first = some.upperBound
      }
    } else if columns.count == matrix.columns {
      let elements = rows.lowerBound * matrix.columns..<rows.upperBound * matrix.columns
      try read(tensor, elements: elements, into: into)
    } else {
      for row in rows {
        let from = row * matrix.columns
        let target = UnsafeMutableBufferPointer(rebasing: into[((row - rows.lowerBound) * columns.count)...])
        try read(tensor, elements: from + columns.lowerBound..<from + columns.upperBound, into: target)
      }
    }
  }

  /// All of a layer's weight matrix, (rows, columns) row by row; 4 bytes a weight.
  public func matrix(layer index: Int) throws(CheckpointError) -> [Float] {
    guard let shape = layers[index].matrix else { return [] }
    var values = [Float](repeating: 0, count: shape.rows * shape.columns)
    try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try readMatrix(layer: index, rows: 0..<shape.rows, columns: 0..<shape.columns, into: into)
    }
    return values
  }

  /// Storage (outer, height, inner) of matrix `number` to (height, outer · inner), for rows of it alone.
  ///
  /// A tile holds some outer indices' runs over some rows, so that both its reads and its writes use whole cache lines;
  /// where all rows are wanted, the runs of a tile lie one after another and are read at once.
  private func readTurned(
    _ tensor: Tensor, _ matrix: MatrixShape, _ number: Int, _ rows: Range<Int>, _ columns: Range<Int>,
    _ into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    let inner = matrix.inner
    let own = number * matrix.height
    let tileSize = 1 << 16
    let outers = columns.lowerBound / inner..<(columns.upperBound + inner - 1) / inner
    let most = rows.count == matrix.height ? tileSize / max(1, rows.count * inner) : 16
    let depth = max(1, min(most, outers.count))
    let height = max(1, min(rows.count, tileSize / depth / inner))
    let tile = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(tileSize, height * inner))
    defer { tile.deallocate() }
    let lanes = max(1, min(depth, tile.count / (height * inner)))
    for firstOuter in stride(from: outers.lowerBound, to: outers.upperBound, by: lanes) {
      let lastOuter = min(firstOuter + lanes, outers.upperBound)
      for firstRow in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
        let lastRow = min(firstRow + height, rows.upperBound)
        let run = (lastRow - firstRow) * inner
        func place(_ outer: Int) -> Int { own * matrix.columns + (outer * matrix.height + firstRow - own) * inner }
        if run == matrix.height * inner {
          try read(tensor, elements: place(firstOuter)..<place(lastOuter), into: tile)
        } else {
          for outer in firstOuter..<lastOuter {
            let lane = UnsafeMutableBufferPointer(rebasing: tile[((outer - firstOuter) * run)...])
            try read(tensor, elements: place(outer)..<place(outer) + run, into: lane)
          }
        }
        for row in firstRow..<lastRow {
          let target = (row - rows.lowerBound) * columns.count
          for outer in firstOuter..<lastOuter {
            let source = (outer - firstOuter) * run + (row - firstRow) * inner
            let first = max(columns.lowerBound, outer * inner)
            let last = min(columns.upperBound, (outer + 1) * inner)
            for column in first..<last {
              into[target + column - columns.lowerBound] = tile[source + column - outer * inner]
            }
          }
        }
      }
    }
  }
}
