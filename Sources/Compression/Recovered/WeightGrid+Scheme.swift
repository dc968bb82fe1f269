import CKernels
import Numerics

extension WeightGrid {
  /// The grid of a weight under a scheme, its scales as the scheme's own rule chooses them.
  ///
  /// Reads the weight one to four times. Scales are found after sparsity.
  ///
  /// - Returns: `nil` where the scheme's numbers are no such levels: `Scheme.hasGrid` says so before.
  /// - Throws: `Cancelled`, or what the source throws.
  public init?(_ scheme: Scheme, of source: some WeightSource, control: PassControl = .silent) throws {
    guard scheme.hasGrid else { return nil }
    let pruning = try Pruning(scheme.sparsity, of: source, control: control)
    if case .block(let type) = scheme.format {
      try self.init(type, of: source, pruning, control)
      return
    }
    guard
      var method = try Reconstruction(scheme, of: source, pruning: pruning, control: control, ignoresChosen: true)
    else { return nil }
    defer { method.free() }
    method.keepsScales()
    let capacity = min(source.rowsPerChunk, source.rows) * source.columns
    var values = [Float](repeating: 0, count: capacity)
    var codes = [Int32](repeating: 0, count: capacity)
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: &values, codes: &codes)
    }
    self.init(scheme, of: source, method)
  }

  private init?(_ scheme: Scheme, of source: some WeightSource, _ method: Reconstruction) {
    var sharing = Sharing.runs(max(1, source.columns))
    switch scheme.format {
    case .uniform(let uniform):
      var grids = method.keptGrids
      switch uniform.granularity {
      case .tensor: sharing = .whole
      case .channel: break
      case .group(let size): sharing = .runs(size)
      case .axis(let axis):
        // Columns of one index of the axis have one scale.
        sharing = .columns
        let inner = source.shape[(axis + 1)...].reduce(1, *)
        let of = grids
        grids = (0..<source.columns).map { of[$0 / inner % source.shape[axis]] }
      }
      if uniform.bits == 1 {
        self.init(source, sharing, signs: grids, withZero: scheme.sparsity != .none)
        return
      }
      // Affine grids count from a zero point of their own, which moves the lowest code.
      let isShifted = uniform.symmetry == .affine
      let low = isShifted || grids.isEmpty ? 0 : Int(grids[0].low)
      let count = 1 << uniform.bits
      let least = uniform.symmetry == .symmetric ? 1 - count / 2 : low
      let high = grids.isEmpty || isShifted ? count - 1 : Int(grids[0].high)
      let levels = (least...max(least, high)).map { Int32($0) }
      self.init(
        rows: source.rows, columns: source.columns, sharing: sharing, levels: levels.map(Float.init),
        formatCodes: levels, scales: grids.map(\.scale), shifts: isShifted ? grids.map(\.low) : [],
        offsets: uniform.symmetry == .edge ? grids.map(\.bias) : [])
    case .named(.binary): self.init(source, sharing, signs: method.keptGrids, withZero: scheme.sparsity != .none)
    case .named(.ternary): self.init(source, sharing, signs: method.keptGrids, withZero: true)
    case .smallFloat(let small):
      guard let quantizer = method.quantizer as? SmallFloatQuantizer else { return nil }
      let bits = small.element.bits
      let codes = (0..<1 << bits).compactMap { code -> (Float, Int32)? in
        let value = small.element.table[code]
        // Negative zero is zero once more.
        return value.isFinite && !(value == 0 && code > 0) ? (value, Int32(code)) : nil
      }.sorted { $0.0 < $1.0 }
      switch small.scaling {
      case .scaled(.tensor), .scaled(.axis): sharing = .whole
      case .scaled(.channel): break
      case .scaled(.group), .microscaling, .nvidia: sharing = .runs(small.blockWeights)
      }
      self.init(
        rows: source.rows, columns: source.columns, sharing: sharing, levels: codes.map(\.0),
        formatCodes: codes.map(\.1),
        scales: sharing == .whole ? [quantizer.tensorScale] : quantizer.keptScales,
        tensorScale: small.hasTensorScale == true ? quantizer.tensorScale : 1)
    case .codebook(let codebook):
      guard let quantizer = method.quantizer as? CodebookQuantizer else { return nil }
      switch codebook.granularity {
      case .group(let size): sharing = .runs(size)
      case .channel: break
      case .tensor, .axis: sharing = .whole
      }
      self.init(
        rows: source.rows, columns: source.columns, sharing: sharing, levels: CodebookScheme.normalFloats,
        formatCodes: (0..<16).map { Int32($0) - 7 },
        scales: sharing == .whole ? [quantizer.tensorScale] : quantizer.keptScales)
    case .keep, .f16, .bf16, .block: return nil
    }
  }

  /// ± a magnitude, and zero.
  private init(_ source: some WeightSource, _ sharing: Sharing, signs grids: [lathe_grid], withZero: Bool) {
    let codes: [Int32] = withZero ? [-1, 0, 1] : [-1, 1]
    self.init(
      rows: source.rows, columns: source.columns, sharing: sharing, levels: codes.map(Float.init), formatCodes: codes,
      scales: grids.map(\.scale))
  }

  /// ggml's blocks, encoded by its own rule, with the importances of the inputs where they are known.
  private init?(
    _ type: BlockType, of source: some WeightSource, _ pruning: Pruning, _ control: PassControl
  ) throws {
    guard source.columns % type.blockWeights == 0, let quantizer = BlockQuantizer(type),
      let places = BlockCodes(type)
    else { return nil }
    var blocks = [UInt8](repeating: 0, count: source.count / type.blockWeights * type.blockBytes)
    let importances = source.importances.map { BlockImportances($0, rows: source.rows) }
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      blocks.withUnsafeMutableBufferPointer { blocks in
        guard let start = blocks.baseAddress else { return }
        let target = start + chunk.firstRow * chunk.columns / type.blockWeights * type.blockBytes
        if let importances {
          importances.encode(chunk, pruned, quantizer, into: target)
        } else {
          quantizer.encode(pruned, count: chunk.count, into: target)
        }
      }
    }
    let (scales, minima) = places.runs(of: blocks)
    let order = places.rising
    self.init(
      rows: source.rows, columns: source.columns, sharing: .runs(places.run),
      levels: order.map { places.levels[Int($0)] }, formatCodes: order.map(Int32.init), scales: scales,
      offsets: places.hasMinima ? minima : [], blocks: blocks)
  }
}

extension Scheme {
  /// Whether its numbers are levels under scales (`WeightGrid`): integers of up to eight bits, signs, small floats, NF4,
  /// and ggml's types whose codes are whole bits.
  public var hasGrid: Bool {
    switch format {
    case .uniform(let uniform): uniform.bits <= 8
    case .named, .smallFloat: true
    case .codebook(let codebook): codebook.table == .nf4
    case .block(let type): BlockCodes(type) != nil && BlockQuantizer(type) != nil
    case .keep, .f16, .bf16: false
    }
  }

  /// Whether both give a weight the same numbers: they may be coded differently.
  public func hasNumbers(of other: Scheme) -> Bool {
    format == other.format && sparsity == other.sparsity && by == other.by
  }

  /// The same with the nearest levels.
  public var withNearestLevels: Scheme {
    var scheme = self
    scheme.by = .nearest
    return scheme
  }

  /// What its choice of codes needs.
  var choiceNeeds: [Need] {
    if by == .corrected || by == .equalised, self == Scheme(.keep, by: by) { return [] }
    if by == .corrected { return [.impossible("by=corrected is for a bias that is kept: keep,by=corrected")] }
    guard by != .nearest, !hasGrid else { return [] }
    if by == .gptq, sparsity != .none {
      switch format {
      case .keep, .f16, .bf16: return []
      default: break
      }
    }
    return [.impossible("by=\(by.rawValue) chooses among the levels of a grid, which \(format.value.spec[0]) has not")]
  }
}

extension Sparsity {
  /// The share of the weights that it takes away, where it says one.
  package var share: Double? {
    switch self {
    case .none: 0
    case .ratio(let share), .weighted(let share), .model(let share): share
    case .pattern(let keep, let of), .weightedPattern(let keep, let of): 1 - Double(keep) / Double(max(1, of))
    case .structured(let structure): structure.ratio
    case .threshold: nil
    }
  }
}

extension ChosenWeight {
  /// The nearest levels of a weight, as chosen codes.
  ///
  /// - Throws: `Cancelled`, or what the source throws.
  public init(nearestOf scheme: Scheme, _ source: some WeightSource, control: PassControl = .silent) throws {
    var values = [Float](repeating: 0, count: source.count)
    _ = try values.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: scheme.withNearestLevels, into: $0, control: control)
    }
    guard let grid = try WeightGrid(scheme.withNearestLevels, of: source, control: control) else {
      self.init(scheme: scheme, rows: source.rows, columns: source.columns, content: .numbers(values), outputError: 1)
      return
    }
    if case .block(let type) = scheme.format {
      self.init(
        scheme: scheme, rows: grid.rows, columns: grid.columns, content: .blocks(type, grid.blocks), outputError: 1)
      return
    }
    self.init(scheme: scheme, grid: grid, codes: grid.codes(of: values), outputError: 1)
  }
}

extension WeightGrid {
  /// The codes of numbers that stand on the grid: of others, of the nearest.
  public func codes(of values: [Float]) -> [UInt8] {
    var codes = [UInt8](repeating: 0, count: values.count)
    let size = columns / max(1, runsPerRow)
    for row in 0..<rows {
      for part in 0..<runsPerRow {
        let run = run(row: row, column: part * size)
        let (scale, base) = (scales[run], base(run))
        for index in row * columns + part * size..<row * columns + (part + 1) * size {
          codes[index] = nearestCode(scale != 0 ? (values[index] - base) / scale : 0)
        }
      }
    }
    return codes
  }

  /// The code of the level nearest to a number in units of a scale, counted from the run's base.
  private func nearestCode(_ x: Float) -> UInt8 {
    // Levels rise: the first that is not nearer than the next.
    var (low, high) = (0, levels.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if x > 0.5 * (levels[middle] + levels[middle + 1]) { low = middle + 1 } else { high = middle }
    }
    return UInt8(max(0, low))
  }

  /// What a pruned weight of a run gets: zero, or where a run has minima the level next to it.
  package func prunedCode(run: Int) -> UInt8 {
    zeroCode(run: run) ?? nearestCode(scales[run] != 0 ? -base(run) / scales[run] : 0)
  }
}
