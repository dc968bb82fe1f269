import Checkpoints
import Compression
import Numerics

/// An item's numbers, read from the checkpoint as the matrix that Compression works on.
struct CheckpointWeights: WeightSource {
  let checkpoint: Checkpoint
  let item: Item

  var rows: Int { item.matrix.rows }
  var columns: Int { item.matrix.columns }
  var storedBytes: Int { item.bytes }
  var storedBits: Double { item.storedBits }
  var shape: [Int] { item.axes }
  var importances: Importances? { item.importances }
  var chosen: ChosenWeight? { item.chosen }
  /// Numbers that stand in the file one after another; packed, turned and deflated ones are read one by one.
  var halfType: HalfType? {
    let tensor = checkpoint.tensors[item.id]
    guard item.packing == nil, tensor.layout == .plain else { return nil }
    if case .deflated = tensor.location { return nil }
    return item.type == .f16 ? .f16 : item.type == .bf16 ? .bf16 : nil
  }
  var halvesAreRows: Bool { item.kind != .weight || item.matrix.isRowMajor }

  /// Outputs of an input that lie side by side are read together: 16 MiB of Floats at most.
  var weightsPerRead: Int { item.kind == .weight && !item.matrix.isRowMajor ? 1 << 22 : 0 }

  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) throws {
    guard columns > 0 else { return }
    let rows = row..<row + weights.count / columns
    if item.kind == .weight {
      try checkpoint.readMatrix(layer: item.layerIndex, rows: rows, columns: 0..<columns, into: weights)
    } else {
      try checkpoint.read(
        tensor: item.id, elements: rows.lowerBound * columns..<rows.upperBound * columns, into: weights)
    }
  }
}

extension CheckpointWeights {
  func readHalves(from start: Int, into halves: UnsafeMutableBufferPointer<UInt16>) throws {
    try checkpoint.readBytes(
      tensor: item.id, range: 2 * start..<2 * (start + halves.count), into: UnsafeMutableRawBufferPointer(halves))
  }
}

extension CheckpointWeights {
  fileprivate func corner() throws -> Corner {
    let (height, width) = (min(rows, Corner.most.rows), min(columns, Corner.most.columns))
    var values: [Float] = []
    if item.kind == .weight {
      values = [Float](repeating: 0, count: height * width)
      try values.withUnsafeMutableBufferPointer {
        try checkpoint.readMatrix(layer: item.layerIndex, rows: 0..<height, columns: 0..<width, into: $0)
      }
      values = values.map { $0.isFinite ? $0 : 0 }
      return Corner(rows: height, columns: width, values: values)
    }
    var row = [Float](repeating: 0, count: columns)
    for index in 0..<height {
      try row.withUnsafeMutableBufferPointer { try read(row: index, into: $0) }
      values += row[..<width].map { $0.isFinite ? $0 : 0 }
    }
    return Corner(rows: height, columns: width, values: values)
  }
}

extension Question {
  /// Finds the answer on the calling thread.
  ///
  /// - Returns: `nil` when it was called off.
  func answer(from checkpoint: Checkpoint, item: Item, control: PassControl) -> Answer? {
    let weights = CheckpointWeights(checkpoint: checkpoint, item: item)
    do {
      switch self {
      case .survey:
        return .survey(try Survey.of(weights, withErrors: item.kind == .weight, control: control))
      case .table(_, let sparsity):
        return .table(try ErrorTable.of(weights, sparsity: sparsity, control: control))
      case .assessment(_, let scheme):
        return .assessment(try Assessment.of(weights, scheme: scheme, control: control))
      case .tiles(_, let structure):
        return .tiles(try TileNorms(structure, of: weights, control: control))
      case .corner: return .corner(try weights.corner())
      case .closeUp:
        let survey = try Survey.of(weights, withErrors: false, control: control)
        return .closeUp(try Histogram.closeUp(of: weights, in: survey.histogram.drawnRange, control: control))
      case .ridge:
        let survey = try Survey.of(weights, withErrors: false, control: control)
        return .ridge(try Ridge(weights, range: survey.histogram.drawnRange, control: control))
      case .detail(_, let scheme):
        let survey = try Survey.of(weights, withErrors: false, control: control)
        // The bins divide what is drawn.
        let range =
          survey.histogram.needsCloseUp
          ? survey.histogram.drawnRange : Double(survey.statistics.minimum)...Double(survey.statistics.maximum)
        return .assessment(try Assessment.of(weights, scheme: scheme, detail: range, control: control))
      }
    } catch is Cancelled {
      return nil
    } catch {
      return .failure("\(error)")
    }
  }
}
