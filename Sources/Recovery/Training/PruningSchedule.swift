import Compression

/// How sparsity comes, little by little (M. Zhu and S. Gupta, arXiv:1710.01878).
enum PruningSchedule {
  /// The part of the training in which it comes.
  static let length = 0.7

  /// The part of the sparsity that is there after a share of the training: 1 − (1 − t)³.
  static func share(_ done: Double) -> Double {
    let left = max(0, 1 - done / length)
    return 1 - left * left * left
  }
}

extension Sparsity {
  /// The same rule, for a part of what it takes away.
  func part(_ share: Double) -> Sparsity {
    guard share < 1 else { return self }
    func kept(_ keep: Int, _ of: Int) -> Int { of - Int((share * Double(of - keep)).rounded(.down)) }
    switch self {
    case .none: return .none
    case .ratio(let ratio): return .ratio(ratio * share)
    case .threshold(let threshold): return .threshold(threshold * share)
    case .pattern(let keep, let of): return .pattern(keep: kept(keep, of), of: of)
    case .weighted(let ratio): return .weighted(ratio * share)
    case .weightedPattern(let keep, let of): return .weightedPattern(keep: kept(keep, of), of: of)
    case .structured(let structure):
      return .structured(Structure(structure.unit, ratio: structure.ratio * share, norm: structure.norm))
    case .model(let ratio): return .model(ratio * share)
    }
  }
}
