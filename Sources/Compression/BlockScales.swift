import CKernels
import Numerics

/// The scales of ggml's simple types, for drawing the levels of a typical block: types of one scale a run and levels
/// that are the same in every run.
struct BlockScales {
  private let type: BlockType
  private let shape: Shape
  private var sum = 0.0
  private var count = 0

  private enum Shape {
    case even(lowest: Int, highest: Int)
    case table([Double])
  }

  /// `nil` for every other type.
  init?(_ type: BlockType) {
    self.type = type
    switch type {
    // A scale may be negative: the levels of both signs.
    case .q4_0: shape = .even(lowest: -8, highest: 8)
    case .q5_0: shape = .even(lowest: -16, highest: 16)
    case .q8_0: shape = .even(lowest: -127, highest: 127)
    case .tq1_0, .tq2_0: shape = .even(lowest: -1, highest: 1)
    case .iq4_nl:
      shape = .table([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
    case .mxfp4, .nvfp4: shape = .table(SmallFloatScheme.Element.e2m1.numbers.map(Double.init))
    default: return nil
    }
  }

  /// Adds blocks' scales.
  mutating func add(_ bytes: UnsafePointer<UInt8>, blocks: Int) {
    for block in 0..<blocks {
      let start = bytes + block * type.blockBytes
      switch type {
      case .mxfp4: add(start[0] == 0 ? 0x1p-127 : Float(bitPattern: UInt32(start[0]) << 23))
      case .nvfp4: for part in 0..<4 { add(ElementType.e4m3Levels[Int(start[part] & 0x7f)]) }
      case .tq1_0, .tq2_0: add(half(start + type.blockBytes - 2))
      default: add(half(start))
      }
    }
  }

  private func half(_ bytes: UnsafePointer<UInt8>) -> Float {
    HalfType.f16.float(UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
  }

  private mutating func add(_ scale: Float) {
    guard scale.isFinite else { return }
    sum += Double(abs(scale))
    count += 1
  }

  var levels: Levels? {
    guard count > 0, sum > 0 else { return nil }
    let step = sum / Double(count)
    switch shape {
    case .even(let lowest, let highest):
      return Levels(step: step, lowest: lowest, highest: highest, scales: count)
    case .table(let multiples): return Levels(step: step, multiples: multiples, scales: count)
    }
  }
}
