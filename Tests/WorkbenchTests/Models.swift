import Checkpoints
import Compression
import Support
import Workbench

/// The samples and small models of the tests' own making.
enum Models {
  static func digits() throws -> Session { Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx"))) }
  static func digitsAsSafetensors() throws -> Session {
    Session(try Checkpoint.open(Fixtures.sample("digits-cnn.safetensors")))
  }
  static func llama() throws -> Session { Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama"))) }
  static func llamaGGUF() throws -> Session {
    Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf")))
  }

  /// Matrices of four rows and so many columns, named `wN.weight` after them.
  static func matrices(columns: [Int], in folder: ScratchFolder) throws -> Session {
    var generator = SeededGenerator(7)
    let tensors = columns.map { ("w\($0).weight", [4, $0], generator.gaussian(4 * $0)) }
    return Session(try Checkpoint.open(try folder.write(safetensors(tensors), to: "matrices.safetensors")))
  }
}

extension Session {
  func item(_ name: String) throws -> Item {
    guard let item = item(named: name) else { throw WorkbenchError("no item \(name)") }
    return item
  }

  func outcome(_ rules: String..., fallback: Bool = false) throws -> Outcome {
    try Outcome.applying(try rules.map { try Rule($0) }, to: items, fallback: fallback)
  }

  mutating func set(_ rules: String...) throws {
    try apply(try rules.map { try Rule($0) })
  }
}

extension Outcome {
  /// The SPEC of a choice; `keep` for none.
  func spec(_ name: String) -> String { (recipe.choices[name]?.scheme ?? .keep).description }
}

extension Target {
  static var llama: Target { named("llama.cpp") }

  static func named(_ name: String) -> Target { Target.all.first { $0.name == name }! }
}

extension Export {
  /// Of the first file.
  var bytes: [UInt8] { files[0].bytes }
  var text: String { String(decoding: bytes, as: UTF8.self) }
}
