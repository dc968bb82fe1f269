internal import Coding
internal import FileAccess
internal import Numerics

extension PackedModule {
  /// 4 bits: weight U8 (n/2, 1), the high nibble first; weight.absmax a run of blocksize weights (itself in 8 bits
  /// where nested), weight.quant_map the 16 levels, weight.quant_state.bitsandbytes__nf4 a JSON text with the shape.
  /// 8 bits: weight I8 and SCB F32 (outputs): q · SCB / 127.
  func bitsandbytes() -> Found? {
    if weight.type == .i8, let scale = part("SCB"), weight.shape.count == 2 || stack != nil,
      checkpoint.tensors[scale].count == rowCount
    {
      var parameter = Parameter.channel(scale)
      parameter.form = .divided(by: 127)
      return (
        Packing(.bitsandbytes, code: "int8", bits: 8, .channel, scale: parameter),
        MatrixShape(rows: rowCount, columns: weight.count / rowCount)
      )
    }
    guard weight.type == .u8, let absmax = part("weight.absmax"), let map = part("weight.quant_map"),
      let text = part(beginning: "weight.quant_state."), checkpoint.tensors[text].count < 1 << 16,
      let state = try? BitsAndBytesState(checkpoint, checkpoint.tensors[text]), (2...3).contains(state.shape.count),
      let count = Tensor.count(of: state.shape), count > 0, count <= 2 * weight.count, (count + 1) / 2 == weight.count,
      state.blockSize < Self.most, state.nestedBlockSize < Self.most,
      (count + state.blockSize - 1) / state.blockSize == checkpoint.tensors[absmax].count
    else { return nil }
    let columns = state.shape[state.shape.count - 1]
    let rows = count / columns
    var scale = Parameter(tensor: absmax, cells: .flat(state.blockSize))
    if columns % state.blockSize == 0 {
      scale = .groups(absmax, size: state.blockSize, count: columns / state.blockSize)
    }
    if let nestedMap = part("weight.nested_quant_map"), let nested = part("weight.nested_absmax") {
      // Codes are bytes: a number of any other type may be none, or no index.
      guard checkpoint.tensors[absmax].type == .u8 else { return nil }
      scale.form = .nested(map: nestedMap, scales: nested, run: state.nestedBlockSize, offset: state.nestedOffset)
    }
    // A row of an odd length begins within a byte: then all codes are one run.
    guard columns % 2 == 0 else { return nil }
    let packing = Packing(
      .bitsandbytes, code: state.kind, bits: 4, .group(state.blockSize),
      layout: .packed(CodeLayout.Bits(bits: 4, wordSize: 1, runStride: columns / 2, order: .highFirst)),
      levels: .tensor(map), scale: scale)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// gpt-oss: X_blocks U8 (…, groups, 16) of E2M1 codes and X_scales U8 (…, groups), E8M0.
  func blocks() -> Found? {
    guard weight.type == .u8, weight.name.hasSuffix("_blocks"), weight.shape.count >= 3, weight.shape.last == 16,
      let scale = layer.companions.first(where: { checkpoint.tensors[$0].name.hasSuffix("_scales") }),
      checkpoint.tensors[scale].shape == Array(weight.shape.dropLast())
    else { return nil }
    let groups = weight.shape[weight.shape.count - 2]
    return fp4(.mxfp4, weight.count / (16 * groups), 32 * groups, scale: scale)
  }

  /// Numbers of eight bits with a scale beside them (a factor, whatever it is called), and zero points; U8 or I8 of two
  /// E2M1 codes each: ModelOpt's NVFP4 with E4M3 scales and weight_scale_2 for all, and MXFP4 with E8M0 scales.
  func scaled() -> Found? {
    guard let scale = scalePart, weight.shape.count >= 2 else { return nil }
    let rows = rowCount
    let columns = weight.count / rows
    let scales = checkpoint.tensors[scale]
    if weight.type == .u8 || weight.type == .i8, isFP4(scales, rows, columns) {
      return fp4(
        scales.type == .f8e4m3 ? .modelOpt : .mxfp4, rows, columns * 2, scale: scale, factor: part("weight_scale_2"))
    }
    guard weight.type == .i8 || weight.type == .f8e4m3 || weight.type == .f8e5m2,
      let (granularity, cells) = cells(scales, rows, columns)
    else { return nil }
    var zero: Parameter?
    if let index = part("weight_zero_point"), checkpoint.tensors[index].count == scales.count {
      zero = Parameter(tensor: index, cells: cells)
    }
    var parameter = Parameter(tensor: scale, cells: cells)
    // Microscaling formats keep the exponent alone (E8M0).
    if scales.type == .u8 { parameter.form = .exponent }
    let isInteger = weight.type == .i8
    let method: Packing.Method =
      isInteger || quantization?.method == "compressed-tensors" ? .compressedTensors : .scaledFloat
    let packing = Packing(
      method, code: isInteger ? "int8" : weight.type.name.lowercased(), bits: 8, granularity,
      scale: parameter, zero: zero)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// Whether bytes are two codes of four bits each: U8 under E4M3 scales; or a scale E8M0 for each 16 bytes of a row.
  private func isFP4(_ scales: Tensor, _ rows: Int, _ columns: Int) -> Bool {
    if scales.type == .f8e4m3 { return weight.type == .u8 }
    guard scales.type == .f8e8m0 || scales.type == .u8, rows > 0, scales.count % rows == 0 else { return false }
    return scales.count / rows * 16 == columns
  }
}

/// The JSON text that bitsandbytes keeps beside a weight of four bits.
private struct BitsAndBytesState {
  var shape: [Int] = []
  var kind = "4 bits"
  var blockSize = 64
  var nestedBlockSize = 256
  var nestedOffset: Float = 0

  init(_ checkpoint: Checkpoint, _ tensor: Tensor) throws(CheckpointError) {
    let text = try checkpoint.integers(tensor).map { UInt8(truncatingIfNeeded: $0) }
    var json = JSONScanner(text, file: checkpoint.path, part: "quantisation state")
    try json.beginObject()
    while let key = try json.nextKey() {
      switch key {
      case "shape":
        try json.beginArray()
        while try json.nextElement() { shape.append(try json.size()) }
      case "quant_type": kind = try json.string()
      case "blocksize": blockSize = max(1, try json.size())
      case "nested_blocksize": nestedBlockSize = max(1, try json.size())
      case "nested_offset": nestedOffset = Float(try json.printed()) ?? 0
      default: try json.skip()
      }
    }
  }
}
