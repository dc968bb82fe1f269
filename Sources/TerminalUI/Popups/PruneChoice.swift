import Compression
import Workbench

/// What the pruning popup has chosen so far: a kind of sparsity, and how much of it.
struct PruneChoice: Sendable, Equatable {
  var kind = Kind.magnitude
  /// The share that goes, in percent.
  var percent = 30
  /// Which of `patterns`.
  var pattern = 1

  enum Kind: Int, CaseIterable, Sendable {
    case magnitude, pattern, channels, inputs, blocks, weighted

    var title: String {
      switch self {
      case .magnitude: "magnitude"
      case .pattern: "n:m"
      case .channels: "channels"
      case .inputs: "inputs"
      case .blocks: "blocks"
      case .weighted: "|w|·‖x‖"
      }
    }
  }

  static let patterns = [(3, 4), (2, 4), (1, 4), (1, 2), (4, 8), (2, 8)]

  /// What stands in a scheme; `nil` where nothing goes.
  var sparsity: Sparsity {
    let ratio = Double(percent) / 100
    guard percent > 0 || kind == .pattern else { return .none }
    return switch kind {
    case .magnitude: .ratio(ratio)
    case .pattern: .pattern(keep: Self.patterns[pattern].0, of: Self.patterns[pattern].1)
    case .weighted: .weighted(ratio)
    case .channels, .inputs, .blocks: structure.map { .structured($0) } ?? .none
    }
  }

  /// The parts that go as a whole, for kinds that have them.
  var structure: Sparsity.Structure? {
    let ratio = Double(percent) / 100
    return switch kind {
    case .channels: .init(.channel, ratio: ratio)
    case .inputs: .init(.input, ratio: ratio)
    case .blocks: .init(.block(rows: 4, columns: 4), ratio: ratio)
    default: nil
    }
  }

  /// Begins with what a layer has.
  init(_ sparsity: Sparsity) {
    func rounded(_ ratio: Double) -> Int { Int(saturating: (ratio * 100).rounded()) }
    switch sparsity {
    case .ratio(let ratio), .model(let ratio): (kind, percent) = (.magnitude, rounded(ratio))
    case .weighted(let ratio): (kind, percent) = (.weighted, rounded(ratio))
    case .pattern(let keep, let of), .weightedPattern(let keep, let of):
      kind = .pattern
      pattern = Self.patterns.firstIndex { $0 == (keep, of) } ?? 1
    case .structured(let structure):
      percent = rounded(structure.ratio)
      switch structure.unit {
      case .channel, .head: kind = .channels
      case .input: kind = .inputs
      case .block: kind = .blocks
      }
    case .none, .threshold: break
    }
  }

  /// A step of the slider, or to the next pattern.
  mutating func move(_ step: Int) {
    if kind == .pattern {
      let count = Self.patterns.count
      pattern = (pattern + step.signum() + count) % count
    } else {
      percent = max(0, min(95, percent + step))
    }
  }

  /// A kind by its number, or a pattern by its own after the kinds'.
  mutating func choose(_ index: Int) {
    if let kind = Kind(rawValue: index) {
      self.kind = kind
    } else if Self.patterns.indices.contains(index - Kind.allCases.count) {
      pattern = index - Kind.allCases.count
    }
  }

  /// - Parameter place: 0 to 1 of the slider, whose end is all of it.
  mutating func slide(to place: Double) {
    if kind != .pattern { percent = max(0, min(95, Int(saturating: (place * 100).rounded()))) }
  }

  mutating func turn(_ step: Int) {
    let count = Kind.allCases.count
    kind = Kind(rawValue: (kind.rawValue + step + count) % count) ?? .magnitude
  }
}
