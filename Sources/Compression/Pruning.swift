import CKernels

/// A sparsity resolved for one weight: which numbers become zero.
struct Pruning {
  private enum Rule {
    case nothing
    /// |w| < limit, and the first `ties` numbers with |w| = limit.
    case magnitude(limit: Float, ties: Int)
    case pattern(keep: Int, of: Int, factors: [[Float]])
    /// Of each row the `count` with the least |w|·factor.
    case rowShare(count: Int, factors: [[Float]])
    /// Tiles of (rows, columns), row after row of tiles.
    case tiles(rows: Int, columns: Int, gone: [Bool])
  }

  private var rule: Rule
  private let rowsOfWeight: Int

  /// Finds the threshold or the parts; reads the weight once or twice where the rule needs it.
  init(_ sparsity: Sparsity, of source: some WeightSource, control: PassControl) throws {
    rowsOfWeight = source.rows
    switch sparsity {
    case .none:
      rule = .nothing
    case .threshold(let threshold):
      rule = .magnitude(limit: Float(threshold).roundedUp(over: threshold), ties: 0)
    case .ratio(let ratio), .model(let ratio):
      // A share of the model is found by whoever knows the model, as a threshold; alone it is the weight's own.
      let goal = Int((ratio * Double(source.count)).rounded())
      let (limit, below) = try MagnitudeRank.find(goal, in: source, control: control)
      rule = goal == 0 ? .nothing : .magnitude(limit: limit, ties: goal - below)
    case .pattern(let keep, let of):
      rule = .pattern(keep: keep, of: of, factors: [])
    case .weighted(let ratio):
      rule = .rowShare(
        count: Int((ratio * Double(source.columns)).rounded()), factors: source.importances?.norms ?? [])
    case .weightedPattern(let keep, let of):
      rule = .pattern(keep: keep, of: of, factors: source.importances?.norms ?? [])
    case .structured(let structure):
      let norms = try TileNorms(structure, of: source, control: control)
      rule = .tiles(rows: norms.rows, columns: norms.columns, gone: norms.least(structure.ratio))
    }
  }

  var isNothing: Bool { if case .nothing = rule { true } else { false } }

  /// Under a rule by magnitude, the limit below which weights go.
  var magnitudeLimit: Float? { if case .magnitude(let limit, _) = rule { limit } else { nil } }

  /// The chunk's weights with the pruned ones zero, in `pruned`. Chunks come in order: ties are taken as they come.
  mutating func apply(_ chunk: Chunk, into pruned: UnsafeMutablePointer<Float>) {
    let weights = chunk.base
    switch rule {
    case .nothing:
      pruned.update(from: weights, count: chunk.count)
    case .magnitude(let limit, let ties):
      lathe_prune_below(weights, chunk.count, limit, pruned)
      if ties > 0 { rule = .magnitude(limit: limit, ties: Self.take(ties, at: limit, chunk, pruned)) }
    case .pattern(let keep, let of, let factors):
      for (rows, factor) in slices(of: chunk, factors) {
        let at = rows.lowerBound * chunk.columns
        lathe_prune_pattern(
          weights + at, rows.count, chunk.columns, Int32(keep), Int32(of), factor, pruned + at)
      }
    case .rowShare(let count, let factors):
      pruned.update(from: weights, count: chunk.count)
      for (rows, factor) in slices(of: chunk, factors) {
        for row in rows { Self.pruneRow(pruned + row * chunk.columns, chunk.columns, count, factor) }
      }
    case .tiles(let height, let width, let gone):
      pruned.update(from: weights, count: chunk.count)
      let across = chunk.columns / width
      for row in 0..<chunk.rows {
        let first = (chunk.firstRow + row) / height * across
        for tile in 0..<across where gone[first + tile] {
          (pruned + row * chunk.columns + tile * width).update(repeating: 0, count: width)
        }
      }
    }
  }

  /// The first ties at the limit go; returns how many are left to take.
  private static func take(
    _ ties: Int, at limit: Float, _ chunk: Chunk, _ pruned: UnsafeMutablePointer<Float>
  ) -> Int {
    var left = ties
    for index in 0..<chunk.count where left > 0 && abs(chunk.base[index]) == limit {
      pruned[index] = 0
      left -= 1
    }
    return left
  }

  /// Rows of the chunk with the factors of their inputs: those of an expert's rows where there are several.
  private func slices(of chunk: Chunk, _ factors: [[Float]]) -> [(rows: Range<Int>, factors: [Float]?)] {
    guard !factors.isEmpty else { return [(0..<chunk.rows, nil)] }
    let perSlice = max(1, rowsOfWeight / factors.count)
    var slices: [(Range<Int>, [Float]?)] = []
    var row = 0
    while row < chunk.rows {
      let slice = min(factors.count - 1, (chunk.firstRow + row) / perSlice)
      let end = slice == factors.count - 1 ? chunk.rows : min(chunk.rows, (slice + 1) * perSlice - chunk.firstRow)
      slices.append((row..<end, factors[slice]))
      row = end
    }
    return slices
  }

  private static func pruneRow(
    _ row: UnsafeMutablePointer<Float>, _ columns: Int, _ count: Int, _ factors: [Float]?
  ) {
    guard count > 0 else { return }
    let scores = (0..<columns).map { abs(row[$0]) * (factors?[$0] ?? 1) }
    let limit = scores.sorted()[count - 1]
    var ties = count - scores.count { $0 < limit }
    for column in 0..<columns {
      if scores[column] < limit {
        row[column] = 0
      } else if scores[column] == limit, ties > 0 {
        row[column] = 0
        ties -= 1
      }
    }
  }
}

/// The norms of a weight's parts (rows, inputs, heads or blocks), row after row of tiles.
public struct TileNorms: Sendable, Hashable {
  /// Rows and columns of a tile.
  public let rows: Int
  public let columns: Int
  /// Σ |w| or Σ w² of each tile: in the order of the norms.
  public private(set) var values: [Double]

  /// Reads the weight once.
  ///
  /// - Throws: `Cancelled`, or what the source throws.
  public init(_ structure: Sparsity.Structure, of source: some WeightSource, control: PassControl = .silent) throws {
    let tile = structure.tile(rows: source.rows, columns: source.columns, shape: source.shape)
    (rows, columns) = (tile.rows, tile.columns)
    let across = source.columns / max(1, columns)
    values = [Double](repeating: 0, count: across * (source.rows / max(1, rows)))
    var sums = values
    try source.forEachChunk(control) { chunk in
      for row in 0..<chunk.rows {
        let first = (chunk.firstRow + row) / max(1, tile.rows) * across
        // Rows that fill no part: nothing that divides so is pruned by it, but it may be asked about.
        guard first + across <= sums.count else { continue }
        for part in 0..<across {
          let from = chunk.base + row * chunk.columns + part * tile.columns
          sums[first + part] += Self.sum(from, tile.columns, structure.norm)
        }
      }
    }
    values = sums
  }

  private static func sum(_ weights: UnsafePointer<Float>, _ count: Int, _ norm: Sparsity.Structure.Norm) -> Double {
    if norm == .l1 {
      var lanes = [Double](repeating: 0, count: 8)
      var kept: Int64 = 0
      lathe_add_magnitudes(weights, count, -1, &lanes, &kept)
      return total(lanes[...])
    }
    var sums = lathe_range_sums()
    lathe_add_range_sums(weights, count, &sums)
    return total(sums.squares)
  }

  /// Marks the round(ratio · tiles) of the least norm; of equal ones the first.
  public func least(_ ratio: Double) -> [Bool] {
    var gone = [Bool](repeating: false, count: values.count)
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    for index in order.prefix(Int((ratio * Double(values.count)).rounded())) { gone[index] = true }
    return gone
  }
}

extension Float {
  /// The least Float not below `value`, so that |w| < value decides as it does in double.
  func roundedUp(over value: Double) -> Float {
    Double(self) < value ? nextUp : self
  }
}

/// Exact selection by magnitude: a Float's bits without the sign order as its magnitude does, so two counting passes
/// (upper 16 bits, then the lower 15 within one bucket) find the k-th least.
public enum MagnitudeRank {
  /// The magnitude of rank `rank` (1 is the least) and how many are strictly less.
  static func find(_ rank: Int, in source: some WeightSource, control: PassControl) throws -> (
    Float, below: Int
  ) {
    let found = try find(rank, among: [source], control: control)
    return (found.limit, found.below)
  }

  /// The same over the weights of several sources together, and how many have that very magnitude.
  public static func find(_ rank: Int, among sources: [any WeightSource], control: PassControl = .silent) throws -> (
    limit: Float, below: Int, equal: Int
  ) {
    let count = sources.reduce(0) { $0 + $1.count }
    guard rank > 0, count > 0 else { return (0, 0, 0) }
    let rank = min(rank, count)
    var high = [UInt64](repeating: 0, count: 65_536)
    for source in sources {
      try source.forEachChunk(control) { lathe_count_magnitudes_high($0.base, $0.count, &high) }
    }
    let (bucket, before) = locate(rank, in: high)
    var low = [UInt64](repeating: 0, count: 32_768)
    for source in sources {
      try source.forEachChunk(control) { lathe_count_magnitudes_low($0.base, $0.count, UInt32(bucket), &low) }
    }
    let (rest, within) = locate(rank - before, in: low)
    return (Float(bitPattern: UInt32(bucket) << 15 | UInt32(rest)), before + within, Int(low[rest]))
  }

  private static func locate(_ rank: Int, in counts: [UInt64]) -> (index: Int, before: Int) {
    var before = 0
    for (index, count) in counts.enumerated() {
      if before + Int(count) >= rank { return (index, before) }
      before += Int(count)
    }
    return (counts.count - 1, before)
  }
}
