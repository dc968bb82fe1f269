public import FileAccess

extension Checkpoint {
  /// The codes, not whole ones as a rule, that numbers would have in a packed layer's matrix: what `matrix(layer:)`
  /// computes, backwards. A row or group whose scale is 0 has its zero point.
  ///
  /// - Throws: as `read(tensor:elements:into:)`.
  /// - Precondition: the layer has a matrix of so many numbers, and a packing whose levels are its codes (ONNX).
  public func codes(layer index: Int, of numbers: [Float]) throws(CheckpointError) -> [Float] {
    guard let matrix = layers[index].matrix, let packing = layers[index].packing else {
      preconditionFailure("the layer \(layers[index].name) is not packed")
    }
    precondition(numbers.count == matrix.rows * matrix.columns)
    let high = max(1, Self.tileSize / max(1, matrix.columns))
    var codes = [Float](repeating: 0, count: numbers.count)
    for row in stride(from: 0, to: matrix.columns == 0 ? 0 : matrix.rows, by: high) {
      let tile = PackedTile(
        checkpoint: self, matrix: matrix, rows: row..<min(row + high, matrix.rows), columns: 0..<matrix.columns)
      try tile.write(codes: &codes, of: numbers, packing)
    }
    return codes
  }
}

extension PackedTile {
  /// Writes the codes of the tile's numbers, of which the whole matrix is given; the tile is as wide as that.
  fileprivate func write(codes: inout [Float], of numbers: [Float], _ packing: Packing) throws(CheckpointError) {
    let scale = try packing.scale.map { one throws(CheckpointError) in try shared(one) }
    let zero = try packing.zero.map { one throws(CheckpointError) in try shared(one) }
    for row in 0..<rows.count {
      for column in 0..<columns.count {
        let place = (rows.lowerBound + row) * matrix.columns + column
        let offset = (zero?[row, column] ?? 0) + packing.zeroOffset
        let step = scale?[row, column] ?? 1
        codes[place] = step == 0 ? offset : numbers[place] / step + offset
      }
    }
  }
}
