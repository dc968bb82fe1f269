import Foundation
import Support
import Testing

/// What is wrong is said in a line or three that name it, with the contract's status and nothing on standard output.
@Suite struct BadInputTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func expect(
    _ status: Int32, naming names: [String], lines: ClosedRange<Int> = 1...3, _ result: Program.Result,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(result.signal == nil, sourceLocation: location)
    #expect(result.status == status, sourceLocation: location)
    #expect(result.output.isEmpty, sourceLocation: location)
    #expect(lines.contains(result.errorLines.count), "\(result.errors)", sourceLocation: location)
    for name in names { #expect(result.errors.contains(name), "\(result.errors)", sourceLocation: location) }
  }

  /// Every command that opens a model.
  private static func commands(_ model: String, _ folder: ScratchFolder) -> [[String]] {
    [
      ["inspect", model], ["inspect", model, "--json"], ["estimate", model, "--json"],
      ["open", model, "--script", "j"],
      ["export", model, "--to", "lathe", "-o", folder.path("out")], [model, "--script", "j"],
    ]
  }

  private func expectRefused(_ path: String, naming names: [String] = []) throws {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    for arguments in Self.commands(path, folder) {
      expect(1, naming: [file] + names, try Program.run(arguments))
    }
    #expect(!folder.names.contains("out"))
  }

  @Test func aFileThatIsNotThere() throws {
    try expectRefused(folder.path("none.gguf"), naming: ["No such file"])
  }

  @Test func aFolderWithoutAModel() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("nothing"), withIntermediateDirectories: false)
    try expectRefused(folder.path("nothing"), naming: ["no model"])
  }

  @Test func aTextFile() throws {
    try expectRefused(try folder.write("hello\nworld\n", to: "a.gguf"), naming: ["text file"])
  }

  @Test func anEmptyFile() throws {
    try expectRefused(try folder.write("", to: "zero.safetensors"), naming: ["empty"])
  }

  @Test(arguments: [
    "digits-cnn.safetensors", "digits-cnn.onnx", "shakespeare-llama-f16.gguf", "digits-test.npz",
  ])
  func aSampleCutAnywhere(name: String) throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: Fixtures.sample(name)))
    for length in [1, 7, 8, 30, 100, 500, 2_000, whole.count / 3, whole.count - 1] {
      let path = try folder.write(whole.prefix(length), to: "cut-\(length)-\(name)")
      expect(1, naming: ["cut-\(length)-\(name)"], try Program.run("inspect", path, "--json"))
    }
    #expect(try Program.run("inspect", Fixtures.sample(name), "--json").status == 0)
  }

  /// A header whose bytes were changed here and there: whatever comes of it, no signal and no long wait.
  @Test(arguments: ["digits-cnn.safetensors", "digits-cnn.onnx", "shakespeare-llama-f16.gguf"])
  func aSampleWithADamagedHeader(name: String) throws {
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.sample(name))))
    var generator = SeededGenerator(11)
    for trial in 0..<12 {
      var bytes = whole
      for _ in 0..<4 {
        bytes[Int.random(in: 0..<700, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      let path = try folder.write(bytes, to: "damaged-\(trial)")
      let result = try Program.run("inspect", path, "--json", "--header-only")
      #expect(result.signal == nil)
      if result.status == 0 {
        #expect(try !result.object().isEmpty)
      } else {
        expect(1, naming: ["damaged-\(trial)"], result)
      }
    }
  }

  @Test func aPatternThatMatchesNothing() throws {
    for command in ["estimate", "open", "export"] {
      var arguments = [command, Program.digits, "--set", "conv9*=int4"]
      if command == "open" { arguments += ["--script", "j"] }
      if command == "export" { arguments += ["--to", "lathe", "-o", folder.path("out")] }
      expect(1, naming: ["conv9*"], lines: 1...1, try Program.run(arguments))
    }
    #expect(folder.names.isEmpty)
  }

  @Test(arguments: [
    "*=int9", "*=int4,foo", "*=int4,group=0", "*=int4,sparsity=2", "*", "=int4", "*=int1,affine", "*=q8_1",
  ])
  func aSpecOrARuleThatIsNone(rule: String) throws {
    expect(2, naming: [rule], lines: 1...4, try Program.run("estimate", Program.digits, "--set", rule))
  }

  @Test func aSchemeThatALayerNamedExactlyCannotTake() throws {
    expect(
      1, naming: ["/conv1/Conv", "9 columns"],
      try Program.run("estimate", Program.digits, "--set", "conv1.weight=int4"))
  }

  @Test func aRecipeForAnotherModel() throws {
    let recipe = folder.path("llama.json")
    #expect(
      try Program.run("export", Program.llama, "--set", "*=q8_0", "--to", "lathe", "-o", recipe).status == 0)
    expect(
      1, naming: ["llama.json", "another model"],
      try Program.run("estimate", Program.digits, "--recipe", recipe))
    expect(
      1, naming: ["llama.json"], try Program.run("open", Program.digits, "--recipe", recipe, "--script", "j"))
  }

  @Test func aRecipeThatFitsInPartIsTakenAndTheRestListed() throws {
    let text =
      #"{"lathe":1,"model":"m","format":"onnx","layers":{"/fc1/Gemm":{"scheme":"int4","by":"user","shape":[64,256]},"/fc7/Gemm":{"scheme":"int4","by":"user","shape":[64,256]}}}"#
    let result = try Program.run(
      "estimate", Program.digits, "--recipe", try folder.write(text, to: "r.json"), "--json")
    #expect(result.status == 0)
    #expect(result.errorLines.count == 1 && result.errors.contains("/fc7/Gemm"))
    #expect(try !result.object().isEmpty)
  }

  @Test func aRecipeThatIsNoneOrNotThere() throws {
    let path = try folder.write("no recipe", to: "r.json")
    expect(1, naming: ["r.json"], try Program.run("estimate", Program.digits, "--recipe", path))
    expect(
      1, naming: ["none.json"],
      try Program.run("estimate", Program.digits, "--recipe", folder.path("none.json")))
  }

  @Test(arguments: ["nonsense", "80", "80x", "x24", "-80x24", "80x24x3", "0x0", "99999999999999999999x1", ""])
  func aSizeThatIsNone(size: String) throws {
    let result = try Program.run("open", Program.digits, "--script", "j", "--size=\(size)")
    expect(2, naming: ["--size"], lines: 1...4, result)
  }

  @Test func aKeyThatIsNone() throws {
    expect(2, naming: ["<Foo>"], try Program.run("open", Program.digits, "--script", "j<Foo>"))
    expect(
      1, naming: ["none.keys"],
      try Program.run("open", Program.digits, "--script", "@\(folder.path("none.keys"))"))
  }

  @Test func aTargetThatIsUnknownOrNotYetWritten() throws {
    for target in ["nonsense", "onnx"] {
      let output = folder.path("out")
      expect(
        2, naming: [target, "lathe, llama.cpp"],
        try Program.run("export", Program.digits, "--to", target, "-o", output))
      expect(2, naming: [target], try Program.run("estimate", Program.digits, "--to", target))
    }
    #expect(folder.names.isEmpty)
  }

  @Test func anOutputThatCannotBeWritten() throws {
    let path = folder.path("no/such/out")
    expect(1, naming: [path], try Program.run("export", Program.digits, "--to", "lathe", "-o", path))
    expect(1, naming: [path], try Program.run("inspect", Program.digits, "--histogram", path))
    expect(1, naming: [path], try Program.run("open", Program.digits, "--script", "j", "--dump", path))
    expect(
      1, naming: [folder.path], try Program.run("export", Program.digits, "--to", "lathe", "-o", folder.path))
    #expect(folder.names.isEmpty)
  }

  @Test func wrongUsageIsStatusTwoWithTheUsage() throws {
    for arguments in [
      ["inspect"], ["inspect", Program.digits, "more"], ["estimate", Program.digits, "--nonsense"],
      ["export", Program.digits, "--to", "lathe"], ["estimate", Program.digits, "--fallback", "other"],
      ["open", Program.digits, "--dump", folder.path("d")],
    ] {
      let result = try Program.run(arguments)
      #expect(result.status == 2 && result.output.isEmpty)
      #expect(result.errors.contains("Usage:"))
    }
    #expect(try Program.run([]).status == 2)
  }

  @Test func helpAndVersionAreNoErrors() throws {
    for arguments in [["--help"], ["--version"], ["inspect", "--help"], ["help", "estimate"], ["schemes"]] {
      let result = try Program.run(arguments)
      #expect(result.status == 0 && !result.output.isEmpty && result.errors.isEmpty)
    }
  }

  @Test func aScreenWithoutATerminalIsOneClearLine() throws {
    expect(1, naming: ["not a terminal"], lines: 1...1, try Program.run(Program.digits))
    expect(1, naming: ["not a terminal"], lines: 1...1, try Program.run("open", Program.digits))
  }

  @Test func aReaderThatGoesAwayIsNoCrash() throws {
    let result = try Program.shell("\"$0\" inspect '\(Program.llama)' --json | head -c 100 >/dev/null")
    #expect(result.status == 0 && result.errors.isEmpty)
  }
}
