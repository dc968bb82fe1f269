import Architectures
import Checkpoints
import FileAccess
import Inference

/// Names of tensors as llama.cpp's files have them.
struct LlamaNames {
  /// `nil` for GGUF files, which have the names already.
  private let family: Architecture?

  /// - Throws: `WorkbenchError` for a model that is neither GGUF nor of a family whose names are known.
  init(_ checkpoint: Checkpoint) throws(WorkbenchError) {
    if checkpoint.format == .gguf {
      family = nil
      return
    }
    let config = try? checkpoint.folderFiles.config()
    let named = config?["architectures"]?.elements.first?.string.flatMap(Architecture.named)
    // Without a config the names themselves are Llama's, which others share.
    let isLlama = checkpoint.tensors.contains { $0.name == "model.embed_tokens.weight" }
    guard let family = named ?? (isLlama ? Architecture.named("LlamaForCausalLM") : nil) else {
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

  /// A name as a regular expression that matches itself alone. Type files are split at white space and at `=`, so these
  /// are written as their classes.
  static func escaped(_ name: String) -> String {
    var text = ""
    for character in name {
      switch character {
      case "=": text += "\\x3d"
      case _ where character.isWhitespace: text += "\\s"
      default:
        if "\\^$.|?*+()[]{}".contains(character) { text += "\\" }
        text.append(character)
      }
    }
    return text
  }
}
