import CKernels
import Numerics

/// A scheme at work on one weight: from each chunk's pruned weights their reconstruction and their codes.
struct Reconstruction {
  /// The codes that the format has.
  let codes: CodeKind
  private var scales = ScaleSummary()
  private var blockScales: BlockScales?

  enum Method {
    case copy
    /// One grid a weight.
    case grid(lathe_grid)
    /// One grid a column: scales along another axis than the rows'.
    case columns([lathe_grid], distinct: [Int])
    /// A grid for each run of a row, or for each row.
    case runs(UniformScheme, grids: UnsafeMutableBufferPointer<lathe_grid>)
    /// Sign times magnitude: one for the weight, one a column, or the mean of each run.
    case sign(magnitude: Float)
    case columnSigns([Float], distinct: [Int])
    case signs(ScaleType, Granularity)
    case ternary
    case half(ElementType)
    case block(BlockQuantizer, bytes: UnsafeMutableBufferPointer<UInt8>, BlockImportances?)
    case values(any ValueQuantizer)
    /// What was chosen before.
    case chosen(ChosenWeight)
  }

  private let method: Method
  /// Whether zeros are pruned weights, which stay zeros.
  private let isMasked: Bool

  /// `nil` where the scheme's error is not computed. For scales that rows share, the weight is read before.
  init?(
    _ scheme: Scheme, of source: some WeightSource, pruning: Pruning, control: PassControl, ignoresChosen: Bool = false
  ) throws {
    isMasked = scheme.sparsity != .none
    let format = scheme.format.value
    if !ignoresChosen, let chosen = source.chosen, chosen.scheme.hasNumbers(of: scheme) {
      method = .chosen(chosen)
      codes = format.codes
      if case .block(let type) = scheme.format { blockScales = BlockScales(type) }
      return
    }
    guard
      let method = try format.method(
        of: source, pruning, isMasked: isMasked, capacity: min(source.rowsPerChunk, source.rows) * source.columns,
        control)
    else { return nil }
    self.method = method
    codes = format.codes
    if case .block(let type) = scheme.format { blockScales = BlockScales(type) }
    switch method {
    case .grid(let grid): scales.add(grid)
    case .columns(let grids, let distinct):
      scales.keepAll()
      for column in distinct { scales.add(grids[column]) }
    case .sign(let magnitude): scales.add(Self.signGrid(magnitude))
    case .columnSigns(let magnitudes, let distinct):
      scales.keepAll()
      for column in distinct { scales.add(Self.signGrid(magnitudes[column])) }
    default: break
    }
  }

  /// Keeps every scale: for packing.
  mutating func keepsScales() {
    if case .values(let quantizer) = method { quantizer.keepsScales = true } else { scales.keepAll() }
  }

  /// Every scale, where they were kept.
  var keptGrids: [lathe_grid] { scales.kept }

  /// What has values of its own.
  var quantizer: (any ValueQuantizer)? { if case .values(let quantizer) = method { quantizer } else { nil } }

  /// The levels of a typical run of what was applied.
  var levels: Levels? {
    if case .chosen(let chosen) = method, let levels = chosen.levels { return levels }
    return ownLevels
  }

  private var ownLevels: Levels? {
    if case .values(let quantizer) = method { quantizer.levels } else { blockScales?.levels ?? scales.levels }
  }

  /// All scales, zero points and tables as they are packed, once everything was applied and they were kept.
  func scaleBytes(of scheme: Scheme) -> [UInt8] {
    switch method {
    case .chosen(let chosen): chosen.scaleBytes
    case .values(let quantizer): quantizer.scaleBytes
    default: PackedContent.pack(scales.kept, scheme)
    }
  }

  func free() {
    switch method {
    case .block(_, let bytes, _): bytes.deallocate()
    case .runs(_, let grids): grids.deallocate()
    default: break
    }
  }

  /// Fills `values` (and `codes`, where the format has them) for a chunk whose weights after sparsity are `pruned`.
  mutating func apply(
    _ chunk: Chunk, pruned: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>,
    codes: UnsafeMutablePointer<Int32>
  ) {
    switch method {
    case .copy:
      values.update(from: pruned, count: chunk.count)
    case .grid(let grid):
      lathe_apply_grid(pruned, chunk.count, grid, codes, values)
    case .columns(let grids, _):
      lathe_apply_columns(pruned, chunk.rows, chunk.columns, grids, codes, values)
    case .runs(let uniform, let grids):
      applyRuns(uniform, grids, chunk, pruned, values, codes)
    case .sign(let magnitude):
      lathe_apply_signs(pruned, chunk.count, magnitude, isMasked ? 1 : 0, codes, values)
    case .columnSigns(let magnitudes, _):
      for index in 0..<chunk.count {
        lathe_apply_signs(
          pruned + index, 1, magnitudes[index % chunk.columns], isMasked ? 1 : 0, codes + index, values + index)
      }
    case .signs(let scale, let granularity):
      let run = granularity.run(columns: chunk.columns)
      for start in stride(from: 0, to: chunk.count, by: run) {
        var sum = MagnitudeSum()
        sum.add(pruned + start, run, above: isMasked ? 0 : -1)
        let magnitude = scale.rounded(magnitude: sum.mean)
        scales.add(Self.signGrid(magnitude))
        lathe_apply_signs(pruned + start, run, magnitude, isMasked ? 1 : 0, codes + start, values + start)
      }
    case .ternary:
      for start in stride(from: 0, to: chunk.count, by: chunk.columns) {
        applyTernary(pruned + start, chunk.columns, values + start, codes + start)
      }
    case .half(let type):
      for index in 0..<chunk.count {
        let bits =
          type == .f16 ? lathe_half_from_float(pruned[index]) : lathe_bfloat_from_float(pruned[index])
        codes[index] = Int32(bits)
        values[index] = type == .f16 ? lathe_float_from_half(bits) : lathe_float_from_bfloat(bits)
      }
    case .chosen(let chosen):
      let rows = chunk.firstRow..<chunk.firstRow + chunk.rows
      chosen.read(rows: rows, into: values)
      chosen.readCodes(rows: rows, into: codes)
      if case .blocks(let type, let bytes) = chosen.content {
        let row = chunk.columns / type.blockWeights
        bytes.withUnsafeBufferPointer { bytes in
          guard let start = bytes.baseAddress else { return }
          blockScales?.add(start + rows.lowerBound * row * type.blockBytes, blocks: rows.count * row)
        }
      }
    case .values(let quantizer):
      quantizer.apply(chunk, pruned: pruned, values: values, codes: codes)
    case .block(let quantizer, let bytes, let importances):
      let type = quantizer.type
      let used = chunk.count / type.blockWeights * type.blockBytes
      if let importances {
        importances.encode(chunk, pruned, quantizer, into: bytes.baseAddress!)
      } else {
        quantizer.encode(pruned, count: chunk.count, into: bytes.baseAddress!)
      }
      blockScales?.add(bytes.baseAddress!, blocks: chunk.count / type.blockWeights)
      ElementType.ggml(type).decode(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<used]),
        into: UnsafeMutableBufferPointer(start: values, count: chunk.count))
    }
  }

  private mutating func applyRuns(
    _ uniform: UniformScheme, _ grids: UnsafeMutableBufferPointer<lathe_grid>, _ chunk: Chunk,
    _ pruned: UnsafePointer<Float>, _ values: UnsafeMutablePointer<Float>, _ codes: UnsafeMutablePointer<Int32>
  ) {
    let run = uniform.granularity.run(columns: chunk.columns)
    if uniform.range == .minMax {
      lathe_apply_runs(
        pruned, chunk.count, run, Int32(uniform.bits), uniform.symmetry.kernel, uniform.scale.kernel,
        uniform.rounds.kernel, codes, values, grids.baseAddress!)
    } else {
      for (index, start) in stride(from: 0, to: chunk.count, by: run).enumerated() {
        grids[index] = uniform.grid(chunk.base + start, pruned: pruned + start, count: run)
        lathe_apply_grid(pruned + start, run, grids[index], codes + start, values + start)
      }
    }
    for index in 0..<chunk.count / max(1, run) { scales.add(grids[index]) }
  }

  /// Δ = 0.7·E|w| and α = E(|w| : |w| > Δ), over the weights that are not pruned.
  private mutating func applyTernary(
    _ pruned: UnsafePointer<Float>, _ count: Int, _ values: UnsafeMutablePointer<Float>,
    _ codes: UnsafeMutablePointer<Int32>
  ) {
    var all = MagnitudeSum()
    all.add(pruned, count, above: isMasked ? 0 : -1)
    let threshold = 0.7 * all.mean
    var kept = MagnitudeSum()
    kept.add(pruned, count, above: threshold)
    let magnitude = ScaleType.fp16.rounded(magnitude: kept.mean)
    scales.add(Self.signGrid(magnitude))
    lathe_apply_ternary(pruned, count, threshold, magnitude, codes, values)
  }

  private static func signGrid(_ magnitude: Float) -> lathe_grid {
    lathe_grid(magnitude: magnitude)
  }
}

/// The codes that a format writes.
enum CodeKind {
  case none
  /// At most 256 side by side: told apart modulo 256; a code is zero where it has no bit of the mask.
  case bytes(zeroMask: UInt32)
  /// Of 16 bits; a code is zero where it has no bit of the mask.
  case wide(zeroMask: UInt32)
}

extension Symmetry {
  var kernel: lathe_symmetry {
    switch self {
    case .symmetric: LATHE_SYMMETRIC
    case .symmetricFull: LATHE_SYMMETRIC_FULL
    case .symmetricSigned: LATHE_SYMMETRIC_SIGNED
    case .affine: LATHE_AFFINE
    case .edge: LATHE_EDGE
    }
  }
}

/// What scales along another axis than the rows' are made of, a value a column of the matrix: columns of one index of
/// the axis have the same.
struct AxisColumns {
  private(set) var ranges: [ClosedRange<Float>]
  private(set) var means: [Double]
  /// A column for each index of the axis.
  let distinct: [Int]

  init(_ axis: Int, of source: some WeightSource, _ pruning: Pruning, masked: Bool, _ control: PassControl) throws {
    let columns = source.columns
    let inner = source.shape[(axis + 1)...].reduce(1, *)
    let extent = source.shape[axis]
    var low = [Float](repeating: .infinity, count: extent)
    var high = [Float](repeating: -.infinity, count: extent)
    var sums = [Double](repeating: 0, count: extent)
    var kept = [Int](repeating: 0, count: extent)
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      for index in 0..<chunk.count {
        let place = index % columns / inner % extent
        let w = pruned[index]
        low[place] = min(low[place], w)
        high[place] = max(high[place], w)
        sums[place] += Double(abs(w))
        if !masked || w != 0 { kept[place] += 1 }
      }
    }
    distinct = (0..<extent).map { $0 * inner }
    let places = (0..<columns).map { $0 / inner % extent }
    ranges = places.map { min(low[$0], high[$0])...high[$0] }
    means = places.map { kept[$0] > 0 ? sums[$0] / Double(kept[$0]) : 0 }
  }
}

extension lathe_grid {
  /// ± one magnitude.
  init(magnitude: Float) {
    self.init()
    (scale, low, high) = (magnitude, -1, 1)
  }

  /// The same numbers with a positive scale, counted from zero: a bias is a whole number of steps but for rounding.
  var rising: lathe_grid {
    let steps = scale != 0 && bias != 0 ? (bias / scale).rounded() : 0
    var other = self
    (other.low, other.high, other.bias) = (low + steps, high + steps, 0)
    guard scale < 0 else { return other }
    (other.scale, other.inverse, other.low, other.high) = (-scale, -inverse, -(high + steps), -(low + steps))
    return other
  }
}

/// The scales of a weight in short, for drawing the levels of a typical run.
struct ScaleSummary {
  private var sum = 0.0
  private var lowSum = 0.0
  private var highSum = 0.0
  private var count = 0
  private var keepsAll = false
  /// All scales, from the first on that was added since they are kept; a weight's only one too.
  private(set) var kept: [lathe_grid] = []

  mutating func keepAll() { keepsAll = true }

  /// A mean code as a whole number; constant runs with a bias have steps so small that zero is far away.
  private static func code(_ mean: Double) -> Int { Int(max(-65_536, min(65_536, mean.rounded()))) }

  mutating func add(_ grid: lathe_grid) {
    if keepsAll || count == 0 { kept.append(grid) }
    let grid = grid.rising
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
      step: sum / n, lowest: Self.code(lowSum / n), highest: Self.code(highSum / n), scales: count
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
