extension Operators {
  /// Products with weights of a few bits in blocks (com.microsoft, ContribOperators.md), computed on Floats.
  static let blockQuantised: Table = [
    "com.microsoft.MatMulNBits": { call throws(InferenceError) in try matMulNBits(call) }
  ]

  /// y = A · Bᵀ + bias with B (N, K) in blocks along K: codes of 2, 4 or 8 bits (N, blocks, bytes), low bits first, a
  /// scale a block, and a zero point a block, packed alike or as Floats; half the range where it is left out. Floats in
  /// B's place, (N, K), are the codes of a replaced weight (see `Weights`).
  ///
  /// A stays as it is, as at ONNX Runtime's `accuracy_level` 0 and 1; at 4 it would quantise A too.
  private static func matMulNBits(_ call: Call) throws(InferenceError) -> [Value] {
    let weights = try blockWeights(call)
    let (k, n) = (weights.columns, weights.rows)
    let turned = Shape.gather(weights.numbers, [k, n], strides: [1, k])
    let product = try matMul(call.with([try call.value(0), Value([k, n], turned)]))[0]
    guard let bias = call.optional(5) else { return [product] }
    return try arithmetic["Add"]!(call.with([product, bias]))
  }

  /// B (N, K) as Floats.
  static func blockWeights(_ call: Call) throws(InferenceError) -> (numbers: [Float], rows: Int, columns: Int) {
    let (aShape, _) = try call.floats(0, rank: 1)
    guard let k = call.int("K"), let n = call.int("N"), let block = call.int("block_size"),
      let bits = Optional(call.int("bits") ?? 4), [2, 4, 8].contains(bits), k > 0, n > 0, block >= 16, aShape.last == k,
      k < 1 << 29, n < 1 << 29, block < 1 << 20
    else { throw call.fail("has an input of shape \(aShape) and no fitting K, N, bits or block_size") }
    try call.check(size: [n, k], bytes: 12)
    guard call.optional(4) == nil else { throw call.fail("has g_idx, which Lathe cannot run") }
    let blocks = (k + block - 1) / block
    let scales = try call.floats(2).elements
    guard scales.count == n * blocks else {
      throw call.fail("has \(scales.count) scales; \(n * blocks) expected")
    }
    let zeros = try blockZeros(call, rows: n, blocks: blocks, bits: bits)
    let codes = try blockCodes(call, rows: n, columns: k, block: block, bits: bits)
    let weights = Kernels.filled(n * k) { weights in
      for row in 0..<n {
        for column in 0..<k {
          let place = row * blocks + column / block
          weights[row * k + column] = (codes[row * k + column] - zeros[place]) * scales[place]
        }
      }
    }
    return (weights, n, k)
  }

  /// The codes (rows, columns) of input 1.
  private static func blockCodes(_ call: Call, rows: Int, columns: Int, block: Int, bits: Int) throws(InferenceError)
    -> [Float]
  {
    let value = try call.value(1)
    switch value.elements {
    case .floats(let codes):
      guard codes.count == rows * columns else {
        throw call.fail("has codes of shape \(value.shape); \([rows, columns]) expected")
      }
      return codes
    case .integers(let bytes):
      let perByte = 8 / bits
      let rowBytes = (columns + block - 1) / block * (block / perByte)
      guard block % perByte == 0, bytes.count == rows * rowBytes else {
        throw call.fail("has \(bytes.count) bytes of codes; \(rows * rowBytes) expected")
      }
      let mask = Int64(1 << bits - 1)
      return Kernels.filled(rows * columns) { codes in
        for row in 0..<rows {
          // Blocks are whole bytes, one after another.
          for column in 0..<columns {
            let byte = bytes[row * rowBytes + column / perByte]
            codes[row * columns + column] = Float(byte >> Int64(column % perByte * bits) & mask)
          }
        }
      }
    }
  }

  /// The zero points (rows, blocks) of input 3.
  private static func blockZeros(_ call: Call, rows: Int, blocks: Int, bits: Int) throws(InferenceError) -> [Float] {
    guard let given = call.optional(3) else { return .init(repeating: Float(1 << (bits - 1)), count: rows * blocks) }
    switch given.elements {
    case .floats(let zeros):
      guard zeros.count == rows * blocks else {
        throw call.fail("has \(zeros.count) zero points; \(rows * blocks) expected")
      }
      return zeros
    case .integers(let bytes):
      let perByte = 8 / bits
      let rowBytes = (blocks + perByte - 1) / perByte
      guard bytes.count == rows * rowBytes else {
        throw call.fail("has \(bytes.count) bytes of zero points; \(rows * rowBytes) expected")
      }
      let mask = Int64(1 << bits - 1)
      return (0..<rows * blocks).map { index in
        let (row, number) = index.quotientAndRemainder(dividingBy: blocks)
        return Float(bytes[row * rowBytes + number / perByte] >> Int64(number % perByte * bits) & mask)
      }
    }
  }
}
