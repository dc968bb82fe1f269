internal import Coding
internal import Numerics

/// How an ONNX weight is quantised, as its nodes say: w = (code − zero point) · scale.
///
/// - DequantizeLinear in front of the node (QDQ form), per tensor, per `axis`, or in blocks of `block_size` along it;
/// - Cast, Sub and Mul in its place, with a scale that is broadcast;
/// - the same after a Gather of the codes, or a Mul of the product with them;
/// - operators on integers: QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger (whose scale comes later in the
///   graph, or is found by ONNX Runtime's habit of names: NAME_quantized, NAME_scale), and ONNX Runtime's own;
/// - ONNX Runtime's MatMulNBits and GatherBlockQuantized: groups of `block_size` inputs, packed codes.
struct ONNXQuantization {
  let scale: Int
  let zero: Int?
  let form: Form

  enum Form {
    /// `axis` of the stored tensor, `nil` for an operator's own (its outputs); blocks along it where above 0.
    case linear(axis: Int?, block: Int)
    /// As numpy broadcasts the scale's shape to the stored one's, turned where the codes are.
    case broadcast(isTurned: Bool)
    case groups(rows: Int, columns: Int, size: Int, bits: Int)
  }

  var tensors: [Int] { [scale, zero].compactMap { $0 } }

  init?(_ node: Graph.Node, _ value: ONNXValues.Value, _ values: ONNXValues, _ places: [Int]) {
    func tensor(_ input: Int?, of node: Graph.Node) -> Int? {
      guard let input, input < node.inputs.count else { return nil }
      return values.tensors[node.inputs[input]]
    }
    if let scaling = value.scaling {
      (scale, zero, form) = (scaling.scale, value.zero, Form(scaling, values.rank(value.tensor)))
      return
    }
    switch node.operatorName {
    case "MatMulNBits":
      guard let scale = tensor(2, of: node), let rows = node.int("N"), let columns = node.int("K"),
        let size = node.int("block_size"), size > 0, tensor(4, of: node) == nil
      else { return nil }
      (self.scale, zero) = (scale, tensor(3, of: node))
      form = .groups(rows: rows, columns: columns, size: size, bits: node.int("bits") ?? 4)
    case "ConvInteger", "MatMulInteger":
      let name = node.inputs.count > 1 ? node.inputs[1] : ""
      let named = name.hasSuffix("_quantized") ? values.tensors[name.dropLast(9) + "scale"] : nil
      guard let scale = named ?? values.scaling(after: node)?.scaling.scale else { return nil }
      (self.scale, zero, form) = (scale, tensor(3, of: node), .linear(axis: nil, block: 0))
    case "Gather", "MatMul", "Gemm":
      // Codes that are looked up, or only cast, and scaled afterwards.
      guard values.isCodes(value.tensor), node.int("axis") ?? 0 == 0, let found = values.scaling(after: node) else {
        return nil
      }
      (scale, zero) = (found.scaling.scale, value.zero ?? found.zero)
      form = Form(found.scaling, values.rank(value.tensor))
    case "GatherBlockQuantized":
      guard let scale = tensor(2, of: node) else { return nil }
      (self.scale, zero) = (scale, tensor(3, of: node))
      let (axis, block, bits) = (node.int("quantize_axis") ?? 1, node.int("block_size") ?? 128, node.int("bits") ?? 4)
      let shape = values.shape(value.tensor)
      if values.isBytes(value.tensor), shape.count == 2, axis == 1 || axis == -1, node.int("gather_axis") ?? 0 == 0 {
        // Codes packed in bytes, as MatMulNBits has them.
        guard [2, 4, 8].contains(bits), shape[1] < PackedModule.most, block > 0 else { return nil }
        form = .groups(rows: shape[0], columns: shape[1] * (8 / bits), size: block, bits: bits)
      } else {
        form = .linear(axis: axis, block: block)
      }
    default:
      guard places.count == 2, node.operatorName.first == "Q" || node.domain == "com.microsoft",
        let scale = tensor(places[0], of: node)
      else { return nil }
      (self.scale, zero, form) = (scale, tensor(places[1], of: node), .linear(axis: nil, block: 0))
    }
  }

  /// The packing of a weight of which `matrix` says how it lies; `nil` where the parts do not fit together.
  func packing(_ weight: Tensor, _ matrix: MatrixShape?, _ all: [Tensor]) -> (Packing, MatrixShape)? {
    switch form {
    case .linear(let axis, let block):
      guard let matrix, let (granularity, cells) = cells(weight, matrix, axis, block, all[scale]) else { return nil }
      return packing(weight, granularity, cells, all).map { ($0, matrix) }
    case .broadcast(let isTurned):
      guard let matrix, let (granularity, cells) = cells(weight, matrix, isTurned: isTurned, all[scale]) else {
        return nil
      }
      return packing(weight, granularity, cells, all).map { ($0, matrix) }
    case .groups(let rows, let columns, let size, let bits):
      return packing(weight, rows, columns, size, bits, all)
    }
  }

  private func packing(
    _ weight: Tensor, _ granularity: Packing.ScaleGroup, _ cells: Parameter.Cells, _ all: [Tensor]
  ) -> Packing? {
    var zeroPoint: Parameter?
    if let zero {
      guard all[zero].count == all[scale].count || all[zero].count == 1 else { return nil }
      zeroPoint = all[zero].count == 1 ? .scalar(zero) : Parameter(tensor: zero, cells: cells)
    }
    return Packing(
      .onnx, code: codeName(weight.type), bits: Int(weight.type.bits), granularity,
      scale: Parameter(tensor: scale, cells: cells), zero: zeroPoint)
  }

  private func codeName(_ type: ElementType) -> String {
    switch type {
    case .i8, .i4, .i2, .i16, .i32: "int\(Int(type.bits))"
    case .u8, .u4, .u2, .u16: "uint\(Int(type.bits))"
    default: type.name.lowercased()
    }
  }

  private func cells(
    _ weight: Tensor, _ matrix: MatrixShape, _ axis: Int?, _ block: Int, _ scale: Tensor
  ) -> (Packing.ScaleGroup, Parameter.Cells)? {
    if scale.count == 1 { return (.tensor, .grid(rows: .max, columns: .max, rowStride: 0, columnStride: 0)) }
    let channel = (
      Packing.ScaleGroup.channel, Parameter.Cells.grid(rows: 1, columns: .max, rowStride: 1, columnStride: 0)
    )
    guard let axis else {
      if scale.count == matrix.rows { return channel }
      // One a matrix of a stack: a recurrent layer's directions.
      guard scale.count == matrix.stack else { return nil }
      let each = matrix.height
      return (.block(each, matrix.columns), .grid(rows: each, columns: .max, rowStride: 1, columnStride: 0))
    }
    let place = axis < 0 ? axis + weight.shape.count : axis
    guard place >= 0, place < weight.shape.count, block >= 0, block < PackedModule.most else { return nil }
    // The axis of the storage whose extent the matrix's rows are.
    let rowAxis = matrix.isRowMajor ? 0 : matrix.inner == 1 ? weight.shape.count - 1 : 1
    if block == 0 {
      guard scale.count == weight.shape[place] else { return nil }
      if place == rowAxis, matrix.rows == weight.shape[place] { return channel }
      guard weight.shape.count == 2 else { return nil }
      return (.group(1), .grid(rows: .max, columns: 1, rowStride: 0, columnStride: 1))
    }
    // Blocks: the scale has the weight's shape but for the axis.
    guard weight.shape.count == 2, scale.shape.count == 2, place != rowAxis else { return nil }
    let count = (matrix.columns + block - 1) / block
    guard scale.shape == (rowAxis == 0 ? [matrix.rows, count] : [count, matrix.rows]) else { return nil }
    let strides = rowAxis == 0 ? (count, 1) : (1, matrix.rows)
    return (.group(block), .grid(rows: 1, columns: block, rowStride: strides.0, columnStride: strides.1))
  }

  /// A scale that is broadcast: one for all, one an index of one axis, or one a run of the last of three axes.
  private func cells(
    _ weight: Tensor, _ matrix: MatrixShape, isTurned: Bool, _ scale: Tensor
  ) -> (Packing.ScaleGroup, Parameter.Cells)? {
    if scale.count == 1 { return cells(weight, matrix, 0, 0, scale) }
    guard scale.shape.count <= weight.shape.count else { return nil }
    var shape = Array(repeating: 1, count: weight.shape.count - scale.shape.count) + scale.shape
    if isTurned { shape.reverse() }
    let wide = shape.indices.filter { shape[$0] != 1 }
    guard wide.allSatisfy({ shape[$0] == weight.shape[$0] }) else { return nil }
    if wide.count == 1 { return cells(weight, matrix, wide[0], 0, scale) }
    guard wide == [0, 1], weight.shape.count == 3, matrix.isRowMajor, matrix.rows == shape[0], weight.shape[2] > 0
    else {
      return nil
    }
    let size = weight.shape[2]
    return (.group(size), .grid(rows: 1, columns: size, rowStride: shape[1], columnStride: 1))
  }

  /// MatMulNBits: B U8 (N, blocks, block_size·bits/8), codes from the lowest bits on; scales (N · blocks); zero points
  /// packed likewise a row, or as numbers, 2^(bits−1) where there are none.
  private func packing(
    _ weight: Tensor, _ rows: Int, _ columns: Int, _ size: Int, _ bits: Int, _ all: [Tensor]
  ) -> (Packing, MatrixShape)? {
    guard rows > 0, columns > 0, size > 0, [2, 4, 8].contains(bits), rows < 1 << 40, columns < 1 << 40, size < 1 << 30,
      weight.count > 0, weight.count < PackedModule.most
    else { return nil }
    let blocks = (columns + size - 1) / size
    let (codes, overflow) = (blocks * size * bits / 8).multipliedReportingOverflow(by: rows)
    guard !overflow, weight.type == .u8, weight.count == codes, all[scale].count == rows * blocks else { return nil }
    let cells = Parameter.Cells.grid(rows: 1, columns: size, rowStride: blocks, columnStride: 1)
    var zeroPoint: Parameter?
    if let zero {
      zeroPoint = Parameter(tensor: zero, cells: cells)
      if all[zero].type == .u8 {
        let rowBytes = (blocks * bits + 7) / 8
        guard all[zero].count == rows * rowBytes else { return nil }
        zeroPoint?.codes = .packed(CodeLayout.Bits(bits: bits, wordSize: 1, runStride: rowBytes))
      }
    }
    let packing = Packing(
      .onnx, code: "int\(bits)", bits: bits, .group(size),
      layout: .packed(CodeLayout.Bits(bits: bits, wordSize: 1, runStride: blocks * size * bits / 8)),
      levels: .integers, scale: Parameter(tensor: scale, cells: cells), zero: zeroPoint,
      zeroOffset: zeroPoint == nil ? Float(1 << (bits - 1)) : 0)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }
}

extension ONNXQuantization.Form {
  /// - Parameter rank: the stored tensor's axes.
  fileprivate init(_ scaling: ONNXScaling, _ rank: Int) {
    switch scaling.place {
    case .axis(let axis, let block):
      let place = axis < 0 ? axis + rank : axis
      self = .linear(axis: scaling.isTurned && rank == 2 ? 1 - place : place, block: block)
    case .broadcast: self = .broadcast(isTurned: scaling.isTurned)
    case .last: self = .linear(axis: rank - 1, block: 0)
    case .outputs: self = .linear(axis: nil, block: 0)
    }
  }
}
