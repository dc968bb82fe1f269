import CKernels

/// A sparsity resolved for one weight: which numbers become zero.
struct Pruning {
  private enum Rule {
    case nothing
    /// |w| < limit, and the first `ties` numbers with |w| = limit.
    case magnitude(limit: Float, ties: Int)
    case pattern(keep: Int, of: Int)
    case rows([Bool])
  }

  private var rule: Rule

  /// Finds the threshold or the rows; reads the weight once or twice where the rule needs it.
  init(_ sparsity: Sparsity, of source: some WeightSource, control: PassControl) throws {
    switch sparsity {
    case .none:
      rule = .nothing
    case .threshold(let threshold):
      rule = .magnitude(limit: Float(threshold).roundedUp(over: threshold), ties: 0)
    case .ratio(let ratio):
      let goal = Int((ratio * Double(source.count)).rounded())
      let (limit, below) = try MagnitudeRank.find(goal, in: source, control: control)
      rule = goal == 0 ? .nothing : .magnitude(limit: limit, ties: goal - below)
    case .pattern(let keep, let of):
      rule = .pattern(keep: keep, of: of)
    case .channels(let ratio):
      var norms: [(norm: Double, row: Int)] = []
      try source.forEachChunk(control) { chunk in
        for row in 0..<chunk.rows {
          let weights = chunk.weights[row * chunk.columns..<(row + 1) * chunk.columns]
          norms.append((weights.reduce(0) { $0 + Double($1) * Double($1) }, chunk.firstRow + row))
        }
      }
      norms.sort { ($0.norm, $0.row) < ($1.norm, $1.row) }
      var gone = [Bool](repeating: false, count: source.rows)
      for entry in norms.prefix(Int((ratio * Double(source.rows)).rounded())) { gone[entry.row] = true }
      rule = .rows(gone)
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
    case .magnitude(let limit, var ties):
      for index in 0..<chunk.count {
        let magnitude = abs(weights[index])
        pruned[index] = magnitude < limit ? 0 : weights[index]
      }
      if ties > 0 {
        for index in 0..<chunk.count where abs(weights[index]) == limit && ties > 0 {
          pruned[index] = 0
          ties -= 1
        }
        rule = .magnitude(limit: limit, ties: ties)
      }
    case .pattern(let keep, let of):
      pruned.update(from: weights, count: chunk.count)
      for start in stride(from: 0, to: chunk.count - of + 1, by: of) {
        Self.prune(pruned + start, keep: keep, of: of)
      }
    case .rows(let gone):
      pruned.update(from: weights, count: chunk.count)
      for row in 0..<chunk.rows where gone[chunk.firstRow + row] {
        (pruned + row * chunk.columns).update(repeating: 0, count: chunk.columns)
      }
    }
  }

  /// Of `of` numbers the `keep` greatest stay; of equal ones the last.
  private static func prune(_ run: UnsafeMutablePointer<Float>, keep: Int, of: Int) {
    for _ in 0..<of - keep {
      var least = -1
      for index in 0..<of where run[index] != 0 {
        if least < 0 || abs(run[index]) < abs(run[least]) { least = index }
      }
      // Zeros that are there already count as pruned.
      let zeros = (0..<of).count { run[$0] == 0 }
      guard least >= 0, zeros < of - keep else { return }
      run[least] = 0
    }
  }
}

extension Float {
  /// The least Float not below `value`, so that |w| < value decides as it does in double.
  fileprivate func roundedUp(over value: Double) -> Float {
    Double(self) < value ? nextUp : self
  }
}

/// Exact selection by magnitude: a Float's bits without the sign order as its magnitude does, so two counting passes
/// (upper 16 bits, then the lower 15 within one bucket) find the k-th least.
enum MagnitudeRank {
  /// The magnitude of rank `rank` (1 is the least) and how many are strictly less.
  static func find(_ rank: Int, in source: some WeightSource, control: PassControl) throws -> (
    Float, below: Int
  ) {
    guard rank > 0, source.count > 0 else { return (0, 0) }
    let rank = min(rank, source.count)
    var high = [UInt64](repeating: 0, count: 65_536)
    try source.forEachChunk(control) { lathe_count_magnitudes_high($0.base, $0.count, &high) }
    let (bucket, before) = locate(rank, in: high)
    var low = [UInt64](repeating: 0, count: 32_768)
    try source.forEachChunk(control) { lathe_count_magnitudes_low($0.base, $0.count, UInt32(bucket), &low) }
    let (rest, within) = locate(rank - before, in: low)
    return (Float(bitPattern: UInt32(bucket) << 15 | UInt32(rest)), before + within)
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
