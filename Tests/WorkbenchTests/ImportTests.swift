import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

/// Round trips: what Lathe writes for a tool, read back as a recipe.
@Suite struct ImportRoundTripTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  /// What a recipe changes: what it keeps is as good as not said.
  private func schemes(_ recipe: Recipe) -> [String: String] {
    recipe.choices.filter { !$0.value.scheme.isKeep }.mapValues { "\($0.scheme)" }
  }

  /// Writes a choice for a target, in the folder's names and in GGUF's, and reads it back in both.
  private func roundTrip(_ target: String, _ rules: [(folder: String, gguf: String)]) throws {
    var (llama, gguf) = (try Models.llama(), try Models.llamaGGUF())
    try llama.apply(rules.map { try Rule($0.folder) })
    try gguf.apply(rules.map { try Rule($0.gguf) })
    let count = schemes(llama.recipe).count
    #expect(schemes(gguf.recipe).count == count && count > 10)
    for (writer, name) in [(llama, "folder.txt"), (gguf, "gguf.txt")] {
      let path = folder.path(name)
      _ = try writer.write(.named(target), to: path)
      for (fresh, expected) in [(try Models.llama(), llama), (try Models.llamaGGUF(), gguf)] {
        let choice = try fresh.choice(from: path)
        #expect(schemes(choice.outcome.recipe) == schemes(expected.recipe))
        #expect(choice.mismatches.isEmpty && choice.outcome.notes.isEmpty && choice.remarks.isEmpty)
        #expect(choice.summary?.hasSuffix(", \(count) layers") == true)
      }
    }
  }

  @Test func aTypeFileForLlama() throws {
    try roundTrip(
      "llama.cpp",
      [
        ("*_proj=q4_k", "blk.*=q4_k"), ("*.1.mlp.down_proj=q6_k", "blk.1.ffn_down=q6_k"),
        ("*.2.self_attn.v_proj=bf16", "blk.2.attn_v=bf16"), ("model.embed_tokens=iq4_nl", "token_embd=iq4_nl"),
        ("*.0.self_attn.o_proj=keep", "blk.0.attn_output=keep"),
      ])
  }

  @Test func aConfigForMLX() throws {
    try roundTrip(
      "mlx-config",
      [
        ("*_proj=int4,group=64,affine", "blk.*=int4,group=64,affine"),
        ("*.1.mlp.down_proj=int3,group=32,affine", "blk.1.ffn_down=int3,group=32,affine"),
        ("*.2.mlp.down_proj=ocp-mxfp4", "blk.2.ffn_down=ocp-mxfp4"),
        ("*.2.mlp.up_proj=nvidia-nvfp4", "blk.2.ffn_up=nvidia-nvfp4"),
        ("*.2.mlp.gate_proj=ocp-mxfp8", "blk.2.ffn_gate=ocp-mxfp8"),
        ("*.0.self_attn.o_proj=keep", "blk.0.attn_output=keep"),
        ("model.embed_tokens=int8,group=128,affine", "token_embd=int8,group=128,affine"),
      ])
  }

  @Test func aConfigForCompressedTensors() throws {
    try roundTrip(
      "compressed-tensors-config",
      [
        ("*_proj=int4,group=128", "blk.*=int4,group=128"),
        ("*.1.mlp.down_proj=int8,channel", "blk.1.ffn_down=int8,channel"),
        ("*.2.mlp.down_proj=int4,group=32,affine", "blk.2.ffn_down=int4,group=32,affine"),
        ("*.0.mlp.down_proj=ocp-mxfp4", "blk.0.ffn_down=ocp-mxfp4"),
        ("*.0.self_attn.o_proj=nvidia-nvfp4", "blk.0.attn_output=nvidia-nvfp4"),
        ("*.1.self_attn.o_proj=fp8-e4m3", "blk.1.attn_output=fp8-e4m3"),
        ("*.2.self_attn.o_proj=ocp-mxfp8", "blk.2.attn_output=ocp-mxfp8"),
        ("*.2.self_attn.[qkv]_proj=keep", "blk.2.attn_[qkv]=keep"),
        ("lm_head=fp8-e4m3,tensor", "output=fp8-e4m3,tensor"),
      ])
  }

  @Test func aConfigForGPTQModel() throws {
    try roundTrip(
      "gptqmodel",
      [
        ("*_proj=int4,group=128", "blk.*=int4,group=128"),
        ("*.1.mlp.down_proj=int8,channel,affine", "blk.1.ffn_down=int8,channel,affine"),
        ("*.2.mlp.down_proj=int3,group=64", "blk.2.ffn_down=int3,group=64"),
        ("*.0.self_attn.o_proj=keep", "blk.0.attn_output=keep"),
        ("lm_head=int8,group=32", "output=int8,group=32"),
      ])
  }

  @Test func theTypesOfAGGUFFileThatWasWritten() throws {
    var (llama, gguf) = (try Models.llama(), try Models.llamaGGUF())
    try llama.set("*_proj=q4_k", "*.1.mlp.down_proj=q6_k", "model.embed_tokens=q8_0", "*.0.self_attn.o_proj=keep")
    try gguf.set("blk.*=q4_k", "blk.1.ffn_down=q6_k", "token_embd=q8_0", "blk.0.attn_output=keep")
    for (writer, name) in [(llama, "folder.gguf"), (gguf, "file.gguf")] {
      let path = folder.path(name)
      _ = try writer.write(checkpoint: .gguf, to: path)
      for (fresh, expected) in [(try Models.llama(), llama), (try Models.llamaGGUF(), gguf)] {
        let choice = try fresh.choice(from: path)
        #expect(schemes(choice.outcome.recipe) == schemes(expected.recipe))
        #expect(choice.mismatches.isEmpty && choice.outcome.notes.isEmpty)
      }
      // Its own types, said in so many words.
      let own = try Session(try Checkpoint.open(path)).choice(from: path)
      #expect(schemes(own.outcome.recipe) == schemes(gguf.recipe))
    }
  }

  @Test func aRecipeOfLathesOwnIsReadAsBefore() throws {
    var session = try Models.digits()
    try session.set("*=int8,channel", "/fc1*=int4")
    let path = folder.path("r.txt")
    _ = try session.write(.lathe, to: path)
    let choice = try Models.digits().choice(from: path)
    #expect(choice.outcome.recipe == session.recipe)
    #expect(choice.kind == nil && choice.summary == nil)
    // The member that tells it may stand last, behind more than is looked at first.
    let layers = (0..<200).map { #""layer\#($0)": {"scheme": "int4", "by": "rule", "shape": [1, 32]}"# }
    let text =
      #"{"model": "m", "format": "onnx", "layers": {\#(layers.joined(separator: ","))"#
      + #", "/fc1/Gemm": {"scheme": "int4", "by": "user", "shape": [64, 256]}}, "lathe": 1}"#
    let late = try Models.digits().choice(from: try folder.write(text, to: "late"))
    #expect(Array(late.outcome.recipe.choices.keys) == ["/fc1/Gemm"] && late.mismatches.count == 200)
  }
}

/// The types of checkpoints that other tools made.
@Suite struct ImportStoredTypesTests {
  private func types(of path: String, on session: Session? = nil) throws -> ImportedChoice {
    try (session ?? Session(try Checkpoint.open(path))).choice(from: path)
  }

  private func specs(_ choice: ImportedChoice) -> [String: String] {
    choice.outcome.recipe.choices.mapValues { "\($0.scheme)" }
  }

  /// onnxruntime's `quantize_static`, int8 by channel with zero points of 0.
  @Test func onnxruntimesWeightsAreFoundInTheNetworkThatTheyWereMadeOf() throws {
    let path = fixture("digits-qdq.onnx")
    let layers = ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/fc1/Gemm", "/fc2/Gemm"]
    let expected = Dictionary(uniqueKeysWithValues: layers.map { ($0, "int8,channel") })
    let choice = try types(of: path, on: try Models.digits())
    #expect(specs(choice) == expected && choice.mismatches.isEmpty)
    #expect(specs(try types(of: path)).count == 5)
    let safetensors = try types(of: path, on: try Models.digitsAsSafetensors())
    #expect(Set(specs(safetensors).values) == ["int8,channel"] && safetensors.outcome.recipe.choices.count == 5)
  }

  private static let mlx = [(2, 64), (3, 64), (4, 64), (5, 64), (6, 32), (8, 32)]
  private static let packed: [(String, [String: String])] = [
    (
      "gptq.safetensors",
      Dictionary(
        uniqueKeysWithValues: [2, 3, 4, 8].map { (bits: Int) -> (String, String) in
          ("model.layers.\(bits).self_attn.q_proj", "int\(bits),group=32,affine")
        })
    ),
    ("awq.safetensors", ["model.layers.0.mlp.down_proj": "int4,group=32,affine"]),
    (
      "mlx",
      Dictionary(
        uniqueKeysWithValues: mlx.map { (bits: Int, group: Int) -> (String, String) in
          ("model.layers.\(bits).mlp.down_proj", "int\(bits),group=\(group),affine")
        })
    ),
    ("mlx-floats.safetensors", ["mxfp4": "ocp-mxfp4", "mxfp8": "ocp-mxfp8", "nvfp4": "nvidia-nvfp4"]),
    (
      "compressed-tensors.safetensors",
      [
        "model.layers.4.mlp.up_proj": "int4,group=32", "model.layers.5.mlp.up_proj": "int4,group=32,affine",
        "model.layers.8.mlp.up_proj": "int8,group=32",
      ]
    ),
    ("fp8.safetensors", ["all": "fp8-e4m3,tensor", "channel": "fp8-e4m3", "mx": "ocp-mxfp8"]),
    (
      "bitsandbytes.safetensors",
      ["model.int8": "int8,channel", "model.layers.0.mlp.nf4": "nf4", "model.layers.1.mlp.nf4": "nf4"]
    ),
    ("gpt-oss.safetensors", ["model.layers.0.mlp.experts.down_proj": "ocp-mxfp4"]),
    (
      "quantised.onnx",
      [
        "all": "int8,tensor,affine", "blocks": "int4,group=4,affine", "conv": "int8,channel,affine",
        "dynamic": "int8,tensor,affine", "gemm": "int4,group=4,affine", "mm": "int8,channel,affine",
        "qconv": "int8,channel",
      ]
    ),
  ]

  @Test(arguments: packed)
  func everyPackersForms(name: String, expected: [String: String]) throws {
    #expect(specs(try types(of: fixture("formats/\(name)"))) == expected)
  }

  @Test func whatNoSchemeIsOfStaysAndIsNamed() throws {
    let block = try types(of: fixture("formats/fp8.safetensors")).outcome.notes
    #expect(block["block"]?.contains("no scheme for FP8 f8_e4m3 128×128") == true)
    let four = try types(of: fixture("formats/bitsandbytes.safetensors")).outcome.notes
    #expect(four["model.layers.0.mlp.fp4"]?.contains("fp4") == true)
    // MatMulNBits fills its last block up: 40 columns are 2½ groups of 16.
    let nbits = try types(of: fixture("formats/quantised.onnx")).outcome.notes
    #expect(nbits["nbits"]?.contains("40 columns") == true && nbits.count == 2)
  }

  @Test func everyTypeOfGGUFHasItsOwnScheme() throws {
    let choice = try types(of: fixture("formats/types.gguf"))
    #expect(choice.outcome.recipe.choices.count == 23)
    for (name, spec) in specs(choice) { #expect(name == "blk.0.\(spec)") }
    #expect(choice.remarks.contains { $0.contains("stored as floats") })
  }

  /// GPTQ writes zero points always: 2^(b−1) − 1 everywhere where it was symmetric.
  @Test(arguments: [(UInt32(0x7777_7777), "int4,group=32"), (0x7777_7677, "int4,group=32,affine")])
  func gptqsZeroPointsTellSymmetry(zeros: UInt32, spec: String) throws {
    let folder = try ScratchFolder()
    // 64 inputs by 8 outputs in groups of 32.
    var data = ByteWriter()
    for _ in 0..<8 * 8 { data.integer(UInt32(0x1234_5678)) }
    for _ in 0..<2 { data.integer(zeros) }
    for _ in 0..<16 { data.float(0.5) }
    let header =
      #"{"m.0.proj.qweight":{"dtype":"I32","shape":[8,8],"data_offsets":[0,256]},"#
      + #""m.0.proj.qzeros":{"dtype":"I32","shape":[2,1],"data_offsets":[256,264]},"#
      + #""m.0.proj.scales":{"dtype":"F32","shape":[2,8],"data_offsets":[264,328]}}"#
    var file = ByteWriter()
    file.integer(UInt64(header.utf8.count))
    file.text(header)
    let path = try folder.write(file.bytes + data.bytes, to: "gptq.safetensors")
    #expect(specs(try types(of: path)) == ["m.0.proj": spec])
  }

  /// Names that onnxruntime's tools give what they quantise.
  @Test func marksOnNamesAreTakenOff() throws {
    // The float network, its weight and node plainly named, beside MatMulNBits' node and weight.
    let folder = try ScratchFolder()
    let float = try folder.write(
      onnx(node: "/mlp/MatMul", operation: "MatMul", weight: "mlp.MatMul.weight", shape: [32, 4], type: 1), to: "f.onnx"
    )
    for mark in ["_Q4", "_Q4G32", "_quantized", "_quant", "_DQ_Q4"] {
      let packed = try folder.write(nbits(node: "other\(mark)", weight: "mlp.MatMul.weight\(mark)"), to: "q.onnx")
      let choice = try Session(try Checkpoint.open(float)).choice(from: packed)
      #expect(specs(choice) == ["/mlp/MatMul": "int4,group=32"], "\(mark)")
    }
    let byNode = try folder.write(nbits(node: "/mlp/MatMul_Q4", weight: "w_17"), to: "n.onnx")
    #expect(specs(try Session(try Checkpoint.open(float)).choice(from: byNode)).count == 1)
    let other = try folder.write(nbits(node: "/other/MatMul_Q4", weight: "w_Quill"), to: "o.onnx")
    #expect(throws: WorkbenchError.self) { try Session(try Checkpoint.open(float)).choice(from: other) }
  }

  private func tensor(_ name: String, _ shape: [Int], type: Int, bytes: Int) -> [UInt8] {
    var tensor = ByteWriter()
    for extent in shape { tensor.field(1, extent) }
    tensor.field(2, type)
    tensor.field(8, name)
    tensor.field(9, [UInt8](repeating: 0x11, count: bytes))
    return tensor.bytes
  }

  private func attribute(_ name: String, _ value: Int) -> [UInt8] {
    var attribute = ByteWriter()
    attribute.field(1, name)
    attribute.field(3, value)
    attribute.field(20, 2)
    return attribute.bytes
  }

  private func model(_ node: [UInt8], _ tensors: [[UInt8]]) -> [UInt8] {
    var graph = ByteWriter()
    graph.field(1, node)
    graph.field(2, "graph")
    for tensor in tensors { graph.field(5, tensor) }
    var opset = ByteWriter()
    opset.field(1, "")
    opset.field(2, 21)
    var model = ByteWriter()
    model.field(1, 10)
    model.field(7, graph.bytes)
    model.field(8, opset.bytes)
    return model.bytes
  }

  private func onnx(node: String, operation: String, weight: String, shape: [Int], type: Int) -> [UInt8] {
    var writer = ByteWriter()
    for input in ["x", weight] { writer.field(1, input) }
    writer.field(2, "y")
    writer.field(3, node)
    writer.field(4, operation)
    return model(writer.bytes, [tensor(weight, shape, type: type, bytes: 4 * shape.reduce(1, *))])
  }

  /// 4 outputs by 32 inputs in one group.
  private func nbits(node: String, weight: String) -> [UInt8] {
    var writer = ByteWriter()
    for input in ["x", weight, "scales"] { writer.field(1, input) }
    writer.field(2, "y")
    writer.field(3, node)
    writer.field(4, "MatMulNBits")
    for (name, value) in [("K", 32), ("N", 4), ("bits", 4), ("block_size", 32)] {
      writer.field(5, attribute(name, value))
    }
    writer.field(7, "com.microsoft")
    return model(
      writer.bytes, [tensor(weight, [4, 1, 16], type: 2, bytes: 64), tensor("scales", [4], type: 1, bytes: 16)])
  }

  @Test func aCheckpointOfFloatsHasNoTypes() throws {
    #expect { try types(of: Fixtures.sample("shakespeare-llama-f16.gguf")) } throws: {
      "\($0)".contains("shakespeare-llama-f16.gguf") && "\($0)".contains("no quantised layer")
    }
  }

  @Test func aCheckpointOfAnotherModelIsAnError() throws {
    #expect { try types(of: fixture("digits-qdq.onnx"), on: try Models.llama()) } throws: {
      "\($0)".contains("digits-qdq.onnx") && "\($0)".contains("another model")
    }
  }

  @Test func layersOfOtherShapesAreListed() throws {
    let folder = try ScratchFolder()
    var small = try Models.matrices(columns: [32, 64], in: folder)
    try small.set("*=q4_0")
    _ = try small.write(checkpoint: .gguf, to: folder.path("q.gguf"))
    var generator = SeededGenerator(3)
    let tensors = [
      ("w32.weight", [4, 32], generator.gaussian(128)), ("w64.weight", [4, 96], generator.gaussian(384)),
    ]
    let path = try folder.write(safetensors(tensors), to: "other.safetensors")
    let choice = try Session(try Checkpoint.open(path)).choice(from: folder.path("q.gguf"))
    #expect(specs(choice) == ["w32": "q4_0"])
    #expect(choice.mismatches == ["w64: shape [4, 96], in the file [4, 64]"])
  }
}
