import Architectures
import Checkpoints
import FileAccess
import Inference

/// What a tool calls a model's layers.
struct ToolNames {
  private let naming: ConfigTarget.Naming
  private let translate: (Item) throws(ConfigTarget.Unfit) -> String
  /// For tools in which a layer may be several modules.
  private var translateToSeveral: ((Item) throws(ConfigTarget.Unfit) -> [String])?

  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for at all.
  init(_ naming: ConfigTarget.Naming, of checkpoint: Checkpoint) throws(WorkbenchError) {
    self.naming = naming
    switch naming {
    case .own: translate = { item throws(ConfigTarget.Unfit) in item.name }
    case .gguf:
      let names = try LlamaNames(checkpoint)
      translate = { item throws(ConfigTarget.Unfit) in
        if names.leavesOut(item.tensorName) { throw ConfigTarget.Unfit("llama.cpp's converter leaves it out") }
        guard let name = names.name(of: item.tensorName) else {
          throw ConfigTarget.Unfit("llama.cpp's name for it is not known", whateverTheRecipe: true)
        }
        return name
      }
    case .nodes:
      guard checkpoint.format == .onnx else {
        throw WorkbenchError("\(checkpoint.path): is no ONNX model, and the names are those of its nodes")
      }
      let outer = Set((checkpoint.graph?.nodes ?? []).map(\.name))
      translate = { item throws(ConfigTarget.Unfit) in
        guard let node = item.layer.nodes.first else { throw ConfigTarget.Unfit("its node has no name") }
        guard item.layer.nodes.allSatisfy(outer.contains) else {
          throw ConfigTarget.Unfit("its node stands in a graph within the graph")
        }
        return node
      }
    case .modules:
      let modules = try ModuleNames(checkpoint)
      translate = { item throws(ConfigTarget.Unfit) in try modules.path(of: item) }
    case .mlx:
      let (modules, names) = (try ModuleNames(checkpoint), MLXNames(checkpoint))
      let several = { (item: Item) throws(ConfigTarget.Unfit) -> [String] in
        try names.modules(of: item) { () throws(ConfigTarget.Unfit) in try modules.path(of: item) }
      }
      translateToSeveral = several
      translate = { item throws(ConfigTarget.Unfit) in try several(item)[0] }
    case .constants:
      let modules = try ModuleNames(checkpoint)
      translate = { item throws(ConfigTarget.Unfit) in
        String(try (modules.path(of: item) + "_weight").map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
      }
    }
  }

  /// - Throws: `Unfit` for a layer that has no name there.
  func name(of item: Item) throws(ConfigTarget.Unfit) -> String { try translate(item) }

  /// All that the tool makes of the layer: one module, but for stacks that it takes apart.
  func names(of item: Item) throws(ConfigTarget.Unfit) -> [String] {
    guard let translateToSeveral else { return [try translate(item)] }
    return try translateToSeveral(item)
  }
}

/// Paths of modules as transformers and mlx-lm have them.
private struct ModuleNames {
  /// For GGUF files: llama.cpp's names back to Hugging Face's.
  private let family: Architecture?
  private let isONNX: Bool
  /// What the class wraps its model in where the file's names leave it out.
  private let wrapper: String

  init(_ checkpoint: Checkpoint) throws(WorkbenchError) {
    isONNX = checkpoint.format == .onnx
    guard checkpoint.format == .gguf else {
      family = nil
      wrapper = Self.wrapper(checkpoint)
      return
    }
    wrapper = ""
    let architecture = checkpoint.metadata.first { $0.key == "general.architecture" }?.value
    guard let architecture else {
      throw WorkbenchError(
        "\(checkpoint.path): does not say its architecture, so Hugging Face's names for its tensors are not known")
    }
    guard let family = Architecture.architecture(architecture) else {
      throw WorkbenchError(
        "\(checkpoint.path): Hugging Face's names for the tensors of \(printable(architecture)) are not known; open the original folder"
      )
    }
    self.family = family
  }

  /// Files that were saved from the inner model (GPT-2's) lack the outer class's prefix.
  private static func wrapper(_ checkpoint: Checkpoint) -> String {
    guard let config = try? checkpoint.folderFiles.config(),
      let name = config["architectures"]?.elements.first?.string, !name.hasSuffix("Model"),
      let family = Architecture.named(name), let wrapper = family.wrapper
    else { return "" }
    return checkpoint.tensors.contains { $0.name.hasPrefix(wrapper + ".") } ? "" : wrapper + "."
  }

  func path(of item: Item) throws(ConfigTarget.Unfit) -> String {
    if let family {
      guard let path = family.modulePath(ofGGUF: item.tensorName) else {
        throw ConfigTarget.Unfit("Hugging Face's name for it is not known")
      }
      return path
    }
    if item.packing != nil, !isONNX { return wrapper + item.name }
    guard item.tensorName.hasSuffix(".weight"), !item.tensorName.hasPrefix("onnx::") else {
      throw ConfigTarget.Unfit(
        isONNX
          ? "the ONNX file does not say which module it was"
          : "it is a parameter of its own, the weight of no module")
    }
    let name = String(item.tensorName.dropLast(7))
    return name == "lm_head" || wrapper.isEmpty || name.hasPrefix(wrapper) ? name : wrapper + name
  }
}
