import Numerics

/// How much inputs matter, for ggml's quantisers: as llama-quantize hands them its imatrix, an expert's rows with the
/// expert's own.
struct BlockImportances {
  private let importances: Importances
  private let rows: Int

  init(_ importances: Importances, rows: Int) {
    self.importances = importances
    self.rows = rows
  }

  func encode(
    _ chunk: Chunk, _ pruned: UnsafePointer<Float>, _ quantizer: BlockQuantizer,
    into bytes: UnsafeMutablePointer<UInt8>
  ) {
    let rowBytes = chunk.columns / quantizer.type.blockWeights * quantizer.type.blockBytes
    let perExpert = max(1, rows / importances.squares.count)
    var row = 0
    while row < chunk.rows {
      let present = chunk.firstRow + row
      let isLast = present / perExpert >= importances.squares.count - 1
      let end = isLast ? chunk.rows : min(chunk.rows, (present / perExpert + 1) * perExpert - chunk.firstRow)
      quantizer.encode(
        pruned + row * chunk.columns, rows: end - row, columns: chunk.columns,
        importance: importances.squares(ofRow: present, of: rows), into: bytes + row * rowBytes)
      row = end
    }
  }
}
