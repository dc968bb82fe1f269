import Checkpoints

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What `export --to` writes for.
public enum Target: String, Sendable, CaseIterable {
  case lathe
  case llama = "llama.cpp"
  case gguf

  /// Whether it is the weights themselves, not a text about them.
  public var isCheckpoint: Bool { self == .gguf }

  /// Names of the contract that this version does not write yet.
  static let later = [
    "llm-compressor", "compressed-tensors-config", "mlx-config", "onnxruntime", "coremltools", "torchao",
    "gptqmodel",
    "auto-round", "exllamav3", "csv", "markdown", "json", "onnx", "onnx-matmulnbits",
    "safetensors-compressed",
    "safetensors-mlx", "safetensors", "npz",
  ]

  /// - Throws: `WorkbenchError` for a name that is unknown, or known and not yet written.
  public init(name: String) throws(WorkbenchError) {
    if let target = Target(rawValue: name) {
      self = target
      return
    }
    let known = Target.allCases.map(\.rawValue).joined(separator: ", ")
    throw WorkbenchError(
      Self.later.contains(name)
        ? "target \(name) is not written by this version; there is: \(known)"
        : "unknown target \"\(name)\": there is \(known)")
  }
}

/// An export as bytes, before anything is written.
public struct Export: Sendable {
  public var bytes: [UInt8]
  /// How to use the file, for the person.
  public var usage: String
}

extension Session {
  /// The recipe as it stands in a target's form.
  ///
  /// - Parameter path: where it will be written, for the text on how to use it.
  /// - Throws: `WorkbenchError` that names each layer that the target cannot say.
  public func export(to target: Target, path: String) throws(WorkbenchError) -> Export {
    switch target {
    case .lathe:
      do {
        let bytes = try RecipeFile(recipe, of: items, checkpoint: checkpoint).encoded()
        return Export(bytes: bytes, usage: "lathe open \(shellWord(checkpoint.path)) --recipe \(shellWord(path))")
      } catch {
        throw WorkbenchError("\(path): the recipe cannot be coded: \(error)")
      }
    case .llama:
      return try llamaExport(path: path)
    case .gguf: throw WorkbenchError("a checkpoint is written piece by piece: `write(checkpoint:to:)`")
    }
  }

  /// Exports and writes a config; the old file stays whole until the new one is.
  public func write(_ target: Target, to path: String) throws(WorkbenchError) -> Export {
    let export = try export(to: target, path: path)
    try write(export.bytes, to: path)
    return export
  }

  /// Writes something about the model, as `AtomicFile` does, but never over the model itself.
  public func write(_ bytes: [UInt8], to path: String) throws(WorkbenchError) {
    try refuseModel(path)
    try AtomicFile.write(bytes, to: path)
  }

  func refuseModel(_ path: String) throws(WorkbenchError) {
    let own = [checkpoint.path] + checkpoint.files.map(\.path)
    if own.contains(where: { AtomicFile.isSame($0, path) }) {
      throw WorkbenchError("\(path): is the model itself; give another path to write to")
    }
  }

  /// Reads a written file back and compares it with the recipe.
  ///
  /// - Throws: `WorkbenchError` with the first difference.
  public func verify(_ target: Target, at path: String) throws(WorkbenchError) {
    switch target {
    case .lathe:
      let (outcome, mismatches) = try RecipeFile(path: path).fitted(to: items, path: path)
      if let first = mismatches.first { throw WorkbenchError("\(path): \(first)") }
      let names = Set(items.map(\.name))
      let expected = recipe.choices.filter { names.contains($0.key) }
      guard outcome.recipe.choices == expected else {
        throw WorkbenchError("\(path): what was read back is another choice")
      }
    case .llama:
      let expected = try export(to: target, path: path).bytes
      guard FileManager.default.contents(atPath: path).map({ [UInt8]($0) }) == expected else {
        throw WorkbenchError("\(path): what was read back differs from what was written")
      }
    case .gguf: throw WorkbenchError("a checkpoint is read back piece by piece: `verify(checkpoint:at:)`")
    }
  }
}

/// A path as one word of a shell's command line.
func shellWord(_ text: String) -> String {
  let isPlain =
    !text.isEmpty
    && text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "_-+./:,@%=".utf8.contains(byte)
      }
    }
  return isPlain ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
}
