import Compression
import Support
import Testing

@testable import Workbench

/// With a target chosen, errors and sizes are those of the numbers that its tool makes.
@Suite struct ToolNumbersTests {
  @Test(arguments: [
    ("mlx-config", "int4,group=64,affine", "int4,group=64,edge"),
    ("mlx-config", "int4,group=64,edge", "int4,group=64,edge"),
    ("llm-compressor", "int4,group=128", "int4,group=128,symmetric-full,rounds=sum"),
    ("llm-compressor", "int4,group=128,affine", "int4,group=128,affine,rounds=sum"),
    ("llm-compressor", "int4,group=128,symmetric-full,rounds=sum", "int4,group=128,symmetric-full,rounds=sum"),
    ("compressed-tensors-config", "int8,channel", "int8,channel,symmetric-full,rounds=sum"),
    ("gptqmodel", "int4,group=128,symmetric-full", "int4,group=128,symmetric-full"),
    ("auto-round", "int4,group=128", "int4,group=128,symmetric-signed"),
    ("torchao", "int4,group=32", "int4,group=32,symmetric-full,rounds=product"),
    ("torchao", "int8,channel", "int8,channel,symmetric-full"),
    ("coremltools", "int8,channel", "int8,channel,rounds=quotient"), ("llama.cpp", "q4_0", "q4_0"),
    ("csv", "int4,group=32", "int4,group=32"), ("mlx-config", "ocp-mxfp4", "ocp-mxfp4,exponent=above"),
    ("mlx-config", "nvidia-nvfp4", "nvidia-nvfp4,tensor-scale=none"), ("csv", "ocp-mxfp4", "ocp-mxfp4"),
  ])
  func whatALanguageModelsLayerBecomes(_ target: String, _ told: String, _ made: String) throws {
    var session = try Models.llama()
    try session.aim(at: .named(target))
    let item = try session.item("model.layers.0.mlp.gate_proj")
    let scheme = try Scheme(spec: told)
    #expect(session.targetObstacle(to: scheme, of: item) == nil)
    #expect(session.made(scheme, of: item).description == made)
    // What the tool does not take stays as it is said.
    #expect(
      session.made(try Scheme(spec: "kmeans3"), of: item).description == (try Scheme(spec: "kmeans3").description))
  }

  @Test(arguments: [
    ("int4,channel", "int4,channel,symmetric-full,scale=fp32"), ("int8,channel", "int8,channel,scale=fp32"),
    ("int8,tensor,affine", "int8,tensor,affine,scale=fp32"),
    ("int4,channel,symmetric-full", "int4,channel,symmetric-full,scale=fp32"),
  ])
  func whatOnnxruntimeMakesOfANetworkOfFloats(_ told: String, _ made: String) throws {
    var session = try Models.digits()
    try session.aim(at: .named("onnxruntime"))
    let item = try session.item("/fc1/Gemm")
    #expect(session.made(try Scheme(spec: told), of: item).description == made)
  }

  @Test func errorsSizesAndTheModelThatIsRunAreTheTools() throws {
    var plain = try Models.digits()
    try plain.set("*=int4,channel")
    var aimed = plain
    try aimed.aim(at: .named("onnxruntime"))
    plain.settle(plain.estimateQuestions)
    aimed.settle(aimed.estimateQuestions)
    let item = try plain.item("/fc1/Gemm")
    let scheme = plain.scheme(of: item)
    let other = try Scheme(spec: "int4,channel,symmetric-full,scale=fp32")
    var exact = try Models.digits()
    try exact.set("*=int4,channel,symmetric-full,scale=fp32")
    exact.settle(exact.estimateQuestions)
    #expect(aimed.relativeError(of: item, in: scheme) == exact.relativeError(of: item, in: other))
    #expect(aimed.relativeError(of: item, in: scheme) != plain.relativeError(of: item, in: scheme))
    #expect(aimed.estimate.bytes == exact.estimate.bytes && aimed.estimate.bytes > plain.estimate.bytes)
    #expect(try aimed.reconstruction(of: item) == exact.reconstruction(of: item))
    // The unit of the damage is no tool's.
    #expect(aimed.relativeError(of: item, inExactly: Estimate.unit) == plain.relativeError(of: item, in: Estimate.unit))
    // Without the target all is as before.
    try aimed.aim(at: nil)
    #expect(aimed.estimate.bytes == plain.estimate.bytes)
  }

  /// An arithmetic that rounds is no tool's but its own, and has no place in the table of errors.
  @Test func anArithmeticThatRoundsIsToldApart() throws {
    var session = try Models.llama()
    let item = try session.item("model.layers.0.mlp.gate_proj")
    session.settle([.survey(item.id)])
    let scheme = try Scheme(spec: "int8,group=32,affine")
    #expect(session.relativeError(of: item, in: scheme) != nil)
    try session.aim(at: .named("llm-compressor"))
    #expect(session.relativeError(of: item, in: scheme) == nil)
    session.settle([.assessment(item.id, session.made(scheme, of: item))])
    let told = try #require(session.relativeError(of: item, in: scheme))
    #expect(told > session.relativeError(of: item, inExactly: scheme)!)
    for (target, spec) in [
      ("llm-compressor", "int8,group=32,rounds=product"), ("mlx-config", "int8,group=32,affine,rounds=sum"),
      ("coremltools", "int8,channel,scale=bf16"),
    ] {
      try session.aim(at: .named(target))
      #expect(session.targetObstacle(to: try Scheme(spec: spec), of: item) != nil, "\(target) \(spec)")
    }
  }

  /// Core ML has no bfloat16: such models are converted first.
  @Test func floatsThatAToolHasNotAreConverted() throws {
    let folder = try ScratchFolder()
    var session = Session(try TorchGridTests.checkpoint("bf16", in: folder))
    let item = session.items[0]
    for (target, made) in [
      ("coremltools", "int8,channel,scale=fp32"), ("torchao", "int8,channel,symmetric-full,scale=bf16"),
      ("llm-compressor", "int8,channel,symmetric-full,scale=bf16,rounds=sum"),
      ("gptqmodel", "int8,channel,symmetric-full"),
    ] {
      try session.aim(at: .named(target))
      #expect(session.made(try Scheme(spec: "int8,channel"), of: item).description == made)
    }
  }

  @Test func theTableOfErrorsAsksForWhatTheToolTakes() throws {
    var session = try Models.llama()
    let item = try session.item("model.layers.0.mlp.gate_proj")
    #expect(session.toolQuestions(about: item).isEmpty)
    try session.aim(at: .named("mlx-config"))
    let questions = session.toolQuestions(about: item)
    // Six widths in groups of 32, 64 and 128.
    #expect(questions.count == 18)
    session.settle(questions)
    #expect(session.toolQuestions(about: item).isEmpty)
  }

  @Test func aSheetSaysGridAndScale() throws {
    func sheet(_ fields: String) throws -> ConfigTarget {
      try ConfigTarget(
        sheet: """
          name x
          summary x
          tool x 1
          checked no
          accept linear : int4,group=32 : \(fields)
          === x.txt
          x
          """, path: "x.target")
    }
    #expect(
      try sheet("grid=symmetric-signed scale=bf16").madeNumbers == [
        "int4,group=32 becomes int4,group=32,symmetric-signed, scales in bf16"
      ])
    #expect(
      try sheet("scale=floats rounds=sum").madeNumbers == [
        "scales and codes in the type of the model's floats"
      ])
    #expect(throws: WorkbenchError.self) { try sheet("grid=round") }
    #expect(throws: WorkbenchError.self) { try sheet("scale=floats rounds=up") }
    #expect(throws: WorkbenchError.self) { try sheet("scale=fp12") }
    #expect(throws: WorkbenchError.self) { try sheet("stored=paper") }
  }

  /// 10 outputs of 101 inputs: runs that fill no whole word of 32 bits.
  @Test(arguments: [
    ("packed", "int3,channel", 10 * 40 + 10 * 2 + 16), ("packed", "int3,channel,affine", 10 * 40 + 10 * 2 + 4 + 16),
    ("packed", "int5,tensor,affine", 10 * 64 + 2 + 1 + 16), ("packed", "fp8-e4m3,channel", nil),
    ("bytes", "int3,channel", 10 * 101 + 10 * 2 + 10), ("bytes-fp32", "int8,channel", 10 * 101 + 10 * 4 + 10),
    ("bytes", "fp8-e4m3,channel", 10 * 101 + 10 * 2), ("bytes", "fp8-e4m3,tensor", 10 * 101 + 2),
    ("bytes", "ocp-mxfp8", nil), ("bytes", "q8_0", nil), ("ordered", "int4,channel", 10 * 52 + 8 + 10 * 2),
    ("gptq", "int4,channel", 10 * 52 + 8 + 10 * 2 + 101 * 4),
  ])
  func bytesAreCountedAsTheyAreStored(_ word: String, _ spec: String, _ bytes: Int?) throws {
    let stored = try #require(ToolNumbers.Stored(rawValue: word))
    let format = try Scheme(spec: spec).format
    #expect(stored.bytes(of: format, rows: 10, columns: 101, floats: .bf16) == bytes)
    // What no file holds is no number.
    #expect(stored.bytes(of: format, rows: .max, columns: .max, floats: .bf16) == nil)
    #expect(stored.bytes(of: format, rows: 0, columns: 101, floats: .bf16) == nil)
  }

  /// A config that compressed-tensors reads, and llm-compressor's recipe, have the same numbers and sizes.
  @Test func compressedTensorsAreLLMCompressors() throws {
    var (one, other) = (try Models.llama(), try Models.llama())
    try one.aim(at: .named("llm-compressor"))
    try other.aim(at: .named("compressed-tensors-config"))
    let item = try one.item("model.layers.0.mlp.gate_proj")
    for spec in Set(TorchGridTests.rows.filter { $0.tool == "llm-compressor" }.map(\.spec)) {
      let scheme = try Scheme(spec: spec)
      #expect(one.made(scheme, of: item) == other.made(scheme, of: item), "\(spec)")
      #expect(one.bytes(of: item, in: scheme).bytes == other.bytes(of: item, in: scheme).bytes, "\(spec)")
    }
  }
}
