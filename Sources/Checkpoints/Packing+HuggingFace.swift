internal import Numerics

/// A module's tensors, found by name: `weight` is the tensor that holds the codes.
struct PackedModule {
  let checkpoint: Checkpoint
  let layer: Layer
  let quantization: ModelConfig.Quantization?
  /// The companions and the bias by what their names have after the module's.
  private var parts: [String: Int] = [:]

  var weight: Tensor { checkpoint.tensors[layer.weight] }

  init(_ checkpoint: Checkpoint, _ layer: Layer, _ config: ModelConfig?) {
    self.checkpoint = checkpoint
    self.layer = layer
    let name = checkpoint.tensors[layer.weight].name
    let module = name.lastIndex(of: ".").map { name[...$0] } ?? ""
    quantization = config?.quantization
    for index in layer.companions {
      let name = checkpoint.tensors[index].name
      if name.hasPrefix(module) { parts[String(name.dropFirst(module.count))] = index }
    }
  }

  func part(_ name: String) -> Int? { parts[name] }
  func tensor(_ name: String) -> Tensor? { parts[name].map { checkpoint.tensors[$0] } }
  /// The first part whose name begins so.
  func part(beginning prefix: String) -> Int? { parts.first { $0.key.hasPrefix(prefix) }?.value }

  typealias Found = (Packing, MatrixShape)

  /// How the module's weight is packed; `nil` where it is not, or not in a known way.
  func packing() -> Found? {
    guard !weight.shape.isEmpty, weight.count > 0 else { return nil }
    switch weight.type {
    case .i32 where part("qweight") == nil && part("qzeros") != nil: return words()
    case .i32, .u8, .i8, .u32, .f8e4m3, .f8e5m2: break
    default: return nil
    }
    return compressedTensors() ?? mlx() ?? bitsandbytes() ?? blocks() ?? scaled()
  }
}

// MARK: - GPTQ and AWQ

extension PackedModule {
  /// GPTQ: qweight I32 (inputs·b/32, outputs), codes along the inputs; scales (groups, outputs); qzeros I32
  /// (groups, outputs·b/32), less one unless the config says `gptq_v2`; g_idx I32 (inputs), each input's group.
  /// AWQ (gemm): qweight I32 (inputs, outputs·b/32), codes along the outputs; scales and qzeros likewise.
  private func words() -> Found? {
    guard let scale = part("scales"), let zero = part("qzeros") else { return nil }
    let (scales, zeros) = (checkpoint.tensors[scale], checkpoint.tensors[zero])
    guard weight.shape.count == 2, scales.shape.count == 2, zeros.shape.count == 2, scales.count > 0,
      zeros.count > 0, scales.shape[0] == zeros.shape[0]
    else { return nil }
    let (groups, rows) = (scales.shape[0], scales.shape[1])
    guard zeros.shape[1] * 32 % rows == 0 else { return nil }
    let bits = zeros.shape[1] * 32 / rows
    let isGPTQ = weight.shape[1] == rows
    let columns = isGPTQ ? weight.shape[0] * 32 / bits : weight.shape[0]
    guard isGPTQ ? [2, 3, 4, 8].contains(bits) : bits == 4 && weight.shape[1] == zeros.shape[1],
      columns > 0, columns % groups == 0
    else { return nil }
    let group = columns / groups
    var cells = Parameter.Cells.grid(rows: 1, columns: group, rowStride: 1, columnStride: rows)
    if isGPTQ, let index = part("g_idx"), checkpoint.tensors[index].count == columns {
      cells = .indexed(by: index, count: groups, rowStride: 1, columnStride: rows)
    }
    let zeroBits = CodeLayout.Bits(
      bits: bits, isAlongRows: true, runStride: zeros.shape[1], order: isGPTQ ? .stream : .awq)
    let weightBits =
      isGPTQ
      ? CodeLayout.Bits(bits: bits, wordStride: rows, runStride: 1)
      : CodeLayout.Bits(bits: 4, isAlongRows: true, runStride: weight.shape[1], order: .awq)
    let lessOne = isGPTQ && quantization?.checkpointFormat != "gptq_v2"
    let packing = Packing(
      isGPTQ ? .gptq : .awq, code: "int\(bits)", bits: bits, groups == 1 ? .channel : .group(group),
      layout: .packed(weightBits), levels: .integers, scale: Parameter(tensor: scale, cells: cells),
      zero: Parameter(tensor: zero, cells: cells, codes: .packed(zeroBits)),
      zeroOffset: lessOne ? 1 : 0)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }
}

// MARK: - compressed-tensors

extension PackedModule {
  /// weight_packed: I32 (outputs, inputs·b/32), codes from the lowest bits on, 2^(b−1) the zero; or U8 (outputs,
  /// inputs/2) of E2M1 codes with an E4M3 scale a 16 (and a divisor of all) or an E8M0 scale a 32.
  private func compressedTensors() -> Found? {
    guard weight.name.hasSuffix("weight_packed"), let scale = part("weight_scale"), weight.shape.count == 2 else {
      return nil
    }
    let rows = weight.shape[0]
    let scales = checkpoint.tensors[scale]
    if weight.type == .u8 {
      let columns = weight.shape[1] * 2
      return fp4(.compressedTensors, rows, columns, scale: scale, divisor: part("weight_global_scale"))
    }
    guard weight.type == .i32, let shape = part("weight_shape"),
      let extents = try? checkpoint.integers(checkpoint.tensors[shape]), extents.count == 2,
      extents[0] == rows, let columns = Int(exactly: extents[1]), columns > 0, columns < 1 << 40,
      let bits = [4, 8, 2, 3, 1, 6, 5, 7].first(where: { (columns + 32 / $0 - 1) / (32 / $0) == weight.shape[1] }),
      let (granularity, regular) = cells(scales, rows, columns)
    else { return nil }
    var cells = regular
    if case .group(let size) = granularity, let index = part("weight_g_idx"),
      checkpoint.tensors[index].count == columns,
      // A first −1 says that the groups are in order.
      let first = try? checkpoint.integers(checkpoint.tensors[index], elements: 0..<1), first[0] >= 0
    {
      cells = .indexed(by: index, count: columns / size, rowStride: columns / size, columnStride: 1)
    }
    let layout = CodeLayout.Bits(bits: bits, runStride: weight.shape[1], order: .words)
    var zero: Parameter?
    if let index = part("weight_zero_point") {
      let groups = scales.count / rows
      zero = Parameter(
        tensor: index, cells: cells,
        codes: .packed(
          CodeLayout.Bits(bits: bits, isAlongRows: true, wordStride: groups, runStride: 1, order: .words)))
    }
    let offset = Float(1 << (bits - 1))
    let packing = Packing(
      .compressedTensors, code: "int\(bits)", bits: bits, granularity, layout: .packed(layout),
      levels: .integers, scale: Parameter(tensor: scale, cells: cells),
      // Zero points are stored counted from the lowest code too: both offsets fall away.
      zero: zero, zeroOffset: zero == nil ? offset : 0)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// E2M1 codes, two a byte, the low one first.
  private func fp4(
    _ method: Packing.Method, _ rows: Int, _ columns: Int, scale: Int, divisor: Int? = nil, factor: Int? = nil
  ) -> Found? {
    let scales = checkpoint.tensors[scale]
    guard scales.count > 0, rows > 0, scales.count % rows == 0, columns % (scales.count / rows) == 0 else {
      return nil
    }
    let groups = scales.count / rows
    var parameter = Parameter.groups(scale, size: columns / groups, count: groups)
    if scales.type == .u8 { parameter.form = .exponent }
    let other = divisor.map { Packing.Factor(tensor: $0, isDivisor: true) }
    let packing = Packing(
      method, code: "e2m1", bits: 4, .group(columns / groups),
      layout: .packed(CodeLayout.Bits(bits: 4, wordSize: 1, runStride: columns / 2)),
      levels: .table(ElementType.e2m1Levels), scale: parameter,
      factor: other ?? factor.map { Packing.Factor(tensor: $0, isDivisor: false) })
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// How a tensor of scales is laid over a matrix: one for all, one a row, groups of a row, or blocks.
  private func cells(_ scales: Tensor, _ rows: Int, _ columns: Int) -> (Packing.Granularity, Parameter.Cells)? {
    if scales.count == 1 {
      return (.tensor, .grid(rows: .max, columns: .max, rowStride: 0, columnStride: 0))
    }
    if scales.count == rows { return (.channel, .grid(rows: 1, columns: .max, rowStride: 1, columnStride: 0)) }
    guard scales.shape.count == 2, let high = scales.shape.first, let wide = scales.shape.last, wide > 0 else {
      return nil
    }
    if high == rows, columns % wide == 0 {
      let group = columns / wide
      return (.group(group), .grid(rows: 1, columns: group, rowStride: wide, columnStride: 1))
    }
    // Blocks need not divide the matrix: the last ones are cut off.
    let block = quantization?.block ?? [128, 128]
    guard block.count == 2, block.allSatisfy({ $0 > 0 && $0 < 1 << 20 }), (rows + block[0] - 1) / block[0] == high,
      (columns + block[1] - 1) / block[1] == wide
    else { return nil }
    return (
      .block(block[0], block[1]), .grid(rows: block[0], columns: block[1], rowStride: wide, columnStride: 1)
    )
  }
}

// MARK: - MLX

extension PackedModule {
  /// weight U32 (…, outputs, inputs·b/32), a stream of bits a row; scales and biases (…, outputs, groups):
  /// w = q·scale + bias. Modes mxfp4, mxfp8 and nvfp4 have U8 scales and no biases.
  private func mlx() -> Found? {
    guard weight.type == .u32, weight.shape.count >= 2, let scale = part("scales") else { return nil }
    let scales = checkpoint.tensors[scale]
    guard scales.shape.dropLast() == weight.shape.dropLast(), let words = weight.shape.last, words > 0,
      let groups = scales.shape.last, groups > 0
    else { return nil }
    let rows = weight.count / words
    if scales.type == .u8 { return mlxFloats(rows, words, groups, scale) }
    guard let biases = part("biases"), checkpoint.tensors[biases].shape == scales.shape else { return nil }
    let own = quantization?.layers[layer.name]?.group ?? quantization?.group
    let sizes = [own, 64, 32, 128, 16].compactMap { $0 }
    guard
      let group = sizes.first(where: { size in
        size > 0 && words * 32 % (groups * size) == 0
          && [1, 2, 3, 4, 5, 6, 8].contains(words * 32 / (groups * size))
      })
    else { return nil }
    let columns = groups * group
    let bits = words * 32 / columns
    let packing = Packing(
      .mlx, code: "uint\(bits)", bits: bits, .group(group),
      layout: .packed(CodeLayout.Bits(bits: bits, runStride: words)), levels: .integers,
      scale: .groups(scale, size: group, count: groups), shift: .groups(biases, size: group, count: groups))
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  private func mlxFloats(_ rows: Int, _ words: Int, _ groups: Int, _ scale: Int) -> Found? {
    guard words % groups == 0 else { return nil }
    let (bits, group): (Int, Int)
    switch words / groups {
    case 4: (bits, group) = (4, 32)
    case 8: (bits, group) = (8, 32)
    case 2: (bits, group) = (4, 16)
    default: return nil
    }
    var parameter = Parameter.groups(scale, size: group, count: groups)
    parameter.form = group == 16 ? .e4m3 : .exponent
    let packing = Packing(
      .mlx, code: bits == 4 ? "e2m1" : "f8_e4m3", bits: bits, .group(group),
      layout: .packed(CodeLayout.Bits(bits: bits, runStride: words)),
      levels: .table(bits == 4 ? ElementType.e2m1Levels : ElementType.e4m3Levels), scale: parameter)
    return (packing, MatrixShape(rows: rows, columns: groups * group))
  }
}

// MARK: - bitsandbytes, gpt-oss, scaled numbers

extension PackedModule {
  /// 4 bits: weight U8 (n/2, 1), the high nibble first; weight.absmax a run of blocksize weights (itself in 8 bits
  /// where nested), weight.quant_map the 16 levels, weight.quant_state.bitsandbytes__nf4 a JSON text with the shape.
  /// 8 bits: weight I8 and SCB F32 (outputs): q · SCB / 127.
  private func bitsandbytes() -> Found? {
    if weight.type == .i8, let scale = part("SCB"), weight.shape.count == 2,
      checkpoint.tensors[scale].count == weight.shape[0]
    {
      var parameter = Parameter.channel(scale)
      parameter.form = .divided(by: 127)
      return (
        Packing(.bitsandbytes, code: "int8", bits: 8, .channel, scale: parameter),
        MatrixShape(rows: weight.shape[0], columns: weight.count / weight.shape[0])
      )
    }
    guard weight.type == .u8, let absmax = part("weight.absmax"), let map = part("weight.quant_map"),
      let text = part(beginning: "weight.quant_state."), checkpoint.tensors[text].count < 1 << 16,
      let state = try? BitsAndBytesState(checkpoint, checkpoint.tensors[text]), state.shape.count == 2,
      let count = Tensor.count(of: state.shape), count > 0, (count + 1) / 2 == weight.count,
      (count + state.blockSize - 1) / state.blockSize == checkpoint.tensors[absmax].count
    else { return nil }
    let (rows, columns) = (state.shape[0], state.shape[1])
    var scale = Parameter(tensor: absmax, cells: .flat(state.blockSize))
    if columns % state.blockSize == 0 {
      scale = .groups(absmax, size: state.blockSize, count: columns / state.blockSize)
    }
    if let nestedMap = part("weight.nested_quant_map"), let nested = part("weight.nested_absmax") {
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
  private func blocks() -> Found? {
    guard weight.type == .u8, weight.name.hasSuffix("_blocks"), weight.shape.count >= 3, weight.shape.last == 16,
      let scale = layer.companions.first(where: { checkpoint.tensors[$0].name.hasSuffix("_scales") }),
      checkpoint.tensors[scale].shape == Array(weight.shape.dropLast())
    else { return nil }
    let groups = weight.shape[weight.shape.count - 2]
    return fp4(.mxfp4, weight.count / (16 * groups), 32 * groups, scale: scale)
  }

  /// Numbers of eight bits with a scale beside them: weight_scale, weight_scale_inv (a factor too), zero points;
  /// and ModelOpt's NVFP4: U8 of E2M1 codes, E4M3 weight_scale, weight_scale_2 for all.
  private func scaled() -> Found? {
    guard let scale = part("weight_scale_inv") ?? part("weight_scale"), weight.shape.count >= 2 else { return nil }
    let rows = weight.shape[0]
    if weight.type == .u8 {
      guard checkpoint.tensors[scale].type == .f8e4m3 else { return nil }
      return fp4(.modelOpt, rows, weight.count / rows * 2, scale: scale, factor: part("weight_scale_2"))
    }
    let columns = weight.count / rows
    guard weight.type != .i32, weight.type != .u32,
      let (granularity, cells) = cells(checkpoint.tensors[scale], rows, columns)
    else { return nil }
    var zero: Parameter?
    if let index = part("weight_zero_point"), checkpoint.tensors[index].count == checkpoint.tensors[scale].count {
      zero = Parameter(tensor: index, cells: cells)
    }
    let isInteger = weight.type == .i8
    let method: Packing.Method =
      isInteger || quantization?.method == "compressed-tensors" ? .compressedTensors : .scaledFloat
    let packing = Packing(
      method, code: isInteger ? "int8" : weight.type.name.lowercased(), bits: 8, granularity,
      scale: Parameter(tensor: scale, cells: cells), zero: zero)
    return (packing, MatrixShape(rows: rows, columns: columns))
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
