import Checkpoints
import Compression
import FileAccess
import Foundation
import Support
import Testing

@testable import Workbench

@Suite struct ConfigExportTests {
  private func json(_ session: Session, _ target: String) throws -> JSONValue {
    try JSONValue(text: session.export(to: .named(target), path: "out.json").text, path: target)
  }

  @Test func everyTargetOfTheContractIsListed() {
    let names = [
      "lathe", "llama.cpp", "llm-compressor", "compressed-tensors-config", "mlx-config", "onnxruntime", "coremltools",
      "torchao", "gptqmodel", "auto-round", "exllamav3", "csv", "markdown", "json", "gguf", "safetensors",
    ]
    #expect(Target.all.map(\.name) == names)
    for target in Target.all { #expect(!target.summary.isEmpty) }
  }

  @Test func mlxNamesEveryModuleAndTheLeastGroupStandsAtTheTop() throws {
    var session = try Models.llama()
    try session.set(
      "*_proj=int4,group=128,affine", "*.1.mlp.down_proj=int3,group=32,affine", "*.2.mlp.down_proj=ocp-mxfp4")
    let config = try #require(try json(session, "mlx-config")["quantization"])
    // mlx-lm passes layers over whose columns are no multiple of the group at the top.
    #expect(config["group_size"]?.int == 32 && config["bits"]?.int == 4 && config["mode"]?.string == "affine")
    #expect(config["lm_head"]?.bool == false && config["model.embed_tokens"]?.bool == false)
    let three = config["model.layers.1.mlp.down_proj"]
    #expect(three?["bits"]?.int == 3 && three?["group_size"]?.int == 32)
    let four = config["model.layers.2.mlp.down_proj"]
    #expect(four?["mode"]?.string == "mxfp4" && four?["bits"]?.int == 4 && four?["group_size"]?.int == 32)
    #expect(config["model.layers.0.self_attn.q_proj"]?["group_size"]?.int == 128)
    #expect(config.members.count == 3 + 23)
    #expect(try json(session, "mlx-config")["quantization_config"]?.members.count == config.members.count)
  }

  @Test func theSameConfigComesFromGGUFsNames() throws {
    var folder = try Models.llama()
    var file = try Models.llamaGGUF()
    try folder.set("*down_proj=int4,group=64,affine", "model.embed_tokens=int8,group=64,affine")
    try file.set("*ffn_down=int4,group=64,affine", "token_embd=int8,group=64,affine")
    let ours = try #require(try json(file, "mlx-config")["quantization"])
    let theirs = try #require(try json(folder, "mlx-config")["quantization"])
    #expect(ours.members.count == theirs.members.count)
    for block in 0..<3 {
      let name = "model.layers.\(block).mlp.down_proj"
      #expect(ours[name]?["bits"]?.int == 4 && theirs[name]?["bits"]?.int == 4)
      #expect(ours["model.layers.\(block).self_attn.o_proj"]?.bool == false)
    }
    #expect(ours["model.embed_tokens"]?["bits"]?.int == 8 && ours["lm_head"]?.bool == false)
  }

  @Test func gptqmodelsPatternsAreNamesThatItTakesAsSuch() throws {
    var session = try Models.llama()
    try session.set("*_proj=int4,group=128", "*.1.mlp.down_proj=int8,channel,affine")
    let config = try json(session, "gptqmodel")
    let dynamic = try #require(config["dynamic"])
    #expect(config["bits"]?.int == 4 && config["group_size"]?.int == 128 && config["sym"]?.bool == true)
    #expect(dynamic["-:^lm_head$"] != nil)
    let one = dynamic[#"^model\.layers\.1\.mlp\.down_proj$"#]
    #expect(one?["bits"]?.int == 8 && one?["group_size"]?.int == -1 && one?["sym"]?.bool == false)
    #expect(dynamic.members.count == 22)
  }

  @Test func compressedTensorsGroupsLayersOfOneScheme() throws {
    var session = try Models.llama()
    try session.set("*self_attn*=int4,group=64", "*mlp*=fp8-e4m3")
    let config = try #require(try json(session, "compressed-tensors-config")["quantization_config"])
    #expect(config["format"]?.string == "mixed-precision" && config["ignore"]?.elements.count == 1)
    let groups = try #require(config["config_groups"])
    #expect(groups.members.count == 2)
    let strategies = ["group_0", "group_1"].map { groups[$0]?["weights"]?["strategy"]?.string }
    #expect(Set(strategies) == ["group", "channel"])
    let targets = ["group_0", "group_1"].flatMap { groups[$0]?["targets"]?.elements ?? [] }
    #expect(targets.count == 21)
  }

  @Test func llmCompressorsPruningsHaveKeysOfTheirOwn() throws {
    var session = try Models.llamaGGUF()
    let path = fixture("importances/shakespeare.gguf")
    try session.weigh(by: ImportanceFile(path: path), path: path)
    try session.set(
      "*attn_q=int8,channel,sparsity=wanda:2:4", "*attn_k=int8,channel,sparsity=wanda:2:4",
      "*attn_v=int8,channel,sparsity=wanda:2:4", "*attn_output=keep,sparsity=wanda:0.3")
    let text = try session.export(to: .named("llm-compressor"), path: "r.yaml").text
    #expect(
      text.contains(
        "  pruning_0_modifiers:\n    WandaPruningModifier:\n      sparsity: 0.5\n      mask_structure: \"2:4\""))
    #expect(
      text.contains(
        "  pruning_1_modifiers:\n    WandaPruningModifier:\n      sparsity: 0.3\n      mask_structure: \"0:0\""))
    #expect(text.contains("      ignore:\n        - \"lm_head\"\n"))
    #expect(text.components(separatedBy: "QuantizationModifier:").count == 2)
  }

  @Test func exllamav3CoversEveryLayerButTheHead() throws {
    var session = try Models.llama()
    try session.set("*_proj=int3,group=32", "lm_head=int6,channel")
    let lines = try session.export(to: .named("exllamav3"), path: "r.yaml").text.split(separator: "\n")
    #expect(lines.contains("head_bits: 6") && lines.contains("tensors:"))
    #expect(lines.count { $0.hasSuffix(": 3") } == 21 && !lines.contains { $0.contains("lm_head") })
    #expect(!lines.contains { $0.contains("embed_tokens") })
  }

  @Test func coremltoolsHasAFileAPassAndNoOthers() throws {
    var session = try Models.digitsAsSafetensors()
    try session.set("conv1=kmeans4,tensor", "fc1=int4,group=32", "fc2=keep,threshold=0.05")
    let export = try session.export(to: .named("coremltools"), path: "out/")
    #expect(
      export.files.map(\.path) == [
        "out/prune_threshold.yaml", "out/palettize.yaml", "out/quantize.yaml", "out/apply.py",
      ])
    let texts = export.files.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(texts[0].contains("  fc2_weight: {threshold: 0.05, minimum_sparsity_percentile: 0.0, weight_threshold: 0}"))
    #expect(texts[1].contains("  conv1_weight: {mode: kmeans, nbits: 4, granularity: per_tensor, weight_threshold: 0}"))
    #expect(
      texts[2].contains("  fc1_weight: {mode: linear_symmetric, dtype: int4, granularity: per_block, block_size: 32,"))
    #expect(!texts[3].contains("prune_magnitude"))
  }

  @Test func onnxruntimeHasNodesForProductsAndTensorsForTheRest() throws {
    var session = try Models.digits()
    try session.set("/conv1/Conv=int8,channel", "/fc1/Gemm=int8,tensor,affine")
    let export = try session.export(to: .named("onnxruntime"), path: "q.py")
    #expect(export.files.map(\.path) == ["q.py", "q.json"])
    #expect(String(decoding: export.files[0].bytes, as: UTF8.self).contains("with_name(\"q.json\")"))
    let recipe = try JSONValue(text: String(decoding: export.files[1].bytes, as: UTF8.self), path: "q.json")
    #expect(recipe["tensors"]?["nodes"]?.elements.map(\.string) == ["/conv1/Conv", "/fc1/Gemm"])
    let weights = recipe["tensors"]?["weights"]
    #expect(weights?["conv1.weight"]?["quant_type"]?.string == "QInt8" && weights?["conv1.weight"]?["axis"]?.int == 0)
    #expect(weights?["fc1.weight"]?["quant_type"]?.string == "QUInt8" && weights?["fc1.weight"]?["axis"] == nil)
    #expect(recipe["groups"]?.members.count == 0 && recipe["keep"]?.elements.isEmpty == true)
  }

  /// Each scheme that a sheet accepts, on a layer of its kind: the texts come out whole.
  @Test(arguments: ConfigTarget.all.map(\.name).filter { !["csv", "markdown", "json"].contains($0) })
  func everySchemeThatATargetTakesIsWritten(name: String) throws {
    let target = Target.named(name)
    var session = try name == "onnxruntime" ? Models.digits() : Models.llama()
    let layer = name == "onnxruntime" ? "/conv2/Conv" : "model.layers.0.mlp.down_proj"
    var written = 0
    for (layers, specs) in try #require(target.config).accepted {
      let kinds = Set(layers.components(separatedBy: ", "))
      guard !kinds.isDisjoint(with: ["any", "linear", "Conv"]) else { continue }
      for spec in specs where spec != "keep" {
        let scheme = try Scheme(spec: spec.replacing("group=N", with: "group=64"))
        guard try session.item(layer).obstacle(to: scheme) == nil else { continue }
        try session.set("\(layer)=\(scheme)")
        let export = try session.export(to: target, path: "out/")
        written += 1
        for file in export.files {
          let text = String(decoding: file.bytes, as: UTF8.self)
          #expect(!text.contains("{{") && !text.contains(": ,") && !text.contains(": }"), "\(scheme): \(text)")
          if file.path.hasSuffix(".json") { _ = try JSONValue(text: text, path: "\(scheme)") }
        }
      }
    }
    #expect(written > 5)
  }

  // MARK: What does not fit

  @Test(arguments: [
    ("mlx-config", "int7,group=64,affine", "no int7 for mlx-lm: it takes int2, int3, int4, int5, int6, int8"),
    (
      "mlx-config", "int4,group=16,affine",
      "no groups of 16 for mlx-lm: it takes groups of 32, groups of 64, groups of 128"
    ),
    ("mlx-config", "int4,channel,affine", "no channels for mlx-lm: it takes groups"),
    ("mlx-config", "int4,group=64", "no symmetric for mlx-lm: it takes affine"),
    ("mlx-config", "int4,group=64,affine,range=mse", "no range=mse for mlx-lm: it takes range=minmax"),
    ("mlx-config", "int4,group=64,affine,scale=pow2", "type of scales"),
    ("mlx-config", "int4,group=64,affine,sparsity=0.5", "no sparsity"),
    ("mlx-config", "int4,group=64,affine,coding=huffman", "no entropy coding"),
    ("mlx-config", "q4_0", "no q4_0 for mlx-lm"),
    ("gptqmodel", "int4,tensor", "no one scale a tensor"),
    ("llm-compressor", "int4,group=64,sparsity=0.5", "wanda:0.3"),
    ("torchao", "nf4", "no nf4"),
    ("coremltools", "int3,channel", "no int3 for coremltools: it takes int4, int8"),
    ("exllamav3", "kmeans4", "no kmeans4"),
  ])
  func whatAToolHasNoKernelForIsRefusedWithTheReason(target: String, spec: String, reason: String) throws {
    var session = try Models.llama()
    try session.set("model.layers.1.mlp.down_proj=\(spec)")
    #expect { try session.export(to: .named(target), path: "o") } throws: { error in
      let text = "\(error)"
      return text.contains("model.layers.1.mlp.down_proj: ") && text.contains(reason) && !text.contains("layers.0.")
    }
  }

  @Test func everyLayerThatDoesNotFitIsNamed() throws {
    var session = try Models.llama()
    try session.set("*_proj=int4,group=16,affine")
    #expect { try session.export(to: .named("mlx-config"), path: "o") } throws: { error in
      "\(error)".split(separator: "\n").count == 1 + 21 + 1
    }
  }

  @Test func whatARuntimeFusesMustAgree() throws {
    for target in ["llm-compressor", "compressed-tensors-config", "gptqmodel", "auto-round"] {
      var session = try Models.llama()
      try session.set("*_proj=int4,group=64", "*.1.self_attn.v_proj=int8,group=64")
      #expect { try session.export(to: .named(target), path: "o") } throws: { error in
        "\(error)".contains("runs q_proj, k_proj, v_proj as one")
          && "\(error)".contains("model.layers.1.self_attn.v_proj int8,group=64") && !"\(error)".contains("layers.0.")
      }
    }
    // What fuses nothing takes it.
    var session = try Models.llama()
    try session.set("*_proj=int4,group=64", "*.1.self_attn.v_proj=int8,group=64")
    _ = try session.export(to: .named("torchao"), path: "o")
  }

  @Test func routersOfExpertsStay() throws {
    let folder = try ScratchFolder()
    var generator = SeededGenerator(3)
    let names = ["mlp.gate", "mlp.experts.0.down_proj", "mlp.experts.1.down_proj", "self_attn.o_proj"]
    let tensors = names.map { ("model.layers.0.\($0).weight", [64, 64], generator.gaussian(64 * 64)) }
    var session = Session(try Checkpoint.open(try folder.write(safetensors(tensors), to: "moe.safetensors")))
    // No pattern means a router; one that is named is refused by the tool.
    try session.set("*=int4,group=64")
    #expect(session.recipe.choices.count == 3 && session.recipe.choices["model.layers.0.mlp.gate"] == nil)
    try session.set("model.layers.0.mlp.gate=int4,group=64")
    #expect { try session.export(to: .named("llm-compressor"), path: "r") } throws: { "\($0)".contains("0.mlp.gate: ") }
    try session.set("model.layers.0.mlp.gate=keep")
    let text = try session.export(to: .named("exllamav3"), path: "r").text
    #expect(!text.contains("mlp.gate") && text.contains("experts.1.down_proj"))
  }

  @Test func aModelWithoutTheToolsNamesIsRefused() throws {
    let folder = try Models.llama()
    #expect { try folder.export(to: .named("onnxruntime"), path: "o") } throws: { "\($0)".contains("is no ONNX model") }
  }

  @Test func aQuantisedWeightCannotBeKeptByAToolThatStartsFromFloats() throws {
    let file = try Session(Checkpoint.open(fixture("formats/types.gguf")))
    #expect(throws: WorkbenchError.self) { try file.export(to: .named("mlx-config"), path: "o") }
  }

  // MARK: Files and places

  @Test(arguments: [
    ("o.json", ["o.json", "o.py"]), ("o.py", ["o.json", "o.py"]), ("o", ["o", "o.py"]),
    ("a/", ["a/config.json", "a/quantize.py"]),
  ])
  func theFirstTextGoesWhereItWasAsked(path: String, places: [String]) throws {
    var session = try Models.llama()
    try session.set("*_proj=int4,group=64,affine")
    #expect(try session.export(to: .named("mlx-config"), path: path).files.map(\.path) == places)
  }

  @Test func tablesTellEveryLayer() throws {
    var session = try Models.llama()
    try session.set("*_proj=int4,group=64", "model.norm=f16")
    session.settle(session.estimateQuestions)
    let csv = try session.export(to: .named("csv"), path: "t.csv").text.split(separator: "\n")
    #expect(csv.count == 1 + 24 && csv[0].hasPrefix("layer,tensor,shape,"))
    #expect(csv.contains { $0.hasPrefix("model.layers.0.mlp.down_proj,") && $0.contains("\"int4,group=64\"") })
    let table = try json(session, "json")
    #expect(table["bytes"]?.int == session.estimate.bytes && table["layers"]?.elements.count == 24)
    let layer = try #require(table["layers"]?.elements.first { $0["name"]?.string == "model.layers.0.mlp.down_proj" })
    let item = try #require(session.item(named: "model.layers.0.mlp.down_proj"))
    #expect(layer["relativeError"]?.double == session.relativeError(of: item, in: session.scheme(of: item)))
    #expect(try session.export(to: .named("markdown"), path: "t.md").text.contains("| model.norm |"))
  }

  @Test func estimateCountsTheBytesThatAreWritten() throws {
    let folder = try ScratchFolder()
    var session = try Models.llama()
    try session.set("*_proj=int4,group=64,affine")
    let export = try session.write(.named("mlx-config"), to: folder.path("c.json"))
    let written = try ["c.json", "c.py"].map { try Data(contentsOf: URL(fileURLWithPath: folder.path($0))).count }
    #expect(export.byteCount == written.reduce(0, +))
    try session.verify(.named("mlx-config"), at: folder.path("c.json"))
  }
}

@Suite struct SheetTests {
  private let least = """
    name x
    summary y
    tool Tool
    checked with the tool
    accept any : int{4,8},group={32,64} : kind=a
    === out.txt
    {{#layers}}
    {{name}} {{bits}} {{group}} {{kind}}
    {{/layers}}
    === use
    run {{shell(path)}}
    """

  @Test func aSheetOfOnesOwnIsATarget() throws {
    let folder = try ScratchFolder()
    let path = folder.path("own.target")
    try Data(least.utf8).write(to: URL(fileURLWithPath: path))
    var session = try Models.llama()
    try session.set("lm_head=int8,group=64")
    let export = try session.export(to: Target(name: path), path: "out put")
    #expect(export.text.hasPrefix("lm_head 8 64 a\n"))
    #expect(export.usage == "run 'out put'")
  }

  /// Found by fuzzing: the second text took the place of the first in a table of names.
  @Test func aSheetWithTwoTextsOfOneNameIsRefused() throws {
    let head = "name a\nsummary b\ntool c\nchecked d\naccept linear : int4,channel\n"
    #expect { try ConfigTarget(sheet: head + "=== x.json\n{}\n=== x.json\n{}\n", path: "s.target") } throws: {
      "\($0)".contains("s.target: === x.json: there are two texts called")
    }
  }

  @Test func theReadmesSheetIsOne() throws {
    let readme = try String(contentsOf: Fixtures.root.appending(path: "README.md"), encoding: .utf8)
    let blocks = readme.components(separatedBy: "```\n")
    let sheet = try #require(blocks.first { $0.hasPrefix("name     my-tool") })
    let target = Target(try ConfigTarget(sheet: sheet, path: "README.md"))
    var session = try Models.llama()
    try session.set("*_proj=int4,group=64", "*down_proj=int8,channel")
    let layers = try JSONValue(text: session.export(to: target, path: "bits.json").text, path: "bits.json")
    #expect(layers["lm_head"]?.int == 16 && layers["model.layers.0.mlp.down_proj"]?.int == 8)
    // Every target is in the table.
    for target in Target.all { #expect(readme.contains("`\(target.name)`"), "\(target.name)") }
  }

  @Test(arguments: [
    ("any : int{4,8},group={32,64} : kind=a", "any", "expected KINDS : SCHEMES"), ("int{4,8}", "int9", "int9"),
    ("tool Tool", "tol Tool", "expected one of"), ("tool Tool\n", "", "there is no tool"),
    ("{{/layers}}", "", "x.target, out.txt"), ("checked with", "names nowhere\nchecked with", "names nowhere"),
    ("=== out.txt", "note", "expected one of"),
  ])
  func aSheetThatIsWrongSaysWhere(old: String, new: String, words: String) {
    let text = least.replacing(old, with: new)
    #expect {
      _ = try ConfigTarget(sheet: text, path: "x.target")
    } throws: { "\($0)".contains("x.target") && "\($0)".contains(words) }
  }

  @Test func bracesStandForEveryCombination() {
    #expect(
      Acceptance.expand("int{4,8},group={32,64}") == [
        "int4,group=32", "int4,group=64", "int8,group=32", "int8,group=64",
      ])
    #expect(Acceptance.expand("int4{,,affine}") == ["int4", "int4", "int4affine"])
  }

  @Test(arguments: [
    ("json", "a\"b\\c\n\u{1}ü", #""a\"b\\c\n\u0001ü""#), ("regex", "a.b[0]", #"a\.b\[0\]"#),
    ("regex_json", "a.b", #"a\\.b"#),
    ("csv", "a,b\"c", #""a,b""c""#), ("csv", "plain", "plain"), ("cell", "a|b", #"a\|b"#), ("shell", "a b", "'a b'"),
  ])
  func wordsAreWrittenAsTheirPlaceWants(transform: String, text: String, expected: String) throws {
    let rendered = try ConfigTemplate.render("{{\(transform)(word)}}", ["word": TemplateWord(text)], "test")
    #expect(rendered == expected)
  }
}
