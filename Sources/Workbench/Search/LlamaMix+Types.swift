import Checkpoints
import Compression
import Numerics

/// What llama-quantize's rules ask about a model.
struct LlamaShape: Sendable {
  /// llama.cpp's name of the architecture.
  let architecture: String
  /// Blocks, experts of a block, heads that share a key.
  let blocks, experts, sharing: Int
  /// llama.cpp's models of 70 billion weights: told by their family and their blocks alone.
  let is70B: Bool
  let hasImportances: Bool

  /// From a GGUF file's metadata; `nil` where it does not say the architecture.
  init?(_ fields: [(key: String, value: GGUFField)], hasImportances: Bool) {
    func field(_ key: String) -> GGUFField? { fields.first { $0.key == key }?.value }
    guard let name = field("general.architecture")?.string else { return nil }
    // Numbers of heads may be lists, a number a block.
    func number(_ key: String) -> Int? {
      let value = field("\(name).\(key)")
      return value?.int ?? value?.doubles?.first.flatMap { Int(exactly: $0) }
    }
    let heads = number("attention.head_count") ?? 0
    let keys = number("attention.head_count_kv") ?? heads
    architecture = name
    blocks = max(0, number("block_count") ?? 0)
    experts = number("expert_count") ?? 0
    sharing = keys > 0 ? heads / keys : 0
    self.hasImportances = hasImportances
    is70B =
      switch name {
      case "llama": blocks == 80 && experts != 8 && heads != keys
      case "deci", "olmo", "qwen2": blocks == 80
      case "jais2": blocks == 68
      default: false
      }
  }
}

extension LlamaMix {
  /// A tensor as the rules see it.
  struct Weight: Sendable {
    let name: String
    /// Outermost first.
    let shape: [Int]

    var columns: Int { shape.last ?? 1 }
    /// The number of its block, as `blk.12.` says it; −1 outside of blocks.
    var block: Int {
      guard name.hasPrefix("blk."), let number = name.dropFirst(4).split(separator: ".").first else { return -1 }
      return Int(number) ?? -1
    }
  }

  /// Where a weight stands among those of its kind.
  fileprivate struct Place {
    /// How many come before it, and how many there are.
    let order, count: Int
    /// What is compared with the number of blocks: its order, or in models with experts its block.
    let index: Int
  }

  /// What each weight becomes; `nil` for F16, where a row fits no block.
  ///
  /// - Parameter weights: all that llama-quantize quantises, in any order.
  /// - Returns: `nil` for a model with experts whose feed-forward weights do not say their block: llama-quantize stops.
  func types(of weights: [Weight], in shape: LlamaShape) -> [String: BlockType?]? {
    let isTied = !weights.contains { $0.name == "output.weight" }
    // Its order: what stands outside of blocks, then block after block, by the names' bytes.
    let ordered = weights.map { (weight: $0, block: $0.block) }.sorted {
      $0.block != $1.block
        ? $0.block < $1.block : Array($0.weight.name.utf8).lexicographicallyPrecedes($1.weight.name.utf8)
    }
    var seen: [Kind: Int] = [:]
    let values = ordered.count { Self.kind(of: $0.weight.name, isTied: isTied) == .values }
    var types: [String: BlockType?] = [:]
    for (weight, block) in ordered {
      let kind = Self.kind(of: weight.name, isTied: isTied)
      let order = seen[kind, default: 0]
      seen[kind] = order + 1
      let countsBlocks = shape.experts > 1 && [.gate, .up, .down].contains(kind)
      if countsBlocks, block < 0 || block >= shape.blocks { return nil }
      let place = Place(
        order: order, count: kind == .values ? values : shape.blocks, index: countsBlocks ? block : order)
      types[weight.name] = .some(fitting(type(of: weight, kind, place, shape), weight.columns))
    }
    return types
  }

  private func type(of weight: Weight, _ kind: Kind, _ place: Place, _ shape: LlamaShape) -> BlockType {
    if kind == .head, shape.architecture == "falcon" || weight.columns % base.blockWeights != 0 { return .q8_0 }
    let rule = rules.first { rule in
      rule.kind == kind && rule.conditions.allSatisfy { $0.holds(place, shape) }
    }
    if kind == .head { return rule?.type ?? .q6_k }
    // Of a model with experts these alone are made in four bits.
    if base == .mxfp4 { return weight.shape.dropLast(2).reduce(1, *) > 1 ? .mxfp4 : .q8_0 }
    let type = rule?.type ?? base
    guard !isLowest else { return type }
    if shape.experts == 8, kind == .values || kind == .keys { return .q8_0 }
    if shape.is70B, kind == .values, type == .q3_k || type == .q4_k { return .q5_k }
    return type
  }

  /// A type that rows of so many columns fit, or `nil` for F16.
  private func fitting(_ type: BlockType, _ columns: Int) -> BlockType? {
    if columns % type.blockWeights == 0 { return type }
    return type.substitute.flatMap { columns % $0.blockWeights == 0 ? $0 : nil }
  }
}

extension LlamaMix.Condition {
  fileprivate func holds(_ place: LlamaMix.Place, _ shape: LlamaShape) -> Bool {
    let eighth = place.count / 8
    // Whole numbers: of 12 blocks the last eighth are those from 7 · 12 / 8 = 10 on.
    let last = 7 * place.count / 8
    switch self {
    case .first(let part): return place.index < place.count / part
    case .firstInOrder(let part): return place.order < place.count / part
    case .before(let count): return place.order < count
    case .middle: return place.index >= eighth && place.index < last
    case .more: return place.index < eighth || place.index >= last || (place.index - eighth) % 3 == 2
    case .grouped: return shape.sharing >= 4
    case .fourExperts: return shape.experts >= 4
    case .eightExperts: return shape.experts == 8
    case .otherExperts: return shape.experts != 8
    case .falcon: return shape.architecture == "falcon"
    case .notFalcon: return shape.architecture != "falcon"
    case .weighed: return shape.hasImportances
    case .unweighed: return !shape.hasImportances
    }
  }
}
