internal import Coding
internal import Numerics

extension PackedModule {
  /// weight_packed: I32 (outputs, inputs·b/32), codes from the lowest bits on, 2^(b−1) the zero; or U8 (outputs,
  /// inputs/2) of E2M1 codes with an E4M3 scale a 16 (and a divisor of all) or an E8M0 scale a 32.
  func compressedTensors() -> Found? {
    guard weight.name.hasSuffix("_packed"), let scale = part("weight_scale") ?? scalePart,
      weight.shape.count == 2 || stack != nil, let words = weight.shape.last
    else { return nil }
    let rows = rowCount
    let scales = checkpoint.tensors[scale]
    if weight.type == .u8 {
      let columns = words * 2
      return fp4(.compressedTensors, rows, columns, scale: scale, divisor: part("weight_global_scale"))
    }
    guard weight.type == .i32, let shape = part("weight_shape"),
      checkpoint.tensors[shape].count <= 3,
      let extents = try? checkpoint.integers(checkpoint.tensors[shape]), extents.count >= 2,
      extents.dropLast().suffix(weight.shape.count - 1)
        == weight.shape.dropLast().suffix(extents.count - 1).map(Int64.init),
      let columns = extents.last.flatMap({ Int(exactly: $0) }), columns > 0, columns < 1 << 40,
      let bits = [4, 8, 2, 3, 1, 6, 5, 7].first(where: { (columns + 32 / $0 - 1) / (32 / $0) == words }),
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
    let layout = CodeLayout.Bits(bits: bits, runStride: words, order: .words)
    let offset = Float(1 << (bits - 1))
    var zero: Parameter?
    var zeroOffset = offset
    if let index = part("weight_zero_point"), checkpoint.tensors[index].type != .i32 {
      // Before version 0.9, and of asymmetric AWQ recipes: a number a scale, counted as the signed codes are.
      guard checkpoint.tensors[index].count == scales.count, checkpoint.tensors[index].type.isDecodable else {
        return nil
      }
      zero = Parameter(tensor: index, cells: cells)
    } else if let index = part("weight_zero_point") {
      let groups = scales.count / rows
      guard stack.map({ $0.rows % (32 / bits) == 0 }) ?? true else { return nil }
      // Stored counted from the lowest code, as the weights are: both offsets fall away.
      zeroOffset = 0
      zero = Parameter(
        tensor: index, cells: cells,
        codes: .packed(
          CodeLayout.Bits(bits: bits, isAlongRows: true, wordStride: groups, runStride: 1, order: .words)))
    }
    let packing = Packing(
      .compressedTensors, code: "int\(bits)", bits: bits, granularity, layout: .packed(layout),
      levels: .integers, scale: Parameter(tensor: scale, cells: cells),
      zero: zero, zeroOffset: zeroOffset)
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// E2M1 codes, two a byte, the low one first.
  func fp4(
    _ method: Packing.Method, _ rows: Int, _ columns: Int, scale: Int, divisor: Int? = nil, factor: Int? = nil
  ) -> Found? {
    let scales = checkpoint.tensors[scale]
    guard scales.count > 0, rows > 0, scales.count % rows == 0, columns % (scales.count / rows) == 0 else {
      return nil
    }
    let groups = scales.count / rows
    var parameter = Parameter.groups(scale, size: columns / groups, count: groups)
    if scales.type == .u8 { parameter.form = .exponent }
    // One for all, or one a matrix of a stack.
    func one(_ tensor: Int?, isDivisor: Bool) -> Packing.Factor? {
      tensor.map { index in
        let count = checkpoint.tensors[index].count
        return Packing.Factor(
          tensor: index, isDivisor: isDivisor, rows: count > 1 && rows % count == 0 ? rows / count : nil)
      }
    }
    let packing = Packing(
      method, code: "e2m1", bits: 4, .group(columns / groups),
      layout: .packed(CodeLayout.Bits(bits: 4, wordSize: 1, runStride: columns / 2)),
      levels: .table(ElementType.e2m1Levels), scale: parameter,
      factor: one(divisor, isDivisor: true) ?? one(factor, isDivisor: false))
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// How a tensor of scales is laid over a matrix: one for all, one a row, groups of a row, or blocks; over each matrix of
  /// a stack likewise.
  func cells(_ scales: Tensor, _ rows: Int, _ columns: Int) -> (Packing.ScaleGroup, Parameter.Cells)? {
    if scales.count == 1 {
      return (.tensor, .grid(rows: .max, columns: .max, rowStride: 0, columnStride: 0))
    }
    if scales.count == rows, scales.shape.last != columns || columns == 1 || scales.shape.count < 3 {
      return (.channel, .grid(rows: 1, columns: .max, rowStride: 1, columnStride: 0))
    }
    let each = stack?.rows ?? rows
    if let stack, scales.count == stack.count {
      return (.block(each, columns), .grid(rows: each, columns: .max, rowStride: 1, columnStride: 0))
    }
    guard scales.shape.count == (stack == nil ? 2 : 3), stack == nil || scales.shape[0] == stack?.count,
      let wide = scales.shape.last, wide > 0
    else { return nil }
    let high = scales.shape[scales.shape.count - 2]
    if high == each, columns % wide == 0 {
      let group = columns / wide
      return (.group(group), .grid(rows: 1, columns: group, rowStride: wide, columnStride: 1))
    }
    if high == 1, wide == columns {
      return (.block(each, 1), .grid(rows: each, columns: 1, rowStride: wide, columnStride: 1))
    }
    // Blocks need not divide the matrix: the last ones are cut off.
    let block = quantization?.block ?? [128, 128]
    guard block.count == 2, block.allSatisfy({ $0 > 0 && $0 < 1 << 20 }), (each + block[0] - 1) / block[0] == high,
      (columns + block[1] - 1) / block[1] == wide
    else { return nil }
    return (
      .block(block[0], block[1]),
      .stacked(each: each, cellRows: high, rows: block[0], columns: block[1], rowStride: wide, columnStride: 1)
    )
  }
}
