internal import Coding
internal import Numerics

extension PackedModule {
  /// GPTQ: qweight I32 (inputs·b/32, outputs), codes along the inputs; scales (groups, outputs); qzeros I32
  /// (groups, outputs·b/32), less one unless the config says `gptq_v2`; g_idx I32 (inputs), each input's group.
  /// AWQ (gemm): qweight I32 (inputs, outputs·b/32), codes along the outputs; scales and qzeros likewise.
  func words() -> Found? {
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
    var packing = Packing(
      isGPTQ ? .gptq : .awq, code: "int\(bits)", bits: bits, groups == 1 ? .channel : .group(group),
      layout: .packed(weightBits), levels: .integers, scale: Parameter(tensor: scale, cells: cells),
      zero: Parameter(tensor: zero, cells: cells, codes: .packed(zeroBits)),
      zeroOffset: lessOne ? 1 : 0)
    if isGPTQ, bits != 3 { packing.doubt = doubt(zero, bits: bits, lessOne: lessOne) }
    return (packing, MatrixShape(rows: rows, columns: columns))
  }

  /// What GPTQ's zero points say of their own form: symmetric ones are all 2^(b−1), and one less where they are stored
  /// so. Looks at 4 KiB of them at most.
  private func doubt(_ zeros: Int, bits: Int, lessOne: Bool) -> String? {
    let tensor = checkpoint.tensors[zeros]
    guard tensor.type == .i32, tensor.byteCount >= 4 else { return nil }
    var bytes = [UInt8](repeating: 0, count: min(tensor.byteCount, 4096) & ~3)
    let isRead = bytes.withUnsafeMutableBytes { into in
      (try? checkpoint.readBytes(tensor: zeros, range: 0..<into.count, into: into)) != nil
    }
    let middle = UInt8(1) << (bits - 1)
    /// A byte whose codes are all the same.
    func filled(_ code: UInt8) -> UInt8 {
      stride(from: 0, to: 8, by: bits).reduce(0) { $0 | code << UInt8($1) }
    }
    let other = lessOne ? middle : middle - 1
    guard isRead, bytes.allSatisfy({ $0 == filled(other) }) else { return nil }
    let (said, seen) = lessOne ? ("gptq", "gptq_v2") : ("gptq_v2", "gptq")
    return
      "its zero points are all \(other), as symmetric ones of checkpoint_format \(seen) are, but it is read as \(said): every weight may be a step off"
  }
}
