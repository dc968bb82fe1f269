import Numerics

/// Where ggml's types keep the codes of a block, for those of whole bits. Layouts: ggml-common.h.
struct BlockCodes {
  let type: BlockType
  /// Bits of a code.
  let bits: Int
  /// Weights that share a scale.
  let run: Int
  /// In units of the run's scale, in the order of the codes.
  let levels: [Float]
  /// Whether runs have a minimum too.
  let hasMinima: Bool

  /// `nil` for types that search a codebook, or pack digits.
  init?(_ type: BlockType) {
    self.type = type
    func whole(_ bits: Int, from low: Int) -> [Float] { (0..<1 << bits).map { Float($0 + low) } }
    switch type {
    case .q8_0: (bits, run, levels, hasMinima) = (8, 32, whole(8, from: -128), false)
    case .q4_0: (bits, run, levels, hasMinima) = (4, 32, whole(4, from: -8), false)
    case .q4_1: (bits, run, levels, hasMinima) = (4, 32, whole(4, from: 0), true)
    case .q5_0: (bits, run, levels, hasMinima) = (5, 32, whole(5, from: -16), false)
    case .q5_1: (bits, run, levels, hasMinima) = (5, 32, whole(5, from: 0), true)
    case .q2_k: (bits, run, levels, hasMinima) = (2, 16, whole(2, from: 0), true)
    case .q3_k: (bits, run, levels, hasMinima) = (3, 16, whole(3, from: -4), false)
    case .q4_k: (bits, run, levels, hasMinima) = (4, 32, whole(4, from: 0), true)
    case .q5_k: (bits, run, levels, hasMinima) = (5, 32, whole(5, from: 0), true)
    case .q6_k: (bits, run, levels, hasMinima) = (6, 16, whole(6, from: -32), false)
    case .iq4_nl: (bits, run, levels, hasMinima) = (4, 32, Self.iq4, false)
    case .iq4_xs: (bits, run, levels, hasMinima) = (4, 32, Self.iq4, false)
    case .mxfp4: (bits, run, levels, hasMinima) = (4, 32, Self.fp4, false)
    case .nvfp4: (bits, run, levels, hasMinima) = (4, 16, Self.fp4, false)
    default: return nil
    }
  }

  private static let iq4: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
  /// E2M1 doubled; code 8 is a second zero.
  private static let fp4: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// Its codes in the order in which their levels rise, each level once.
  var rising: [UInt8] {
    let order = levels.indices.sorted { (levels[$0], $0) < (levels[$1], $1) }
    return order.enumerated().filter { place, code in place == 0 || levels[order[place - 1]] != levels[code] }
      .map { UInt8($0.element) }
  }

  /// Puts codes, places among the rising levels, into blocks that hold the scales.
  func put(_ codes: [UInt8], into blocks: inout [UInt8]) {
    let own = rising
    let weights = type.blockWeights
    blocks.withUnsafeMutableBufferPointer { blocks in
      guard let start = blocks.baseAddress else { return }
      for block in 0..<codes.count / weights {
        let at = start + block * type.blockBytes
        for index in 0..<weights { put(own[Int(codes[block * weights + index])], at: index, in: at) }
      }
    }
  }

  /// Puts a code of the type's own into a block.
  func put(_ code: UInt8, at i: Int, in block: UnsafeMutablePointer<UInt8>) {
    func field(_ byte: Int, _ shift: Int, _ width: Int, _ value: UInt8) {
      let mask = UInt8((1 << width) - 1) << UInt8(shift)
      block[byte] = block[byte] & ~mask | (value << UInt8(shift)) & mask
    }
    switch type {
    case .q8_0: block[2 + i] = code &- 128
    case .q4_0, .iq4_nl: field(2 + i % 16, i / 16 * 4, 4, code)
    case .q4_1: field(4 + i % 16, i / 16 * 4, 4, code)
    case .mxfp4: field(1 + i % 16, i / 16 * 4, 4, code)
    case .nvfp4: field(4 + i / 16 * 8 + i % 8, i % 16 / 8 * 4, 4, code)
    case .q5_0:
      field(6 + i % 16, i / 16 * 4, 4, code)
      field(2 + i / 8, i % 8, 1, code >> 4)
    case .q5_1:
      field(8 + i % 16, i / 16 * 4, 4, code)
      field(4 + i / 8, i % 8, 1, code >> 4)
    case .q2_k: field(16 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2, code)
    case .q3_k:
      field(32 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2, code)
      field(i % 32, i / 32, 1, code >> 2)
    case .q4_k: field(16 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 4, code)
    case .q5_k:
      field(48 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 4, code)
      field(16 + i % 32, i / 32, 1, code >> 4)
    case .q6_k:
      field(i / 128 * 64 + i % 64, i % 128 / 64 * 4, 4, code)
      field(128 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2, code >> 4)
    case .iq4_xs: field(8 + i / 32 * 16 + i % 16, i % 32 / 16 * 4, 4, code)
    default: break
    }
  }

  /// The scales and minima of each run of some blocks, found by decoding them with two codes everywhere.
  func runs(of blocks: [UInt8]) -> (scales: [Float], minima: [Float]) {
    let order = rising
    let (low, high) = (order[0], order[order.count - 1])
    func decoded(_ code: UInt8) -> [Float] {
      var bytes = blocks
      let count = blocks.count / type.blockBytes * type.blockWeights
      bytes.withUnsafeMutableBufferPointer { bytes in
        guard let start = bytes.baseAddress else { return }
        for block in 0..<blocks.count / type.blockBytes {
          for index in 0..<type.blockWeights { put(code, at: index, in: start + block * type.blockBytes) }
        }
      }
      return [Float](unsafeUninitializedCapacity: count) { values, made in
        made = count
        bytes.withUnsafeBytes { ElementType.ggml(type).decode($0, into: values) }
      }
    }
    let (least, most) = (decoded(low), decoded(high))
    let (first, span) = (levels[Int(low)], levels[Int(high)] - levels[Int(low)])
    var (scales, minima): ([Float], [Float]) = ([], [])
    for start in stride(from: 0, to: least.count, by: run) {
      let scale = (most[start] - least[start]) / span
      scales.append(scale)
      if hasMinima { minima.append(least[start] - scale * first) }
    }
    return (scales, minima)
  }
}
