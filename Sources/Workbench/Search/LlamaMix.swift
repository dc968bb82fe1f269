import Checkpoints
import Compression
import Numerics

/// A mix of llama-quantize under its name, `Q4_K_M`: the type that most weights take, and which weights take another.
///
/// The rules are those of llama.cpp's `llama_tensor_get_type` (src/llama-quant.cpp, as of October 2026), written as a
/// table: of the lines about a kind of weight the first whose conditions all hold says its type.
public struct LlamaMix: Sendable {
  public let name: String
  /// What weights take that no line is about.
  let base: BlockType
  let rules: [Rule]
  /// Mixes of less than three bits, in which models of eight experts and of 70 billion weights have no rules of their own.
  var isLowest = false

  /// What a weight is for, by its name in llama.cpp's files.
  enum Kind: Sendable {
    /// The head, or an embedding that is the head too.
    case head
    case embedding
    /// The values' projection, also within a fused one.
    case values
    case queries, keys
    case output
    case gate, up, down
    case other
  }

  struct Rule: Sendable {
    let kind: Kind
    let type: BlockType
    let conditions: [Condition]
  }

  /// What must hold of a model and a weight. `first` and `middle` count in shares of the blocks.
  enum Condition: Sendable {
    /// The first so-many-th part of the blocks: `first(8)`, the first eighth.
    case first(Int)
    /// The same by the order of the weights of the kind, in models with experts too.
    case firstInOrder(Int)
    /// Fewer than so many of the kind come before it.
    case before(Int)
    /// Neither the first eighth of the blocks nor the last.
    case middle
    /// The first eighth of the blocks, the last, and every third between.
    case more
    /// Four heads or more share a key.
    case grouped
    case fourExperts, eightExperts, otherExperts
    case falcon, notFalcon
    /// Whether there is an importance matrix.
    case weighed, unweighed
  }

  /// The names, as llama-quantize lists them.
  public static let names: [String] = all.map(\.name)

  /// - Parameter name: in capitals or not; `Q4_K` is `Q4_K_M`, as there.
  static func named(_ name: String) -> LlamaMix? {
    let name = name.uppercased()
    let whole = ["Q3_K", "Q4_K", "Q5_K"].contains(name) ? name + "_M" : name
    return all.first { $0.name == whole }
  }
}

extension LlamaMix {
  private static func rule(_ kind: Kind, _ type: BlockType, _ conditions: Condition...) -> Rule {
    Rule(kind: kind, type: type, conditions: conditions)
  }

  private static func plain(_ name: String, _ base: BlockType, _ rules: Rule...) -> LlamaMix {
    LlamaMix(name: name, base: base, rules: rules)
  }

  /// A mix of less than three bits: `better` for what carries most, `output` for the attention's.
  private static func lowest(
    _ name: String, _ base: BlockType, better: BlockType, output: BlockType? = nil
  ) -> LlamaMix {
    var rules = [
      rule(.head, .q5_k), rule(.embedding, better), rule(.values, .q4_k, .grouped), rule(.values, .q4_k, .fourExperts),
      rule(.values, better), rule(.keys, .q4_k, .eightExperts), rule(.down, better, .firstInOrder(8)),
      rule(.output, .q5_k, .eightExperts),
    ]
    if let output { rules.append(rule(.output, output)) }
    return LlamaMix(name: name, base: base, rules: rules, isLowest: true)
  }

  private static let expertsOutput = rule(.output, .q5_k, .eightExperts, .notFalcon)
  private static let ternaryEmbedding = rule(.embedding, .q4_k)

  static let all: [LlamaMix] = [
    plain("Q4_0", .q4_0, rule(.down, .q4_1, .weighed, .first(8))), plain("Q4_1", .q4_1),
    plain("MXFP4_MOE", .mxfp4, rule(.head, .q8_0)), plain("Q5_0", .q5_0, rule(.down, .q5_1, .weighed, .first(8))),
    plain("Q5_1", .q5_1), lowest("IQ2_XXS", .iq2_xxs, better: .q2_k), lowest("IQ2_XS", .iq2_xs, better: .q2_k),
    lowest("IQ2_S", .iq2_xs, better: .iq3_s, output: .iq3_s), lowest("IQ2_M", .iq2_s, better: .iq3_s, output: .iq3_s),
    lowest("IQ1_S", .iq1_s, better: .q2_k, output: .iq2_xxs), lowest("IQ1_M", .iq1_m, better: .q2_k, output: .iq2_xxs),
    plain("TQ1_0", .tq1_0, ternaryEmbedding), plain("TQ2_0", .tq2_0, ternaryEmbedding),
    plain(
      "Q2_K", .q2_k, rule(.values, .q4_k, .grouped), rule(.values, .q3_k), rule(.down, .q3_k), expertsOutput,
      rule(.output, .q3_k, .notFalcon)),
    plain("Q2_K_S", .q2_k, rule(.values, .q4_k, .grouped), rule(.down, .q4_k, .first(8))),
    plain(
      "IQ3_XXS", .iq3_xxs, rule(.head, .q5_k), rule(.embedding, .iq3_s), rule(.values, .q4_k, .grouped),
      rule(.values, .iq3_s, .unweighed), rule(.queries, .iq2_s), rule(.keys, .iq2_s),
      rule(.down, .q4_k, .unweighed, .first(8)), rule(.down, .q3_k, .unweighed), expertsOutput,
      rule(.output, .iq3_s, .notFalcon)),
    plain("IQ3_S", .iq3_s, rule(.values, .q4_k, .grouped), expertsOutput),
    plain(
      "IQ3_M", .iq3_s, rule(.values, .q4_k), rule(.down, .q4_k, .first(8)), rule(.down, .q4_k, .eightExperts, .more),
      expertsOutput, rule(.output, .q4_k, .notFalcon)),
    plain(
      "IQ3_XS", .iq3_s, rule(.values, .q4_k, .grouped), rule(.queries, .iq3_xxs), rule(.keys, .iq3_xxs),
      rule(.gate, .iq3_xxs, .middle), rule(.up, .iq3_xxs, .middle), expertsOutput),
    plain("Q3_K_S", .q3_k, expertsOutput),
    plain(
      "Q3_K_M", .q3_k, rule(.values, .q5_k, .before(2)), rule(.values, .q4_k), rule(.down, .q5_k, .first(16)),
      rule(.down, .q4_k, .notFalcon), rule(.down, .q4_k, .more), expertsOutput, rule(.output, .q4_k, .notFalcon)),
    plain(
      "Q3_K_L", .q3_k, rule(.values, .q5_k), rule(.down, .q5_k, .notFalcon), rule(.down, .q4_k),
      rule(.output, .q5_k, .notFalcon, .otherExperts), rule(.output, .q4_k, .falcon)),
    plain(
      "IQ4_NL", .iq4_nl, rule(.values, .q5_k, .grouped), rule(.down, .q5_k, .unweighed, .first(8)), expertsOutput),
    plain(
      "IQ4_XS", .iq4_xs, rule(.values, .q5_k, .grouped), rule(.down, .q5_k, .unweighed, .first(8)), expertsOutput),
    plain(
      "Q4_K_S", .q4_k, rule(.values, .q5_k, .before(4)), rule(.down, .q5_k, .notFalcon, .first(8)), expertsOutput),
    plain(
      "Q4_K_M", .q4_k, rule(.values, .q6_k, .more), rule(.down, .q6_k, .notFalcon, .more),
      rule(.down, .q6_k, .falcon, .first(16)), rule(.down, .q5_k, .falcon, .more), expertsOutput),
    plain("Q5_K_S", .q5_k), plain("Q5_K_M", .q5_k, rule(.values, .q6_k, .more), rule(.down, .q6_k, .more)),
    plain("Q6_K", .q6_k), plain("Q8_0", .q8_0, rule(.head, .q8_0)),
  ]
}

extension LlamaMix {
  /// A weight's kind.
  ///
  /// - Parameter isTied: whether the model has no head of its own.
  static func kind(of name: String, isTied: Bool) -> Kind {
    switch name {
    case "output.weight": return .head
    case "token_embd.weight", "per_layer_token_embd.weight": return isTied ? .head : .embedding
    default:
      let parts: [(String, Kind)] = [
        ("attn_qkv.weight", .values), ("attn_kv_b.weight", .values), ("attn_v.weight", .values),
        ("attn_k.weight", .keys), ("attn_q.weight", .queries), ("attn_output.weight", .output), ("ffn_up", .up),
        ("ffn_gate", .gate), ("ffn_down", .down),
      ]
      return parts.first { name.contains($0.0) }?.1 ?? .other
    }
  }
}
