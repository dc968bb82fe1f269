import CKernels
import Numerics

/// The scales of ggml's types, for drawing the levels of a typical run: the mean scale, and of types with minima the mean
/// minimum. Layouts: ggml-common.h.
struct BlockScales {
  private let type: BlockType
  private let quantization: BlockQuantization
  private var sum = 0.0
  private var minimumSum = 0.0
  private var count = 0

  /// What codes stand for.
  enum Shape: Sendable {
    /// Multiples of the scale. A scale may be negative: the levels of both signs.
    case even(lowest: Int, highest: Int)
    /// So many steps from the minimum on.
    case affine(levels: Int)
    /// These multiples of the scale.
    case table([Double])

    /// These multiples, and their opposites.
    static func signed(_ magnitudes: [Double]) -> Shape { .table(magnitudes.reversed().map { -$0 } + magnitudes) }
    static let iq4 = Shape.table([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
    static let e2m1 = Shape.table(SmallFloatScheme.Element.e2m1.numbers.map(Double.init))
  }

  /// `nil` for a type that nothing is quantised to.
  init?(_ type: BlockType) {
    guard let quantization = type.quantization else { return nil }
    (self.type, self.quantization) = (type, quantization)
  }

  /// Adds blocks' scales.
  mutating func add(_ bytes: UnsafePointer<UInt8>, blocks: Int) {
    for block in 0..<blocks { quantization.scales(&self, bytes + block * type.blockBytes) }
  }

  mutating func addQ2K(_ block: UnsafePointer<UInt8>) {
    let (d, m) = (Self.half(block + 80), Self.half(block + 82))
    for run in 0..<16 { add(d * Float(block[run] & 15), minimum: -m * Float(block[run] >> 4)) }
  }

  mutating func addQ3K(_ block: UnsafePointer<UInt8>) {
    for run in 0..<16 {
      let low = block[96 + run % 8] >> (4 * UInt8(run / 8)) & 15
      let high = block[104 + run % 4] >> (2 * UInt8(run / 4)) & 3
      add(Self.half(block + 108) * (Float(low | high << 4) - 32))
    }
  }

  mutating func addIQ4XS(_ block: UnsafePointer<UInt8>) {
    let high = UInt16(block[2]) | UInt16(block[3]) << 8
    for run in 0..<8 {
      add(Self.half(block) * (Self.nibble(block + 4, run) + Float(high >> (2 * UInt16(run)) & 3) * 16 - 32))
    }
  }

  mutating func addIQ1M(_ block: UnsafePointer<UInt8>) {
    let scales = (0..<4).map { UInt16(block[48 + 2 * $0]) | UInt16(block[49 + 2 * $0]) << 8 }
    let bits = scales[0] >> 12 | scales[1] >> 8 & 0xf0 | scales[2] >> 4 & 0xf00 | scales[3] & 0xf000
    let d = HalfType.f16.float(bits)
    for run in 0..<16 { add(d * (2 * Float(scales[run / 4] >> (3 * UInt16(run % 4)) & 7) + 1)) }
  }

  /// Eight scales and minima of six bits in twelve bytes.
  mutating func addSixBits(_ block: UnsafePointer<UInt8>) {
    let (d, m, packed) = (Self.half(block), Self.half(block + 2), block + 4)
    for run in 0..<4 {
      add(d * Float(packed[run] & 63), minimum: -m * Float(packed[run + 4] & 63))
      let scale = packed[run + 8] & 15 | (packed[run] >> 6) << 4
      let minimum = packed[run + 8] >> 4 | (packed[run + 4] >> 6) << 4
      add(d * Float(scale), minimum: -m * Float(minimum))
    }
  }

  static func nibble(_ place: UnsafePointer<UInt8>, _ index: Int) -> Float {
    Float(place[index / 2] >> (4 * (index % 2)) & 15)
  }

  static func half(_ bytes: UnsafePointer<UInt8>) -> Float {
    HalfType.f16.float(UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
  }

  mutating func add(_ scale: Float, minimum: Float = 0) {
    guard scale.isFinite, minimum.isFinite else { return }
    sum += Double(abs(scale))
    minimumSum += Double(minimum)
    count += 1
  }

  var levels: Levels? {
    guard count > 0, sum > 0 else { return nil }
    let step = sum / Double(count)
    switch quantization.levels {
    case .even(let lowest, let highest):
      return Levels(step: step, lowest: lowest, highest: highest, scales: count)
    case .affine(let levels):
      let first = minimumSum / sum
      return Levels(step: step, multiples: (0..<levels).map { first + Double($0) }, scales: count)
    case .table(let multiples): return Levels(step: step, multiples: multiples, scales: count)
    }
  }
}
