import CKernels
import Coding
import Numerics

/// Small floats at work on one weight.
final class SmallFloatQuantizer: ValueQuantizer {
  private let scheme: SmallFloatScheme
  private let format: lathe_small_float
  /// Of the whole weight, where there is one.
  let tensorScale: Float
  private var scales: [Float] = []
  private var scaleCodes: [UInt8] = []
  private var sum = 0.0
  private var count = 0
  private var packed = BitWriter()
  var keepsScales = false
  /// Each run's, as a factor of its numbers, where they are kept.
  private(set) var keptScales: [Float] = []

  /// Reads the weight for a scale that all share.
  init(_ scheme: SmallFloatScheme, of source: some WeightSource, _ pruning: Pruning, _ control: PassControl) throws {
    self.scheme = scheme
    format = scheme.element.format
    let capacity = min(source.rowsPerChunk, source.rows) * source.columns
    switch scheme.scaling {
    case .scaled(.tensor), .scaled(.axis):
      tensorScale = lathe_small_float_scale(try source.greatestMagnitude(pruning, control), format)
    case .scaled(let granularity):
      tensorScale = 0
      scales = [Float](repeating: 0, count: capacity / max(1, granularity.run(columns: source.columns)))
    case .microscaling:
      tensorScale = 0
      scaleCodes = [UInt8](repeating: 0, count: capacity / 32)
    case .nvidia(hasTensorScale: false):
      tensorScale = 1
      scaleCodes = [UInt8](repeating: 0, count: capacity / 16)
    case .nvidia:
      let blocks = SmallFloatScheme.Element.e4m3.greatest
      let scale = try source.greatestMagnitude(pruning, control) / (scheme.element.greatest * blocks)
      let isTooWide = (scale * blocks * scheme.element.greatest).isInfinite
      tensorScale = scale < .leastNormalMagnitude ? 0 : isTooWide ? scale.nextDown : scale
      scaleCodes = [UInt8](repeating: 0, count: capacity / 16)
    }
  }

  func apply(
    _ chunk: Chunk, pruned: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>,
    codes: UnsafeMutablePointer<Int32>
  ) {
    switch scheme.scaling {
    case .scaled(.tensor), .scaled(.axis):
      lathe_apply_small_float(pruned, chunk.count, format, tensorScale, codes, values)
    case .scaled(let granularity):
      let run = granularity.run(columns: chunk.columns)
      lathe_apply_small_float_runs(pruned, chunk.count, run, format, codes, values, &scales)
      for scale in scales[..<(chunk.count / run)] { add(scale, Int(scale.bitPattern), 32) }
    case .microscaling(let exponent):
      lathe_apply_microscaled(pruned, chunk.count, format, codes, values, &scaleCodes, exponent.rule)
      for code in scaleCodes[..<(chunk.count / 32)] {
        add(Float(bitPattern: code == 0 ? 0x0040_0000 : UInt32(code) << 23), Int(code), 8)
      }
    case .nvidia:
      lathe_apply_nvfp4(pruned, chunk.count, tensorScale, codes, values, &scaleCodes)
      for code in scaleCodes[..<(chunk.count / 16)] {
        add(ElementType.e4m3Levels[Int(code)] * tensorScale, Int(code), 8)
      }
    }
  }

  private func add(_ scale: Float, _ code: Int, _ width: Int) {
    sum += Double(scale)
    count += 1
    guard keepsScales else { return }
    packed.put(code, width)
    keptScales.append(scale)
  }

  /// NVFP4's tensor scale stands after the blocks'.
  var scaleBytes: [UInt8] {
    var writer = packed
    switch scheme.scaling {
    case .scaled(.tensor), .scaled(.axis), .nvidia(hasTensorScale: true): writer.put(Int(tensorScale.bitPattern), 32)
    default: break
    }
    return writer.finish()
  }

  var levels: Levels? {
    let step = count > 0 ? sum / Double(count) : Double(tensorScale)
    guard step > 0 else { return nil }
    return Levels(step: step, multiples: scheme.element.numbers.map(Double.init), scales: max(1, count))
  }
}

extension SmallFloatScheme.Element {
  var format: lathe_small_float {
    switch self {
    case .e4m3: lathe_small_float(exponent: 4, mantissa: 3, bias: 7, greatest: greatest)
    case .e5m2: lathe_small_float(exponent: 5, mantissa: 2, bias: 15, greatest: greatest)
    case .e2m3: lathe_small_float(exponent: 2, mantissa: 3, bias: 1, greatest: greatest)
    case .e3m2: lathe_small_float(exponent: 3, mantissa: 2, bias: 3, greatest: greatest)
    case .e2m1: lathe_small_float(exponent: 2, mantissa: 1, bias: 1, greatest: greatest)
    }
  }
}

extension SmallFloatScheme.Exponent {
  fileprivate var rule: lathe_exponent_rule {
    switch self {
    case .below: LATHE_EXPONENT_BELOW
    case .rounded: LATHE_EXPONENT_ROUNDED
    case .above: LATHE_EXPONENT_ABOVE
    }
  }
}
