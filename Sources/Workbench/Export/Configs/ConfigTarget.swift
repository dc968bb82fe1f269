import Compression

/// A tool that reads a config, as its sheet describes it: which schemes it has kernels for, what it calls the layers, and
/// the texts that it reads. `ConfigTarget+Sheet` reads the sheet, `Targets/` holds one a tool.
public struct ConfigTarget: Sendable {
  /// The word after `--to`.
  public internal(set) var name: String
  public let summary: String
  /// The tool.
  public internal(set) var tool: String
  /// What the tool itself was made to do with what is written (Tests/Peers/check_configs.py).
  public let checked: String
  public internal(set) var naming: Naming
  /// What a person should know of every export.
  public let notes: [String]
  /// What the tool does with a weight that the recipe keeps.
  public let keeps: Keeps
  /// Types of scales that stand for the tool's own.
  let scales: Set<ScaleType>
  let acceptances: [Acceptance]
  /// Last parts of the names of modules that the tool's runtime fuses.
  let fused: [[String]]
  /// Whether an embedding and the head that shares its numbers must have one scheme.
  let agreesOnTies: Bool
  /// Patterns of names, as the tool has them, that it leaves as they are.
  var exceptions: [Pattern]
  /// Whether it tells figures that need the weights to be read.
  public let needsFigures: Bool
  /// Whether biases and norms are told of too.
  let tellsAll: Bool
  let parts: [Part]
  /// Template of the text on how to use what was written.
  let use: String

  /// What a tool calls a layer.
  public enum Naming: String, Sendable, CaseIterable {
    /// As Lathe does.
    case own
    /// The module's path, as Hugging Face's transformers have it: the parameter without `.weight`.
    case modules
    /// As mlx-lm has it: modules, with the experts of a block stacked to one a projection.
    case mlx
    /// The parameter with everything but letters, digits and `_` replaced by `_`, as coremltools names a constant.
    case constants
    case gguf
    /// The ONNX node; the tensor is at hand too.
    case nodes
  }

  public enum Keeps: String, Sendable, CaseIterable {
    /// A float stays a float; a weight that is stored quantised cannot stay.
    case floats
    /// Whatever is stored stays.
    case stored
  }

  /// A file that is written: the first at the path that was asked for, the others beside it.
  struct Part: Sendable {
    /// Its name in a folder: `quantize.py`.
    let name: String
    let template: String
  }
}

extension ConfigTarget {
  /// The same schemes under another name, with no layer left out.
  func renamed(_ name: String, tool: String, naming: Naming) -> ConfigTarget {
    var other = self
    (other.name, other.tool, other.naming, other.exceptions) = (name, tool, naming, [])
    return other
  }
}

extension ConfigTarget.Part {
  /// `quantize` of `quantize.py`.
  var stem: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }
  /// `.py` of `quantize.py`.
  var ending: String { name.lastIndex(of: ".").map { String(name[$0...]) } ?? "" }
}
