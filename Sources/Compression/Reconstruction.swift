import CKernels
import Numerics

/// A scheme at work on one weight: from each chunk's pruned weights their reconstruction and their codes.
struct Reconstruction {
  /// Codes are counted from `-symbolOffset` on; zero symbols where the format has no codes to count.
  let symbolOffset: Int
  let symbolCount: Int
  private(set) var scales = ScaleSummary()

  private enum Method {
    case copy
    case uniform(UniformScheme, tensor: Run?, masked: Bool)
    case half(ElementType)
    case block(BlockQuantizer, bytes: UnsafeMutableBufferPointer<UInt8>)
  }

  /// What one scale governs: a grid, or for one bit the mean magnitude.
  private struct Run {
    var grid: lathe_grid
    var magnitude: Float
  }

  private let method: Method

  /// `nil` where the scheme's error is not computed. For one scale a tensor, the weight is read before.
  init?(
    _ scheme: Scheme, of source: some WeightSource, pruning: Pruning, control: PassControl
  ) throws {
    switch scheme.format {
    case .keep:
      method = .copy
      (symbolOffset, symbolCount) = (0, 0)
    case .f16, .bf16:
      method = .half(scheme.format == .f16 ? .f16 : .bf16)
      (symbolOffset, symbolCount) = (0, 65_536)
    case .block(let type):
      guard let quantizer = BlockQuantizer(type) else { return nil }
      let capacity =
        min(source.rowsPerChunk, source.rows) * source.columns / type.blockWeights * type.blockBytes
      method = .block(quantizer, bytes: .allocate(capacity: capacity))
      (symbolOffset, symbolCount) = (0, 0)
    case .named:
      return nil
    case .uniform(let uniform):
      let tensor: Run? =
        uniform.granularity == .tensor
        ? try Self.tensorRun(uniform, of: source, pruning: pruning, control: control) : nil
      method = .uniform(uniform, tensor: tensor, masked: scheme.sparsity != .none)
      symbolOffset = 1 << uniform.bits
      symbolCount = 2 << uniform.bits
      if let tensor { scales.add(tensor.grid) }
    }
  }

  func free() {
    if case .block(_, let bytes) = method { bytes.deallocate() }
  }

  /// Fills `values` (and `codes`, where the format has them) for a chunk whose weights after sparsity are `pruned`.
  mutating func apply(
    _ chunk: Chunk, pruned: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>,
    codes: UnsafeMutablePointer<Int32>
  ) {
    switch method {
    case .copy:
      values.update(from: pruned, count: chunk.count)
    case .half(let type):
      for index in 0..<chunk.count {
        let bits =
          type == .f16 ? lathe_half_from_float(pruned[index]) : lathe_bfloat_from_float(pruned[index])
        codes[index] = Int32(bits)
        values[index] = type == .f16 ? lathe_float_from_half(bits) : lathe_float_from_bfloat(bits)
      }
    case .block(let quantizer, let bytes):
      let type = quantizer.type
      let used = chunk.count / type.blockWeights * type.blockBytes
      quantizer.encode(pruned, count: chunk.count, into: bytes.baseAddress!)
      ElementType.ggml(type).decode(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<used]),
        into: UnsafeMutableBufferPointer(start: values, count: chunk.count))
    case .uniform(let uniform, let tensor, let masked):
      let run = tensor == nil ? uniform.granularity.run(columns: chunk.columns) : chunk.count
      for start in stride(from: 0, to: chunk.count, by: run) {
        let found =
          tensor ?? Self.run(uniform, weights: chunk.base + start, pruned: pruned + start, count: run)
        if tensor == nil { scales.add(found.grid) }
        if uniform.bits == 1 {
          Self.applySign(found.magnitude, pruned + start, run, masked, values + start, codes + start)
        } else {
          lathe_apply_grid(pruned + start, run, found.grid, codes + start, values + start)
        }
      }
    }
  }

  /// One bit: the sign times the mean magnitude; what sparsity has set to zero stays zero.
  private static func applySign(
    _ magnitude: Float, _ pruned: UnsafePointer<Float>, _ count: Int, _ masked: Bool,
    _ values: UnsafeMutablePointer<Float>, _ codes: UnsafeMutablePointer<Int32>
  ) {
    for index in 0..<count {
      let code: Int32 = pruned[index] < 0 ? -1 : masked && pruned[index] == 0 ? 0 : 1
      codes[index] = code
      values[index] = Float(code) * magnitude
    }
  }

  private static func run(
    _ uniform: UniformScheme, weights: UnsafePointer<Float>, pruned: UnsafePointer<Float>, count: Int
  ) -> Run {
    if uniform.bits == 1 {
      var sum = 0.0
      var kept = 0
      for index in 0..<count where pruned[index] != 0 {
        sum += Double(abs(pruned[index]))
        kept += 1
      }
      return signRun(uniform, sum: sum, kept: kept)
    }
    var low: Float = 0
    var high: Float = 0
    lathe_row_ranges(pruned, 1, count, &low, &high)
    switch uniform.range {
    case .minMax: break
    case .percentile(let p):
      let magnitudes = UnsafeBufferPointer(start: weights, count: count).map(abs).sorted()
      let limit = magnitudes[max(0, Int((p / 100 * Double(count)).rounded(.up)) - 1)]
      (low, high) = (max(low, -limit), min(high, limit))
    case .leastSquares:
      let grids = ClipSearch.grids(uniform, low: low, high: high)
      var sums = [Double](repeating: 0, count: 8 * grids.count)
      lathe_add_grid_errors(
        pruned, pruned, count, grids, Int32(grids.count), squaresNeedDouble(low...high) ? 1 : 0, &sums)
      return Run(grid: ClipSearch.best(grids, sums: sums), magnitude: 0)
    }
    return Run(grid: uniform.grid(low: low, high: high), magnitude: 0)
  }

  private static func signRun(_ uniform: UniformScheme, sum: Double, kept: Int) -> Run {
    let mean = Float(sum / Double(max(kept, 1)))
    // A range of ±mean on two bits has the scale mean/1, rounded to the scale's type.
    let scale = lathe_make_grid(-mean, mean, 2, LATHE_SYMMETRIC, uniform.scale.kernel).scale
    return Run(grid: lathe_grid(scale: scale, inverse: 0, low: -1, high: 1), magnitude: scale)
  }

  private static func tensorRun(
    _ uniform: UniformScheme, of source: some WeightSource, pruning: Pruning, control: PassControl
  ) throws -> Run {
    var range = lathe_range_sums()
    (range.minimum, range.maximum) = (.infinity, -.infinity)
    var magnitude = 0.0
    var kept = 0
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      lathe_add_range_sums(pruned, chunk.count, &range)
      guard uniform.bits == 1 else { return }
      for index in 0..<chunk.count where pruned[index] != 0 {
        magnitude += Double(abs(pruned[index]))
        kept += 1
      }
    }
    if uniform.bits == 1 { return signRun(uniform, sum: magnitude, kept: kept) }
    var (low, high) = (range.minimum, range.maximum)
    switch uniform.range {
    case .minMax: break
    case .percentile(let p):
      let rank = Int((p / 100 * Double(source.count)).rounded(.up))
      let (limit, _) = try MagnitudeRank.find(rank, in: source, control: control)
      (low, high) = (max(low, -limit), min(high, limit))
    case .leastSquares:
      let grids = ClipSearch.grids(uniform, low: low, high: high)
      var sums = [Double](repeating: 0, count: 8 * grids.count)
      try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
        lathe_add_grid_errors(
          pruned, pruned, chunk.count, grids, Int32(grids.count), squaresNeedDouble(low...high) ? 1 : 0, &sums
        )
      }
      return Run(grid: ClipSearch.best(grids, sums: sums), magnitude: 0)
    }
    return Run(grid: uniform.grid(low: low, high: high), magnitude: 0)
  }
}

/// The search of a clip: the factor of the min-max range with the least squared error; of equal ones the widest.
private enum ClipSearch {
  static func grids(_ uniform: UniformScheme, low: Float, high: Float) -> [lathe_grid] {
    (0...48).map { step in
      let factor = Float(64 - step) / 64
      return uniform.grid(low: low * factor, high: high * factor)
    }
  }

  static func best(_ grids: [lathe_grid], sums: [Double]) -> lathe_grid {
    var best = 0
    var least = Double.infinity
    for index in grids.indices {
      let error = total(sums[8 * index..<8 * index + 8])
      if error < least { (best, least) = (index, error) }
    }
    return grids[best]
  }
}

extension UniformScheme {
  func grid(low: Float, high: Float) -> lathe_grid {
    let kind: lathe_symmetry =
      switch symmetry {
      case .symmetric: LATHE_SYMMETRIC
      case .symmetricFull: LATHE_SYMMETRIC_FULL
      case .affine: LATHE_AFFINE
      }
    return lathe_make_grid(low, high, Int32(bits), kind, scale.kernel)
  }
}

extension ScaleType {
  var kernel: lathe_scale_type {
    switch self {
    case .fp16: LATHE_SCALE_FP16
    case .bf16: LATHE_SCALE_BF16
    case .fp32: LATHE_SCALE_FP32
    }
  }
}

/// The scales of a weight in short, for drawing the levels of a typical run.
struct ScaleSummary {
  private var sum = 0.0
  private var lowSum = 0.0
  private var highSum = 0.0
  private var count = 0

  mutating func add(_ grid: lathe_grid) {
    sum += Double(grid.scale)
    lowSum += Double(grid.low)
    highSum += Double(grid.high)
    count += 1
  }

  /// Mean scale and mean lowest and highest code.
  var levels: Levels? {
    guard count > 0, sum > 0 else { return nil }
    let n = Double(count)
    return Levels(
      step: sum / n, lowest: Int((lowSum / n).rounded()), highest: Int((highSum / n).rounded()), scales: count
    )
  }
}

extension WeightSource {
  /// As `forEachChunk`, with the weights after sparsity beside the weights.
  @discardableResult
  func forEachPrunedChunk(
    _ pruning: Pruning, _ control: PassControl, _ body: (Chunk, UnsafePointer<Float>) throws -> Void
  ) throws -> NonFinite {
    if pruning.isNothing { return try forEachChunk(control) { try body($0, $0.base) } }
    var pruning = pruning
    let buffer = UnsafeMutablePointer<Float>.allocate(capacity: min(rowsPerChunk, rows) * columns)
    defer { buffer.deallocate() }
    return try forEachChunk(control) { chunk in
      pruning.apply(chunk, into: buffer)
      try body(chunk, buffer)
    }
  }
}
