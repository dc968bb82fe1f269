import Checkpoints
import Compression
import Inference
import Numerics

/// llama.cpp's type file (`llama-quantize --tensor-type-file`): one `^name$=type` a line, patterns in ECMAScript
/// regular expressions on GGUF's tensor names, the first match winning.
///
/// Every tensor that llama-quantize would quantise is listed, those that stay too: an override does not advance its
/// mixture's counters, so a list with gaps would move the rest.
extension Session {
  func llamaExport(path: String) throws(WorkbenchError) -> Export {
    let translation = try LlamaNames(checkpoint)
    var lines: [String] = []
    var problems: [String] = []
    var used: [String: Int] = [:]
    for item in items where item.kind != .buffer {
      let scheme = recipe[item]
      if scheme.isKeep, translation.leavesOut(item.tensorName) { continue }
      guard let name = translation.name(of: item.tensorName) else {
        problems.append("\(item.name): llama.cpp's name for it is not known")
        continue
      }
      guard LlamaNames.isQuantisable(name, shape: item.shape) else {
        if !scheme.isKeep { problems.append("\(item.name): llama-quantize leaves \(name) as it is") }
        continue
      }
      guard let type = scheme.llamaType(stored: item.type), scheme.sparsity == .none, scheme.coding == .none
      else {
        problems.append("\(item.name): llama.cpp has no \(scheme)")
        continue
      }
      lines.append("^\(LlamaNames.escaped(name))$=\(type)")
      used[type, default: 0] += item.count
    }
    if !problems.isEmpty {
      let shown = problems.prefix(12).joined(separator: "\n  ")
      let more = problems.count > 12 ? "\n  … and \(problems.count - 12) more" : ""
      throw WorkbenchError("the recipe does not fit llama.cpp:\n  \(shown)\(more)")
    }
    guard !lines.isEmpty else {
      throw WorkbenchError("the model has no tensor that llama-quantize would quantise")
    }
    // Overrides are ignored under a base type that is not quantised.
    let base = used.filter { LlamaNames.base[$0.key] != nil }.max { ($0.value, $1.key) < ($1.value, $0.key) }?
      .key
    let model = checkpoint.format == .gguf ? checkpoint.path : "MODEL-F16.gguf"
    let baseName = base.flatMap { LlamaNames.base[$0] } ?? "Q8_0"
    var options = "--pure"
    let isQuantised = items.contains { if case .ggml = $0.type { true } else { false } }
    if isQuantised { options += " --allow-requantize" }
    if used.keys.contains(where: LlamaNames.needsImportance.contains) { options += " --imatrix IMATRIX.gguf" }
    let usage =
      "llama-quantize \(options) --tensor-type-file \(shellWord(path)) \(shellWord(model)) OUT.gguf \(baseName)"
    return Export(bytes: Array((lines.joined(separator: "\n") + "\n").utf8), usage: usage)
  }
}

extension Scheme {
  /// ggml's name of the type; what is kept is named by its stored type.
  fileprivate func llamaType(stored: ElementType) -> String? {
    switch format {
    case .f16: "f16"
    case .bf16: "bf16"
    case .block(let type): type.name.lowercased()
    case .keep:
      switch stored {
      case .f32, .f16, .bf16: stored.name.lowercased()
      case .ggml(let type) where type != .q8_1 && type != .q8_k: type.name.lowercased()
      default: nil
      }
    default: nil
    }
  }
}

/// Names of tensors as llama.cpp's files have them.
struct LlamaNames {
  /// `nil` for GGUF files, which have the names already.
  private let family: LlamaFamily?

  /// Base types of llama-quantize by the type that they are made of.
  static let base = [
    "q4_0": "Q4_0", "q4_1": "Q4_1", "q5_0": "Q5_0", "q5_1": "Q5_1", "q8_0": "Q8_0", "q2_k": "Q2_K",
    "q3_k": "Q3_K_S",
    "q4_k": "Q4_K_S", "q5_k": "Q5_K_S", "q6_k": "Q6_K", "iq4_nl": "IQ4_NL", "iq4_xs": "IQ4_XS",
    "iq1_s": "IQ1_S",
    "iq1_m": "IQ1_M", "iq2_xxs": "IQ2_XXS", "iq2_xs": "IQ2_XS", "iq2_s": "IQ2_S", "iq3_xxs": "IQ3_XXS",
    "iq3_s": "IQ3_S", "tq1_0": "TQ1_0", "tq2_0": "TQ2_0", "mxfp4": "MXFP4_MOE",
  ]

  /// Types that llama-quantize makes with an importance matrix alone.
  static let needsImportance = Set(BlockQuantizer.needsImportance.map { $0.name.lowercased() })

  /// - Throws: `WorkbenchError` for a model that is neither GGUF nor of a family whose names are known.
  init(_ checkpoint: Checkpoint) throws(WorkbenchError) {
    if checkpoint.format == .gguf {
      family = nil
      return
    }
    let config = try? JSONValue(path: "\(LlamaModel.folder(of: checkpoint))/config.json")
    let named = config?["architectures"]?.elements.first?.string.flatMap(LlamaFamily.named)
    // Without a config the names themselves are Llama's, which others share.
    let isLlama = checkpoint.tensors.contains { $0.name == "model.embed_tokens.weight" }
    guard let family = named ?? (isLlama ? LlamaFamily.named("LlamaForCausalLM") : nil) else {
      throw WorkbenchError(
        "\(checkpoint.path): llama.cpp's names for this model's tensors are not known; open the GGUF file that its converter makes"
      )
    }
    self.family = family
  }

  /// Whether llama.cpp's converter drops a tensor.
  func leavesOut(_ tensor: String) -> Bool { family.map { $0.plain(tensor) == nil } ?? false }

  /// `nil` for a tensor that has no place there.
  func name(of tensor: String) -> String? {
    guard let family else { return tensor == tensor.lowercased() ? tensor : nil }
    return family.plain(tensor).flatMap(family.name(of:))
  }

  /// Whether llama-quantize quantises a tensor of this name (its `tensor_allows_quantization`).
  static func isQuantisable(_ name: String, shape: [Int]) -> Bool {
    guard shape.count >= 2, name.hasSuffix("weight"), !name.hasSuffix("_norm.weight") else { return false }
    let kept = [
      "ffn_gate_inp", "position_embd", "pos_embd", "token_types", "ssm_conv1d", "shortconv", "altup",
      "laurel",
      "per_layer_model_proj", "time_mix_", "attn_rel_b",
    ]
    return !kept.contains { name.contains($0) }
  }

  /// A name as a regular expression that matches itself alone.
  static func escaped(_ name: String) -> String {
    var text = ""
    for character in name {
      if "\\^$.|?*+()[]{}".contains(character) { text += "\\" }
      text.append(character)
    }
    return text
  }
}
