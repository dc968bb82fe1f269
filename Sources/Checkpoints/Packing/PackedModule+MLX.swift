internal import Coding
internal import Numerics

extension PackedModule {
  /// weight U32 (…, outputs, inputs·b/32), a stream of bits a row; scales and biases (…, outputs, groups):
  /// w = q·scale + bias. Modes mxfp4, mxfp8 and nvfp4 have U8 scales and no biases.
  func mlx() -> Found? {
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
        // The size is the config's word: any number.
        guard let columns = Tensor.count(of: [groups, size]), columns > 0 else { return false }
        return words * 32 % columns == 0 && [1, 2, 3, 4, 5, 6, 8].contains(words * 32 / columns)
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

  func mlxFloats(_ rows: Int, _ words: Int, _ groups: Int, _ scale: Int) -> Found? {
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
