import Checkpoints
import Support
import Testing

@testable import Workbench

/// mlx-lm stacks the experts of a block to one module a projection: in what is written for it, and in what is read of it.
@Suite struct MLXExpertsTests {
  private static let block = "model.layers.0.block_sparse_moe"
  private static let words = ["w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"]

  private static func tensors() -> [(String, [Int], [Float])] {
    var generator = SeededGenerator(11)
    let names = ["model.embed_tokens", "model.layers.0.self_attn.o_proj"]
    var tensors = names.map { ("\($0).weight", [64, 64], generator.gaussian(64 * 64)) }
    tensors.append(("\(block).gate.weight", [4, 64], generator.gaussian(4 * 64)))
    for expert in 0..<4 {
      for word in words.keys.sorted() {
        tensors.append(("\(block).experts.\(expert).\(word).weight", [64, 64], generator.gaussian(64 * 64)))
      }
    }
    return tensors
  }

  private static func session(_ folder: ScratchFolder, family: String = "mixtral") throws -> Session {
    _ = try folder.write(#"{"model_type": "\#(family)"}"#, to: "config.json")
    return Session(try Checkpoint.open(try folder.write(safetensors(tensors()), to: "model.safetensors")))
  }

  @Test func expertsOfABlockAreOneModule() throws {
    let folder = try ScratchFolder()
    var session = try Self.session(folder)
    try session.set("*=int4,group=64,affine", "*.w2=int6,group=64,affine")
    let text = try session.export(to: .named("mlx-config"), path: "c.json").text
    // Twice: under "quantization" and under "quantization_config".
    for (word, bits) in [("gate_proj", 4), ("up_proj", 4), ("down_proj", 6)] {
      let entry = #""\#(Self.block).switch_mlp.\#(word)": {"group_size": 64, "bits": \#(bits), "mode": "affine"}"#
      #expect(text.components(entry) == 2, "\(word)")
    }
    #expect(!text.contains(".experts.") && !text.contains("w1"))
    // The router stays as it is.
    #expect(text.components(#""\#(Self.block).gate": false"#) == 2)
  }

  @Test func expertsOfABlockAgree() throws {
    let folder = try ScratchFolder()
    var session = try Self.session(folder)
    try session.set("*=int4,group=64,affine", "*.experts.2.w3=int8,group=64,affine")
    #expect { try session.export(to: .named("mlx-config"), path: "c.json") } throws: { error in
      "\(error)".contains("stacks experts to one \(Self.block).switch_mlp.up_proj")
        && "\(error)".contains("experts.2.w3 int8")
    }
    try session.set("*.w3=int8,group=64,affine")
    _ = try session.export(to: .named("mlx-config"), path: "c.json")
  }

  /// Where a router is no linear module in mlx-lm's class, nobody can have it quantised.
  @Test func aRouterThatIsNoModuleIsRefused() throws {
    let folder = try ScratchFolder()
    var session = try Self.session(folder, family: "deepseek_v3")
    try session.set("*=int4,group=64,affine")
    #expect(!(try session.export(to: .named("mlx-config"), path: "c.json").text.contains(".gate\"")))
    try session.set("\(Self.block).gate=int8,group=64,affine")
    #expect { try session.export(to: .named("mlx-config"), path: "c.json") } throws: { "\($0)".contains("plain array") }
  }

  @Test func aConfigWithStacksIsTheRecipeOfSeparateExperts() throws {
    let folder = try ScratchFolder()
    let session = try Self.session(folder)
    let config = try folder.write(
      """
      {"quantization": {"group_size": 64, "bits": 4, "mode": "affine",
        "\(Self.block).gate": {"group_size": 64, "bits": 8},
        "\(Self.block).switch_mlp.down_proj": {"group_size": 32, "bits": 6},
        "\(Self.block).switch_mlp.up_proj": false, "\(Self.block).switch_mlp.other": {"bits": 2}}}
      """, to: "mlx.json")
    let found = try session.choice(from: config)
    let choices = found.outcome.recipe.choices.mapValues { "\($0.scheme)" }
    #expect(choices["\(Self.block).gate"] == "int8,group=64,affine")
    for expert in 0..<4 {
      #expect(choices["\(Self.block).experts.\(expert).w1"] == "int4,group=64,affine")
      #expect(choices["\(Self.block).experts.\(expert).w2"] == "int6,group=32,affine")
      #expect(choices["\(Self.block).experts.\(expert).w3"] == nil)
    }
    #expect(found.mismatches.count == 1 && found.mismatches[0].contains("switch_mlp.other"))
  }

  /// A checkpoint that mlx-lm packed: stacks of codes, scales and biases.
  @Test func aPackedCheckpointIsTheRecipeOfSeparateExperts() throws {
    let folder = try ScratchFolder()
    let session = try Self.session(folder)
    let packed = try ScratchFolder()
    var entries: [String] = []
    var bytes = 0
    func add(_ name: String, _ type: String, _ shape: [Int], _ size: Int) {
      let count = shape.reduce(size, *)
      entries.append(
        #""\#(name)": {"dtype": "\#(type)", "shape": \#(shape), "data_offsets": [\#(bytes), \#(bytes + count)]}"#)
      bytes += count
    }
    for (word, bits) in [("gate_proj", 4), ("up_proj", 4), ("down_proj", 8)] {
      let module = "\(Self.block).switch_mlp.\(word)"
      add("\(module).weight", "U32", [4, 64, 2 * bits], 4)
      add("\(module).scales", "F16", [4, 64, 1], 2)
      add("\(module).biases", "F16", [4, 64, 1], 2)
    }
    let header = "{\(entries.joined(separator: ", "))}"
    var file = ByteWriter()
    file.integer(UInt64(header.utf8.count))
    file.text(header)
    let all = file.bytes + [UInt8](repeating: 0x11, count: bytes)
    _ = try packed.write(all, to: "model.safetensors")
    _ = try packed.write(
      #"{"model_type": "mixtral", "quantization": {"group_size": 64, "bits": 4}}"#, to: "config.json")
    let other = try Checkpoint.open(packed.path)
    #expect(other.parameterCount == 3 * 4 * 64 * 64 && other.layers.allSatisfy { $0.role == .expert })
    let found = try session.choice(from: packed.path)
    let choices = found.outcome.recipe.choices.mapValues { "\($0.scheme)" }
    for expert in 0..<4 {
      #expect(choices["\(Self.block).experts.\(expert).w1"] == "int4,group=64,affine")
      #expect(choices["\(Self.block).experts.\(expert).w2"] == "int8,group=64,affine")
    }
    #expect(choices.count == 12 && found.mismatches.isEmpty, "\(found.mismatches)")
  }
}

extension String {
  /// How often another text stands in it.
  fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
