import CKernels
import Numerics

/// The scales of ggml's types, for drawing the levels of a typical run: the mean scale, and of types with minima the mean
/// minimum. Layouts: ggml-common.h.
struct BlockScales {
  private let type: BlockType
  private let shape: Shape
  private var sum = 0.0
  private var minimumSum = 0.0
  private var count = 0

  private enum Shape {
    /// Multiples of the scale.
    case even(lowest: Int, highest: Int)
    /// So many steps from the minimum on.
    case affine(levels: Int)
    /// These multiples of the scale.
    case table([Double])
  }

  /// `nil` for a type that nothing is quantised to.
  init?(_ type: BlockType) {
    self.type = type
    func signed(_ magnitudes: [Double]) -> Shape { .table(magnitudes.reversed().map { -$0 } + magnitudes) }
    switch type {
    // A scale may be negative: the levels of both signs.
    case .q4_0: shape = .even(lowest: -8, highest: 8)
    case .q5_0: shape = .even(lowest: -16, highest: 16)
    case .q8_0: shape = .even(lowest: -127, highest: 127)
    case .q3_k: shape = .even(lowest: -4, highest: 4)
    case .q6_k: shape = .even(lowest: -32, highest: 32)
    case .tq1_0, .tq2_0: shape = .even(lowest: -1, highest: 1)
    case .q2_0: shape = .even(lowest: -1, highest: 2)
    case .q1_0: shape = .table([-1, 1])
    case .q2_k: shape = .affine(levels: 4)
    case .q4_1, .q4_k: shape = .affine(levels: 16)
    case .q5_1, .q5_k: shape = .affine(levels: 32)
    case .iq4_nl, .iq4_xs:
      shape = .table([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
    case .mxfp4, .nvfp4: shape = .table(SmallFloatScheme.Element.e2m1.numbers.map(Double.init))
    case .iq2_xxs, .iq2_xs, .iq2_s: shape = signed([8, 25, 43])
    case .iq3_xxs: shape = signed([4, 12, 20, 28, 36, 44, 52, 62])
    case .iq3_s: shape = signed([1, 3, 5, 7, 9, 11, 13, 15])
    // A run's codes are shifted by an eighth, up or down.
    case .iq1_s, .iq1_m: shape = .table([-1.125, -0.875, -0.125, 0.125, 0.875, 1.125])
    default: return nil
    }
  }

  /// Adds blocks' scales.
  mutating func add(_ bytes: UnsafePointer<UInt8>, blocks: Int) {
    for block in 0..<blocks { addBlock(bytes + block * type.blockBytes) }
  }

  private mutating func addBlock(_ block: UnsafePointer<UInt8>) {
    func nibble(_ place: UnsafePointer<UInt8>, _ index: Int) -> Float {
      Float(place[index / 2] >> (4 * (index % 2)) & 15)
    }
    switch type {
    case .mxfp4: add(block[0] == 0 ? 0x1p-127 : Float(bitPattern: UInt32(block[0]) << 23))
    case .nvfp4: for part in 0..<4 { add(ElementType.e4m3Levels[Int(block[part] & 0x7f)]) }
    case .tq1_0, .tq2_0: add(half(block + type.blockBytes - 2))
    case .q4_1, .q5_1: add(half(block), minimum: half(block + 2))
    case .q2_k:
      let (d, m) = (half(block + 80), half(block + 82))
      for run in 0..<16 { add(d * Float(block[run] & 15), minimum: -m * Float(block[run] >> 4)) }
    case .q3_k:
      for run in 0..<16 {
        let low = block[96 + run % 8] >> (4 * UInt8(run / 8)) & 15
        let high = block[104 + run % 4] >> (2 * UInt8(run / 4)) & 3
        add(half(block + 108) * (Float(low | high << 4) - 32))
      }
    case .q4_k, .q5_k: addSixBits(block)
    case .q6_k: for run in 0..<16 { add(half(block + 208) * Float(Int8(bitPattern: block[192 + run]))) }
    case .iq4_xs:
      let high = UInt16(block[2]) | UInt16(block[3]) << 8
      for run in 0..<8 { add(half(block) * (nibble(block + 4, run) + Float(high >> (2 * UInt16(run)) & 3) * 16 - 32)) }
    case .iq2_xxs: for run in 0..<8 { add(half(block) * (0.5 + Float(block[2 + 8 * run + 7] >> 4)) / 4) }
    case .iq2_xs: for run in 0..<16 { add(half(block) * (0.5 + nibble(block + 66, run)) / 4) }
    case .iq2_s: for run in 0..<16 { add(half(block) * (0.5 + nibble(block + 74, run)) / 4) }
    case .iq3_xxs: for run in 0..<8 { add(half(block) * (0.5 + Float(block[66 + 4 * run + 3] >> 4)) / 2) }
    case .iq3_s: for run in 0..<8 { add(half(block) * (1 + 2 * nibble(block + 106, run))) }
    case .iq1_s: for run in 0..<8 { add(half(block) * (2 * Float(block[34 + 2 * run + 1] >> 4 & 7) + 1)) }
    case .iq1_m:
      let scales = (0..<4).map { UInt16(block[48 + 2 * $0]) | UInt16(block[49 + 2 * $0]) << 8 }
      let bits = scales[0] >> 12 | scales[1] >> 8 & 0xf0 | scales[2] >> 4 & 0xf00 | scales[3] & 0xf000
      let d = HalfType.f16.float(bits)
      for run in 0..<16 { add(d * (2 * Float(scales[run / 4] >> (3 * UInt16(run % 4)) & 7) + 1)) }
    default: add(half(block))
    }
  }

  /// Eight scales and minima of six bits in twelve bytes.
  private mutating func addSixBits(_ block: UnsafePointer<UInt8>) {
    let (d, m, packed) = (half(block), half(block + 2), block + 4)
    for run in 0..<4 {
      add(d * Float(packed[run] & 63), minimum: -m * Float(packed[run + 4] & 63))
      let scale = packed[run + 8] & 15 | (packed[run] >> 6) << 4
      let minimum = packed[run + 8] >> 4 | (packed[run + 4] >> 6) << 4
      add(d * Float(scale), minimum: -m * Float(minimum))
    }
  }

  private func half(_ bytes: UnsafePointer<UInt8>) -> Float {
    HalfType.f16.float(UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
  }

  private mutating func add(_ scale: Float, minimum: Float = 0) {
    guard scale.isFinite, minimum.isFinite else { return }
    sum += Double(abs(scale))
    minimumSum += Double(minimum)
    count += 1
  }

  var levels: Levels? {
    guard count > 0, sum > 0 else { return nil }
    let step = sum / Double(count)
    switch shape {
    case .even(let lowest, let highest):
      return Levels(step: step, lowest: lowest, highest: highest, scales: count)
    case .affine(let levels):
      let first = minimumSum / sum
      return Levels(step: step, multiples: (0..<levels).map { first + Double($0) }, scales: count)
    case .table(let multiples): return Levels(step: step, multiples: multiples, scales: count)
    }
  }
}
