import Foundation
import Support
import Testing

/// Files whose numbers are what no tool writes: every command says something, with no trap, and JSON stays JSON.
///
/// Tests/Fixtures/hostile: `extremes.safetensors` has NaN, ±3.4e38 and denormals; `mlx-overflow` has MLX's packed
/// layers in every width, and group sizes in its config of which the products leave 64 bits.
@Suite struct HostileFileTests {
  private static let extremes = Fixtures.fixture("hostile/extremes.safetensors")
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test(arguments: [
    "jj-zz<Tab><Tab>zz<Wait>",
    "jj:bits 99999999999999999999<Enter>:sparsity nan<Enter>:group 9223372036854775807<Enter>",
    ":threshold 1e400<Enter>:sparsity 1e-400<Enter><click 9223372036854775807,3>",
  ])
  func theScreenShowsWeightsOfAllMagnitudes(_ script: String) throws {
    let result = try Program.run("open", Self.extremes, "--script", script, "--size", "120x40")
    #expect(result.signal == nil && result.status ?? 0 <= 2, "\(result.errors)")
  }

  @Test(arguments: [
    "*=int4,channel", "*=int8,tensor", "*=f16", "*=bf16,sparsity=0.5", "*=fp8-e4m3", "*=kmeans3", "*=nf4,channel",
    "*=int16,channel,affine,scale=fp32,coding=rans", "*=int4,channel,scale=pow2",
  ])
  func jsonHasNoNumberThatIsNone(_ rule: String) throws {
    for arguments in [["estimate", Self.extremes, "--set", rule, "--json"], ["inspect", Self.extremes, "--json"]] {
      let result = try Program.run(arguments)
      #expect(result.status == 0)
      _ = try result.object()
      for word in ["nan,", "inf,", "NaN,", "Infinity"] { #expect(!result.output.contains(" " + word)) }
    }
    for target in ["json", "lathe"] {
      let path = folder.path("out.\(target)")
      #expect(try Program.run("export", Self.extremes, "--set", rule, "--to", target, "-o", path).status == 0)
      _ = try JSONSerialization.jsonObject(with: Data(folder.bytes(of: "out.\(target)") ?? []))
    }
  }

  @Test func aLayerWithoutNumbersHasNoErrorAndANote() throws {
    let path = try folder.write(
      safetensors([
        ("none.weight", [8, 32], [Float](repeating: .nan, count: 256)),
        ("some.weight", [8, 32], (0..<256).map { Float($0) - 128 }),
      ]), to: "none.safetensors")
    let object = try Program.run("estimate", path, "--set", "*=int4", "--json").object()
    let layers = try #require(object["layers"] as? [[String: Any]])
    let none = try #require(layers.first { $0["name"] as? String == "none" })
    #expect(none["relativeError"] is NSNull)
    #expect((none["note"] as? String)?.contains("all of its 256 numbers are NaN or infinite") == true)
    // The other layer alone is what the damage is of.
    #expect((object["estimate"] as? [String: Any])?["value"] as? Double == 1)
    let screen = try Program.run("open", path, "--script", ":bits 4<Enter><Wait>", "--size", "120x30")
    #expect(screen.output.contains("int4 g32 !"))
  }

  @Test func aPackedModelWithAnyGroupSizeInItsConfigIsRead() throws {
    let result = try Program.run("inspect", Fixtures.fixture("hostile/mlx-overflow"), "--json")
    #expect(result.status == 0 && result.signal == nil, "\(result.errors)")
  }

  @Test func numbersOfDoublePrecisionGoIntoGGUF() throws {
    let header = #"{"a.weight":{"dtype":"F64","shape":[4,4],"data_offsets":[0,128]}}"#
    let numbers = (0..<16).flatMap { index in
      withUnsafeBytes(of: (Double(index) - 7.5).bitPattern.littleEndian) { Array($0) }
    }
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    let path = try folder.write(length + Array(header.utf8) + numbers, to: "double.safetensors")
    let out = folder.path("double.gguf")
    let result = try Program.run(
      "export", path, "--set", "*=keep,sparsity=0.5", "--to", "gguf", "-o", out, "--verify")
    #expect(result.status == 0 && result.signal == nil, "\(result.errors)")
    // The eight of the least magnitude are zeros now.
    let stored = try #require(folder.bytes(of: "double.gguf")).suffix(128)
    let values = stride(from: 0, to: 128, by: 8).map { at in
      Double(bitPattern: Array(stored)[at..<at + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
    #expect(values == (0..<16).map { abs(Double($0) - 7.5) < 4 ? 0 : Double($0) - 7.5 })
  }

  /// A tokenizer and a config beside a small Llama: each number that is none of its kind is an error or a note.
  @Test(arguments: [
    [("\"vocab_size\": 1024", "\"vocab_size\": -1")],
    [("\"vocab_size\": 1024", "\"vocab_size\": 9223372036854775807")],
    [
      ("\"head_dim\": 64", "\"head_dim\": 2147483648"),
      ("\"rope_scaling\": null", "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 1e300}"),
    ],
    [
      ("\"num_attention_heads\": 4", "\"num_attention_heads\": 2147483647"), ("\"head_dim\": 64", "\"head_dim\": null"),
    ],
    [("\"rope_theta\": 10000.0", "\"rope_theta\": 1e400")],
    [("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 65536")],
  ])
  func aConfigOfNumbersThatNoModelHasIsAnErrorOrANote(_ changes: [(String, String)]) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: Program.llama) {
      try FileManager.default.copyItem(atPath: "\(Program.llama)/\(name)", toPath: folder.path(name))
    }
    var text = String(decoding: try #require(folder.bytes(of: "config.json")), as: UTF8.self)
    for (old, new) in changes {
      #expect(text.contains(old))
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write(text, to: "config.json")
    for arguments in [
      ["export", folder.path, "--set", "*=q8_0", "--to", "gguf", "-o", folder.path("out.gguf")],
      ["evaluate", folder.path, "--data", Fixtures.sample("shakespeare-test.txt"), "--context", "16"],
    ] where !(changes[0].0.contains("vocab") && arguments[0] == "evaluate") {
      let result = try Program.run(arguments)
      #expect(result.signal == nil, "\(result.errors)")
    }
  }
}
