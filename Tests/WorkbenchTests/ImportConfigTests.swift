import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

/// Configs written by hand from the tools' documentation.
@Suite struct ImportConfigTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func choice(_ text: String, on session: Session? = nil, fallback: Bool = false) throws -> ImportedChoice {
    try (session ?? Models.llama()).choice(from: try folder.write(text, to: "config"), fallback: fallback)
  }

  private func specs(_ choice: ImportedChoice) -> [String: String] {
    choice.outcome.recipe.choices.mapValues { "\($0.scheme)" }
  }

  private func message(_ text: some Sequence<UInt8>) throws -> String {
    let path = try folder.write(text, to: "hostile")
    do {
      _ = try Models.llama().choice(from: path)
      return ""
    } catch { return "\(error)" }
  }

  private let kinds =
    ["q_proj", "k_proj", "v_proj", "o_proj"].map { "self_attn.\($0)" }
    + ["gate_proj", "up_proj", "down_proj"].map { "mlp.\($0)" }
  private var modules: [String] { (0..<3).flatMap { block in kinds.map { "model.layers.\(block).\($0)" } } }

  // MARK: - llama.cpp

  @Test func patternsAreSearchedForAndTheFirstThatIsFoundCounts() throws {
    let found = specs(
      try choice(
        "  \\.(1|2)\\.ffn_down=Q6_K\nffn_(down|up)=q4_k\tATTN_[QK]\\.=q5_k\r\nblk\\.0=q8_0 token=bf16 ",
        on: try Models.llamaGGUF()))
    for block in 0..<3 {
      #expect(found["blk.\(block).ffn_down"] == (block == 0 ? "q4_k" : "q6_k"))
      #expect(found["blk.\(block).ffn_up"] == "q4_k")
      for name in ["attn_q", "attn_k"] { #expect(found["blk.\(block).\(name)"] == "q5_k") }
      for name in ["attn_v", "attn_output", "ffn_gate"] {
        #expect(found["blk.\(block).\(name)"] == (block == 0 ? "q8_0" : nil))
      }
    }
    #expect(found["token_embd"] == "bf16" && found["output"] == nil)
    #expect(found.count == 3 * 4 + 3 + 1)
  }

  @Test func theTypeThatATensorHasAndF32AreNoChange() throws {
    let choice = try choice(
      "ffn_up=f16 ffn_down=f32 attn_v=f16 attn_q=q8_0", on: try Models.llamaGGUF())
    #expect(Set(specs(choice).values) == ["q8_0"] && choice.outcome.recipe.choices.count == 3)
    #expect(choice.mismatches.isEmpty)
  }

  @Test func whatLlamaQuantizeLeavesAloneStaysAndIsMentioned() throws {
    let choice = try choice(".*=q8_0", on: try Models.llamaGGUF())
    #expect(choice.outcome.recipe.choices.count == 23)
    #expect(choice.remarks.count == 1)
    #expect(choice.remarks[0].contains("norm.weight and 6 others"))
  }

  @Test func entriesThatDecideNothingAreListedByNumber() throws {
    let choice = try choice("ffn_up=q8_0\nblk\\.1\\.ffn_up=q4_0\nssm_in=q4_0")
    #expect(choice.outcome.recipe.choices.count == 3)
    #expect(choice.mismatches.count == 2)
    #expect(choice.mismatches[0].contains("entry 2") && choice.mismatches[1].contains("entry 3, \"ssm_in=q4_0\""))
  }

  @Test func rowsThatAreNoMultipleOfABlockTakeASubstituteWhereThatIsAskedFor() throws {
    var session = try Models.matrices(columns: [256, 96], in: folder)
    try session.set("*=q8_0")
    _ = try session.write(checkpoint: .gguf, to: folder.path("m.gguf"))
    let gguf = Session(try Checkpoint.open(folder.path("m.gguf")))
    let plain = try choice("w=q4_k", on: gguf)
    #expect(specs(plain) == ["w256": "q4_k"])
    #expect(plain.outcome.notes["w96"]?.contains("96 columns") == true)
    #expect(specs(try choice("w=q4_k", on: gguf, fallback: true)) == ["w256": "q4_k", "w96": "q5_0"])
  }

  @Test(arguments: [
    ("attn_v=q9_k", "entry 1"), ("attn_v=q8_0 attn_q", "entry 2"), ("attn_v=q8_0 =q4_0", "entry 2"),
    ("attn_v=q8_1", "q8_1"), ("attn_v=q4_k_m", "q4_k_m"), ("attn_v=i8", "i8"), ("attn_v=int4", "int4"),
    ("attn_v=q8_0,sparsity=0.5", "sparsity"), ("attn_v=", "entry 1"), ("attn(v=q8_0", "attn(v"),
    ("a{2,1}=q8_0", "a{2,1}"), ("x=q8_0 [a=q4_0", "entry 2"), ("(?=v)=q8_0", "entry 1"),
    ("^nothing$=q8_0", "another model"),
  ])
  func aTypeFileThatIsWrongNamesTheEntry(text: String, named: String) throws {
    let message = try message(text.utf8)
    #expect(message.contains("hostile") && message.contains(named), "\(message)")
    #expect(!message.contains("\n") && message.utf8.count < 600)
  }

  @Test(.timeLimit(.minutes(2))) func anExpressionThatTriesEverythingIsStopped() throws {
    let found = try message(#"^((([a-z0-9_.])+)+)+!$=q8_0"#.utf8)
    #expect(found.contains("entry 1") && found.contains("too many ways"), "\(found)")
  }

  @Test(.timeLimit(.minutes(3))) func hugeTypeFilesAreRefusedOrReadInTime() throws {
    #expect(try message(String(repeating: "ffn_up=q8_0\n", count: 20_001).utf8).contains("20001 entries"))
    #expect(try message("\(String(repeating: "a", count: 3000))=q8_0".utf8).contains("3000 bytes"))
    let lines = (0..<19_999).map { "^blk\\.\($0 + 3)\\.ffn_up\\.weight$=q8_0" } + ["ffn_up=q4_0"]
    #expect(try choice(lines.joined(separator: "\n")).outcome.recipe.choices.count == 3)
  }

  // MARK: - MLX

  @Test func modulesWithoutAnEntryHaveMLXsValuesAtTheTop() throws {
    let text = #"""
      {"model_type": "llama", "quantization": {"group_size": 128, "bits": 6,
        "model.layers.0.mlp.down_proj": {"bits": 3}, "model.layers.1.mlp.down_proj": {"mode": "mxfp4"},
        "model.layers.2.mlp.down_proj": {"mode": "nvfp4", "bits": 4, "group_size": 16},
        "model.layers.2.mlp.up_proj": true, "lm_head": false, "model.layers.9.mlp.up_proj": {"bits": 8},
        "model.layers.8.mlp.up_proj": false},
       "quantization_config": {"group_size": 128, "bits": 6}}
      """#
    let choice = try choice(text)
    var expected = Dictionary(
      uniqueKeysWithValues: (modules + ["model.embed_tokens"]).map { ($0, "int6,group=128,affine") })
    // What an entry leaves out is the mode's default: 64 for affine.
    expected["model.layers.0.mlp.down_proj"] = "int3,group=64,affine"
    expected["model.layers.1.mlp.down_proj"] = "ocp-mxfp4"
    expected["model.layers.2.mlp.down_proj"] = "nvidia-nvfp4"
    #expect(specs(choice) == expected)
    #expect(choice.mismatches == ["model.layers.9.mlp.up_proj: this model has no such layer"])
  }

  @Test func mlxsConfigIsKnownByEitherName() throws {
    for key in ["quantization", "quantization_config"] {
      #expect(specs(try choice(#"{"\#(key)": {"group_size": 64, "bits": 4, "mode": "affine"}}"#)).count == 23)
    }
  }

  /// mlx-lm writes no entry for a module that it left as it was: its weights have no scales.
  @Test func besideItsWeightsMLXsConfigIsOfThoseWithScales() throws {
    var generator = SeededGenerator(5)
    let names = ["model.layers.2.mlp.down_proj", "model.layers.0.mlp.up_proj"]
    let model = try folder.write(
      safetensors(names.map { ("\($0).weight", [32, 128], generator.gaussian(32 * 128)) }), to: "float.safetensors")
    let session = Session(try Checkpoint.open(model))
    let text = #"{"quantization": {"group_size": 64, "bits": 4}}"#
    #expect(specs(try choice(text, on: session)).count == 2)
    let beside = try ScratchFolder()
    let path = try beside.write(text, to: "config.json")
    #expect(specs(try session.choice(from: path)).count == 2)
    let weights = try Data(contentsOf: URL(fileURLWithPath: fixture("formats/mlx/model.safetensors")))
    try beside.write(weights, to: "model.safetensors")
    #expect(specs(try session.choice(from: path)) == [names[0]: "int4,group=64,affine"])
  }

  // MARK: - compressed-tensors

  private func compressed(_ groups: String, ignore: String = "", more: String = "") -> String {
    #"{"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {\#(groups)}, "ignore": [\#(ignore)]\#(more)}}"#
  }

  @Test func pathsBeatExpressionsAndTheseClasses() throws {
    let choice = try choice(
      compressed(
        #"""
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 128}},
        "group_1": {"targets": ["re:.*layers\\.[12]\\.mlp\\.(up|gate)_proj$", "re:model"],
          "weights": {"num_bits": 8, "type": "int", "symmetric": false, "strategy": "channel", "group_size": null}},
        "group_2": {"targets": ["model.layers.2.mlp.up_proj", "re:.*layers\\.0\\.mlp\\.down"],
          "weights": {"num_bits": 8, "type": "float", "strategy": "tensor"},
          "input_activations": {"num_bits": 8, "type": "float", "dynamic": true}},
        "group_3": {"targets": ["re:down_proj"], "weights": {"num_bits": 2, "strategy": "tensor"}}
        """#, ignore: #""lm_head", "re:.*\\.1\\.self_attn""#, more: #", "kv_cache_scheme": {"num_bits": 8}"#))
    let found = specs(choice)
    // `re:.*…` stands before `re:model` in the alphabet; `re:down_proj` matches no path from its beginning.
    for block in 0..<3 {
      for kind in kinds {
        let path = "model.layers.\(block).\(kind)"
        let expected: String? =
          path == "model.layers.2.mlp.up_proj" || path == "model.layers.0.mlp.down_proj"
          ? "fp8-e4m3,tensor" : block == 1 && kind.hasPrefix("self") ? nil : "int8,channel,affine"
        #expect(found[path] == expected, "\(path)")
      }
    }
    #expect(found["lm_head"] == nil && found["model.embed_tokens"] == "int8,channel,affine")
    #expect(
      choice.mismatches == ["Linear: this model has no such layer", "re:down_proj: this model has no such layer"])
    #expect(choice.remarks.count == 2)
    #expect(choice.remarks.contains { $0.contains("activations") } && choice.remarks.contains { $0.contains("cache") })
  }

  @Test func classesOfModulesAndTheBareObject() throws {
    let found = specs(
      try choice(
        #"{"config_groups": {"g": {"targets": ["Linear"], "weights": {"num_bits": 4, "symmetric": true, "strategy": "group", "group_size": 32}}, "h": {"targets": ["Embedding"], "weights": {"num_bits": 8}}}, "ignore": ["lm_head"]}"#
      ))
    var expected = Dictionary(uniqueKeysWithValues: modules.map { ($0, "int4,group=32") })
    expected["model.embed_tokens"] = "int8,tensor"
    #expect(found == expected)
  }

  @Test(arguments: [
    (#""num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16"#, "nvidia-nvfp4"),
    (#""num_bits": 4, "type": "float", "strategy": "group", "group_size": 32"#, "ocp-mxfp4"),
    (
      #""num_bits": 8, "type": "float", "strategy": "group", "group_size": 32, "scale_dtype": "torch.uint8""#,
      "ocp-mxfp8"
    ),
    (#""num_bits": 8, "type": "float", "strategy": "channel", "group_size": -1"#, "fp8-e4m3"),
    (#""num_bits": 8, "type": "float", "group_size": 64"#, "fp8-e4m3,group=64"),
    (#""num_bits": 5, "group_size": -1"#, "int5,channel"), (#""num_bits": 8"#, "int8,tensor"),
  ])
  func compressedTensorsWeights(arguments: String, spec: String) throws {
    let found = specs(try choice(compressed(#""g": {"targets": ["lm_head"], "weights": {\#(arguments)}}"#)))
    #expect(found == ["lm_head": spec])
  }

  @Test func blocksOfFloatsHaveNoSchemeAndStay() throws {
    let choice = try choice(
      compressed(
        #""g": {"targets": ["lm_head"], "weights": {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}}"#
      ))
    #expect(choice.outcome.recipe.choices.isEmpty)
    #expect(choice.outcome.notes["lm_head"]?.contains("block") == true)
  }

  // MARK: - GPTQ

  @Test func gptqsRulesMatchFromTheStartAndTheFirstCounts() throws {
    let choice = try choice(
      #"""
      {"bits": 4, "group_size": 128, "sym": true, "desc_act": false, "dynamic": {
        "+:model\\.layers\\.[12]\\..*down": {"bits": 8, "group_size": -1, "sym": false},
        "down_proj": {"bits": 2}, "model.layers.2.mlp.down_proj": {"bits": 3},
        ".*\\.0\\..*": {"group_size": 32}, "-:.*o_proj": {}}}
      """#)
    var expected = Dictionary(uniqueKeysWithValues: modules.map { ($0, "int4,group=128") })
    for kind in kinds { expected["model.layers.0.\(kind)"] = "int4,group=32" }
    for block in 1..<3 { expected["model.layers.\(block).self_attn.o_proj"] = nil }
    for block in 1..<3 { expected["model.layers.\(block).mlp.down_proj"] = "int8,channel,affine" }
    #expect(specs(choice) == expected)
    #expect(choice.mismatches.count == 2)
    #expect(choice.mismatches.allSatisfy { $0.contains("down_proj") })
  }

  @Test func gptqsConfigWithinATransformersConfig() throws {
    let text =
      #"{"quantization_config": {"quant_method": "gptq", "bits": 8, "group_size": 32, "sym": false, "lm_head": true}}"#
    let found = specs(try choice(text))
    #expect(found.count == 22 && Set(found.values) == ["int8,group=32,affine"] && found["lm_head"] != nil)
  }

  // MARK: - What is wrong

  @Test(arguments: [
    ("", "empty"), ("{", "byte"), (#"{"quantization": {"bits": 4"#, "byte"), ("{}", "MLX"), ("no recipe", "type files"),
    (#"{"model_type": "llama"}"#, "nothing of how"), (#"{"quantization": 3}"#, "quantization"),
    (#"{"quantization": {"bits": "four"}}"#, "quantization.bits"), (#"{"quantization": {"bits": 1e99}}"#, "bits"),
    (#"{"quantization": {"bits": 9, "group_size": 64}}"#, "quantization"),
    (
      #"{"quantization": {"bits": 4, "group_size": 64, "lm_head": {"bits": 4, "group_size": 0}}}"#,
      "quantization.lm_head"
    ),
    (
      #"{"quantization": {"bits": 4, "group_size": 64, "lm_head": {"bits": 1, "group_size": 64}}}"#,
      "quantization.lm_head"
    ),
    (#"{"quantization": {"bits": 4, "group_size": 64, "lm_head": {"mode": "mxfp4", "bits": 8}}}"#, "lm_head: mxfp4"),
    (#"{"quantization": {"bits": 4, "group_size": 64, "lm_head": {"mode": "mx"}}}"#, "lm_head.mode"),
    (#"{"quantization_config": {"quant_method": "awq", "bits": 4}}"#, "awq"),
    (#"{"quantization_config": {"quant_method": 4}}"#, "quant_method"), (#"{"quantization_config": []}"#, "a list"),
    (#"{"config_groups": []}"#, "config_groups"), (#"{"config_groups": {"g": "W4A16"}}"#, "config_groups.g"),
    (#"{"config_groups": {"g": {"targets": "Linear"}}}"#, "targets"),
    (#"{"config_groups": {"g": {"targets": ["re:("], "weights": {}}}}"#, "re:("),
    (#"{"config_groups": {}, "ignore": ["re:["]}"#, "re:["), (#"{"config_groups": {}, "ignore": [3]}"#, "ignore"),
    (
      #"{"config_groups": {"g": {"targets": ["Linear"], "weights": {"num_bits": 4, "strategy": "group"}}}}"#,
      "group_size"
    ),
    (
      #"{"config_groups": {"g": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 99999999}}}}"#,
      "weights"
    ),
    (#"{"bits": 4, "sym": true, "dynamic": {"(": {}}}"#, "dynamic.("), (#"{"bits": 4, "sym": 1}"#, "sym"),
    (#"{"bits": 4, "sym": true, "group_size": -7}"#, "group_size"), (#"{"sym": true, "quant_method": "gptq"}"#, "bits"),
    (#"{"bits": 4, "sym": true, "dynamic": {"a": 3}}"#, "dynamic.a"),
    (#"{"bits": 4, "sym": true, "dynamic": {"(.+)+(.+)+(.+)+!": {"bits": 8}}}"#, "too many ways"),
    (#"{"bits": 44, "sym": true}"#, "int44"), ("[1, 2]", "another text"), ("{\"a\": \u{0}}", "recipe"),
  ])
  func whatIsWrongIsNamedWithItsFile(text: String, named: String) throws {
    let message = try message(text.utf8)
    #expect(message.contains("hostile") && message.contains(named), "\(message)")
    #expect(!message.contains("\n") && message.utf8.count < 700)
  }

  @Test func bracketsAHundredThousandDeepAreRefused() throws {
    for bracket in ["{\"quantization\":", "{\"a\":["] {
      #expect(try message(String(repeating: bracket, count: 100_000).utf8).contains("hostile"))
    }
    let deep = #"{"config_groups": {"g": {"targets": ["# + String(repeating: "[", count: 60)
    #expect(try message(deep.utf8).contains("hostile"))
  }

  @Test func bytesOfNoKindAreRefused() throws {
    for bytes: [UInt8] in [
      [0xff, 0xfe, 0x00, 0x80], Array("GGUF".utf8) + [3, 0, 0, 0], Array("PK\u{3}\u{4}".utf8), [0x80, 2],
      Array(repeating: 0xc3, count: 1000), [0],
    ] {
      #expect(try message(bytes).contains("hostile"))
    }
    for path in [folder.path("none"), folder.path] {
      #expect { try Models.llama().choice(from: path) } throws: { "\($0)".contains(path) }
    }
  }
}
