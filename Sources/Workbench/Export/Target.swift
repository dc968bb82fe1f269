import Checkpoints
import Compression
import FileAccess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What `export --to` writes for.
public struct Target: Sendable, Hashable {
  public let name: String
  public let summary: String
  let kind: Kind

  enum Kind: Sendable {
    /// Lathe's own recipe.
    case recipe
    /// What another tool reads about the weights.
    case config(ConfigTarget)
    /// The weights themselves.
    case checkpoint(any CheckpointWriter)
  }

  public static func == (a: Target, b: Target) -> Bool { a.name == b.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  public static let lathe = Target(name: "lathe", summary: "the recipe, which Lathe reads back", kind: .recipe)
  public static let gguf = Target(GGUFWriter())
  public static let safetensors = Target(SafetensorsWriter())

  /// The formats of checkpoints that are written.
  static let checkpoints: [Target] = [.gguf, .safetensors]

  /// All that there are, in the order in which they are listed.
  public static let all: [Target] = [.lathe] + ConfigTarget.all.map(Target.init) + checkpoints

  /// Names and summaries of all, in their order, without a sheet read whole.
  public static let listing: [(name: String, summary: String)] =
    [(lathe.name, lathe.summary)] + ConfigTarget.listing + checkpoints.map { ($0.name, $0.summary) }

  init(_ config: ConfigTarget) { self.init(name: config.name, summary: config.summary, kind: .config(config)) }

  init(_ writer: any CheckpointWriter) {
    self.init(name: writer.name, summary: writer.summary, kind: .checkpoint(writer))
  }

  private init(name: String, summary: String, kind: Kind) {
    (self.name, self.summary, self.kind) = (name, summary, kind)
  }

  /// Whether it is the weights themselves, not a text about them.
  public var isCheckpoint: Bool { if case .checkpoint = kind { true } else { false } }
  /// The tool that reads it, where it is a config.
  public var config: ConfigTarget? { if case .config(let config) = kind { config } else { nil } }
  /// The schemes that it takes, in a few words, where no tool says them one by one.
  public var takes: String { if case .checkpoint(let writer) = kind { writer.takes } else { "everything" } }
  /// What its file is called where nobody says so: the first of those that its tool's folder has. `nil` for the recipe and
  /// for checkpoints.
  package var fileName: String? { config?.parts.first?.name }
  /// Whether it tells figures that need the weights to be read.
  public var needsFigures: Bool { config?.needsFigures == true }

  /// Names of the contract that this version does not write yet.
  static let later = [
    "onnx", "onnx-matmulnbits", "safetensors-compressed", "safetensors-mlx", "npz",
  ]

  /// - Parameter name: a target's, or the path of a sheet that ends in `.target`.
  /// - Throws: `WorkbenchError` for a name that is unknown, or known and not yet written, or a sheet that is wrong.
  public init(name: String) throws(WorkbenchError) {
    if let target = Self.all.first(where: { $0.name == name }) {
      self = target
      return
    }
    if name.hasSuffix(".target") {
      guard let data = FileManager.default.contents(atPath: name) else {
        throw WorkbenchError("\(name): cannot be read")
      }
      guard let text = String(data: data, encoding: .utf8) else { throw WorkbenchError("\(name): is no UTF-8 text") }
      self.init(try ConfigTarget(sheet: text, path: name))
      return
    }
    let known = Self.all.map(\.name).joined(separator: ", ")
    throw WorkbenchError(
      Self.later.contains(name)
        ? "target \(name) is not written by this version; there is: \(known)"
        : "unknown target \"\(name)\"\(suggestion(for: name, among: Self.all.map(\.name))): there is \(known), or a sheet FILE.target"
    )
  }
}

/// An export as bytes, before anything is written.
public struct Export: Sendable {
  /// The first is what was asked for, the others go beside it.
  public var files: [File]
  /// What a person should know about it.
  public var notes: [String] = []
  /// How to use it, for the person.
  public var usage: String

  public struct File: Sendable {
    public var path: String
    public var bytes: [UInt8]
  }

  /// Bytes of all files.
  public var byteCount: Int { files.reduce(0) { $0 + $1.bytes.count } }
}

extension Session {
  /// The recipe as it stands in a target's form.
  ///
  /// - Parameter path: where it will be written, for the text on how to use it.
  /// - Throws: `WorkbenchError` that names each layer that the target cannot say.
  public func export(to target: Target, path: String) throws(WorkbenchError) -> Export {
    switch target.kind {
    case .recipe:
      do {
        let bytes = try RecipeFile(recipe, of: items, checkpoint: checkpoint, provenance: provenance).encoded()
        return Export(
          files: [Export.File(path: path, bytes: bytes)],
          usage: "lathe open \(shellWord(checkpoint.path)) --recipe \(shellWord(path))")
      } catch {
        throw WorkbenchError("\(path): the recipe cannot be coded: \(error)")
      }
    case .config(let config): return try self.export(to: config, path: path)
    case .checkpoint: throw WorkbenchError("a checkpoint is written piece by piece: `write(checkpoint:to:)`")
    }
  }

  /// Exports and writes a config; an old file stays whole until the new one is.
  ///
  /// - Parameter replaces: whether files that are there may go.
  /// - Throws: `WorkbenchError`, and `FileExists`.
  public func write(_ target: Target, to path: String, replaces: Bool = true) throws -> Export {
    let export = try export(to: target, path: path)
    if !replaces { try checkFree(export.files.map(\.path)) }
    // A path that ends in / names a folder, made where it is missing.
    if path.hasSuffix("/"), mkdir(path, 0o777) != 0, errno != EEXIST {
      throw WorkbenchError("\(path): cannot be made: \(String(cString: strerror(errno)))")
    }
    if case .recipe = target.kind, items.contains(where: { $0.hasChosen(recipe[$0]) }) {
      try writeRecovered(to: path)
      return export
    }
    for file in export.files { try write(file.bytes, to: file.path) }
    return export
  }

  /// Writes something about the model, as `AtomicFile` does, but never over the model itself.
  public func write(_ bytes: [UInt8], to path: String) throws(WorkbenchError) {
    try refuseModel(path)
    do { try AtomicFile.write(bytes, to: path) } catch { throw WorkbenchError(error) }
  }

  /// The same piece by piece: `body` is given what takes the next.
  public func write(to path: String, _ body: (([UInt8]) throws -> Void) throws -> Void) throws {
    try refuseModel(path)
    try AtomicFile.write(to: path, body)
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
    switch target.kind {
    case .recipe:
      let (outcome, mismatches) = try RecipeFile(path: path).fitted(to: items, path: path)
      if let first = mismatches.first { throw WorkbenchError("\(path): \(first)") }
      let names = Set(items.map(\.name))
      let expected = recipe.choices.filter { names.contains($0.key) }
      guard outcome.recipe.choices == expected else {
        throw WorkbenchError("\(path): what was read back is another choice")
      }
    case .config:
      for file in try export(to: target, path: path).files {
        guard FileManager.default.contents(atPath: file.path).map({ [UInt8]($0) }) == file.bytes else {
          throw WorkbenchError("\(file.path): what was read back differs from what was written")
        }
      }
    case .checkpoint: throw WorkbenchError("a checkpoint is read back piece by piece: `verify(checkpoint:at:)`")
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
