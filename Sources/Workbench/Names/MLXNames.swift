import Checkpoints
import FileAccess
import Inference
import Numerics

/// What mlx-lm calls the modules of a model of Hugging Face's. They are those of transformers, but for the experts of a
/// block: mlx-lm stacks each of their projections to one module.
///
///     mlp.experts.3.up_proj                 mlp.switch_mlp.up_proj
///     block_sparse_moe.experts.3.w1         block_sparse_moe.switch_mlp.gate_proj
///     mlp.experts.gate_up_proj, a stack     mlp.switch_mlp.gate_proj and mlp.switch_mlp.up_proj
struct MLXNames {
  /// The config's `model_type`; "" where there is none.
  private let family: String

  init(_ checkpoint: Checkpoint) {
    let config = try? checkpoint.folderFiles.config()
    family = (config?["model_type"] ?? config?["text_config"]?["model_type"])?.string ?? ""
  }

  /// The families whose stack goes by another name in mlx-lm's classes.
  private static let stacks = [
    "afmoe": "experts", "dots1": "experts", "Klear": "experts", "gpt_oss": "experts", "llama4": "experts",
    "llama4_text": "experts", "muse_spark": "experts", "gemma4": "switch_glu", "gemma4_text": "switch_glu",
  ]
  private static let projections = [
    "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj", "linear_1": "gate_proj", "output_linear": "down_proj",
  ]
  /// Last words of stacks that mlx-lm takes apart, or keeps.
  private static let stacked = [
    "gate_up_proj": ["gate_proj", "up_proj"], "input_linear": ["gate_proj", "up_proj"], "gate_proj": ["gate_proj"],
    "up_proj": ["up_proj"], "down_proj": ["down_proj"], "output_linear": ["down_proj"],
  ]
  /// Families in whose classes a router is no linear module, so that nothing can quantise it.
  private static let plainRouters: Set<String> = [
    "afmoe", "bailing_hybrid", "bailing_moe", "bailing_moe_linear", "bailing_moe_v3", "dbrx", "deepseek", "deepseek_v2",
    "deepseek_v3", "deepseek_v32", "deepseek_v41", "dots1", "exaone_moe", "gemma4", "gemma4_text", "glm4_moe",
    "glm4_moe_lite", "granitemoe", "granitemoehybrid", "hunyuan", "kimi_k2", "kimi_k25", "laguna", "longcat_flash",
    "mimo_v2_flash", "muse_spark", "nemotron_h", "solar_open", "step3p5",
  ]

  /// The modules of a layer that transformers has at `path`, or whose tensor is a stack of a block's experts.
  ///
  /// - Throws: `Unfit` for what is no module there.
  func modules(
    of item: Item, path: () throws(ConfigTarget.Unfit) -> String
  ) throws(ConfigTarget.Unfit) -> [String] {
    if item.layer.role == .router, Self.plainRouters.contains(family) {
      throw ConfigTarget.Unfit("mlx-lm has its router as a plain array, which it never quantises")
    }
    if item.layer.role == .expert, item.type.isFloatingPoint || item.packing != nil, let names = stack(item) {
      return names
    }
    let path = try path()
    guard item.layer.role == .expert, let range = path.firstRange(of: ".experts.") else { return [path] }
    let parts = path[range.upperBound...].split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, Int(parts[0]) != nil else { return [path] }
    var block = String(path[..<range.lowerBound])
    var projection = Self.projections[String(parts[1])] ?? String(parts[1])
    switch family {
    case "nemotron_h": projection = ["up_proj": "fc1", "down_proj": "fc2"][projection] ?? projection
    case "kimi_linear": block = block.replacing("block_sparse_moe", with: "mlp")
    default: break
    }
    return ["\(block).\(stackName).\(projection)"]
  }

  private var stackName: String { Self.stacks[family] ?? "switch_mlp" }

  /// The modules of a stack as Hugging Face's files have it; `nil` for other tensors.
  private func stack(_ item: Item) -> [String]? {
    var name = item.tensorName
    if item.packing != nil { name = item.name } else if name.hasSuffix(".weight") { name = String(name.dropLast(7)) }
    guard item.layer.matrix != nil, let dot = name.lastIndex(of: "."),
      let projections = Self.stacked[String(name[name.index(after: dot)...])]
    else { return nil }
    let block = name[..<dot]
    if block.hasSuffix(".experts") {
      return projections.map { "\(block.dropLast(8)).\(stackName).\($0)" }
    }
    return block.hasSuffix(".block_sparse_moe") ? projections.map { "\(block).switch_mlp.\($0)" } : nil
  }
}
