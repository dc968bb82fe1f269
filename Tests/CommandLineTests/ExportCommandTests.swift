import Checkpoints
import Foundation
import Support
import Testing

@Suite struct ExportCommandTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test func aRecipeComesBackToTheSameChoice() throws {
    let written = try Program.run(
      "export", Program.digits, "--set", "*=int5,channel,affine", "--set", "/fc1*=int4,group=64,sparsity=0.3",
      "--to",
      "lathe", "-o", folder.path("r.json"), "--verify")
    #expect(written.status == 0)
    #expect(folder.names == ["r.json"])
    let direct = try Program.run(
      "estimate", Program.digits, "--set", "*=int5,channel,affine", "--set",
      "/fc1*=int4,group=64,sparsity=0.3", "--json")
    let through = try Program.run("estimate", Program.digits, "--recipe", folder.path("r.json"), "--json")
    #expect(through.status == 0 && through.errors.isEmpty)
    #expect(direct.output == through.output)
  }

  /// A recipe's story goes on to what is made of it, unless it is not wanted, or the choice is another.
  @Test func aStoryGoesAlongUnlessItIsLeftOut() throws {
    let chosen = ["export", Program.digits, "--set", "*=int8,channel", "--to", "lathe", "-o"]
    #expect(try Program.run(chosen + [folder.path("plain.json")]).status == 0)
    let plain = String(decoding: try #require(folder.bytes(of: "plain.json")), as: UTF8.self)
    let told = plain.replacing(
      "\n}\n", with: ",\n  \"provenance\": {\"method\": \"search\", \"budgets\": [\"8x\"]}\n}\n")
    #expect(told != plain)
    try folder.write(told, to: "told.json")
    func exported(_ more: String...) throws -> String {
      let path = folder.path("out.json")
      let result = try Program.run(
        ["export", Program.digits, "--recipe", folder.path("told.json"), "--to", "lathe", "-o", path, "--verify"] + more
      )
      #expect(result.status == 0, "\(result.errors)")
      return String(decoding: try #require(folder.bytes(of: "out.json")), as: UTF8.self)
    }
    let again = try exported()
    #expect(again.contains("\"method\" : \"search\"") && again.contains("\"8x\""))
    #expect(try exported("--no-provenance") == plain)
    #expect(try !exported("--set", "/fc1*=int4,channel").contains("provenance"))
  }

  /// A tied model that is stored by its head alone is the same GGUF file.
  @Test func aHeadAloneBecomesTheEmbedding() throws {
    let alone = TemporaryFolder()
    let models = [
      fixture("transformers/qwen3"),
      try alone.copy("transformers/qwen3", renaming: "model.embed_tokens.weight", to: "lm_head.weight"),
    ]
    var tensors: [[String: [Float]]] = []
    for (index, model) in models.enumerated() {
      let path = folder.path("\(index).gguf")
      let result = try Program.run("export", model, "--to", "gguf", "-o", path)
      #expect(result.status == 0, "\(result.errors)")
      let written = try Checkpoint.open(path)
      tensors.append(try Dictionary(uniqueKeysWithValues: written.tensors.map { ($0.name, try written.floats($0)) }))
    }
    #expect(tensors[0]["token_embd.weight"] != nil && tensors[0] == tensors[1])
  }

  @Test func llamaCppsFileListsEveryMatrixAndTheCommandIsPrinted() throws {
    let result = try Program.run(
      "export", Program.llamaGGUF, "--set", "*=q4_0", "--set", "output=q8_0", "--to", "llama.cpp", "-o",
      folder.path("types.txt"), "--verify")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("llama-quantize "))
    #expect(result.output.contains(folder.path("types.txt")) && result.output.contains(Program.llamaGGUF))
    let lines = String(decoding: try #require(folder.bytes(of: "types.txt")), as: UTF8.self).split(
      separator: "\n")
    #expect(lines.count == 23)
    #expect(lines.contains(#"^output\.weight$=q8_0"#))
    #expect(lines.contains(#"^blk\.2\.ffn_down\.weight$=q4_0"#))
    #expect(!lines.contains { $0.contains("norm") })
  }

  @Test func aLayerThatLlamaCppCannotTakeIsNamedAndNothingIsWritten() throws {
    let result = try Program.run(
      "export", Program.llamaGGUF, "--set", "*=q4_0", "--set", "blk.1.ffn_up=int3", "--to", "llama.cpp", "-o",
      folder.path("types.txt"))
    #expect(result.status == 1)
    #expect(result.errors.contains("blk.1.ffn_up"))
    #expect(result.output.isEmpty)
    #expect(folder.names.isEmpty)
  }

  @Test func nothingIsWrittenBesideTheModel() throws {
    let model = try folder.write(try Data(contentsOf: URL(fileURLWithPath: Program.digits)), to: "m.onnx")
    for arguments in [
      ["inspect", model], ["estimate", model, "--set", "*=int4"], ["open", model, "--script", "j-"],
    ] {
      #expect(try Program.run(arguments).status == 0)
    }
    #expect(folder.names == ["m.onnx"])
  }

  /// The disk is full in the middle of the file: here the shell's limit on a file's size stands for it.
  @Test func aWriteThatFailsHalfwayLeavesTheOldFileAndNothingElse() throws {
    try folder.write("old", to: "bins.csv")
    let result = try Program.shell(
      "trap '' XFSZ; ulimit -f 8; exec \"$0\" inspect '\(Program.digits)' --histogram '\(folder.path("bins.csv"))'"
    )
    #expect(result.status == 1)
    #expect(result.errors.contains("bins.csv") && result.errorLines.count == 1)
    #expect(folder.bytes(of: "bins.csv") == Array("old".utf8))
    #expect(folder.names == ["bins.csv"])
  }

  @Test func aCheckpointIsWrittenAtTheSizeThatWasEstimatedAndReadBack() throws {
    let choice = ["--set", "*=q4_k", "--set", "lm_head=q6_k"]
    let written = try Program.run(
      ["export", Program.llama] + choice + ["--to", "gguf", "-o", folder.path("m.gguf"), "--verify"])
    #expect(written.status == 0)
    #expect(written.output == "llama-cli -m \(folder.path("m.gguf"))\n")
    #expect(written.errors.contains("read back"))
    #expect(folder.names == ["m.gguf"])
    let estimate = try Program.run(["estimate", Program.llama] + choice + ["--to", "gguf", "--json"]).object()
    #expect(estimate["bytes"] as? Int == folder.bytes(of: "m.gguf")?.count)
    let inspected = try Program.run("inspect", folder.path("m.gguf"), "--header-only", "--json").object()
    let tensors = try #require(inspected["tensors"] as? [[String: Any]])
    #expect(tensors.first { $0["name"] as? String == "output.weight" }?["dtype"] as? String == "Q6_K")
  }

  @Test func rowsThatAreNoMultipleOfTheBlockAreKeptAndListedOrHaveSubstitutes() throws {
    let kept = try Program.run(
      "export", Program.digits, "--set", "*=q4_k", "--to", "gguf", "-o", folder.path("kept.gguf"))
    #expect(kept.status == 0 && kept.errors.contains("no multiple of Q4_K's block of 256"))
    let replaced = try Program.run(
      "export", Program.digits, "--set", "*=q4_k", "--fallback", "llama.cpp", "--to", "gguf", "-o",
      folder.path("replaced.gguf"))
    #expect(replaced.status == 0)
    let small = try #require(folder.bytes(of: "replaced.gguf")).count
    #expect(try #require(folder.bytes(of: "kept.gguf")).count > small)
  }

  @Test func aDiskThatIsFullLeavesTheOldCheckpointWhole() throws {
    try folder.write("old", to: "m.gguf")
    let result = try Program.shell(
      "trap '' XFSZ; ulimit -f 512; exec \"$0\" export '\(Program.llamaGGUF)' --set '*=q8_0' --to gguf -o '\(folder.path("m.gguf"))'"
    )
    #expect(result.status == 1)
    #expect(result.errors.contains("m.gguf: cannot be written"))
    #expect(folder.bytes(of: "m.gguf") == Array("old".utf8))
    #expect(folder.names == ["m.gguf"])
  }

  /// Killed while it works, by a signal that cannot be caught and by two that can, on a model that takes longer than the
  /// test waits.
  @Test(arguments: ["KILL", "TERM", "INT"])
  func aKilledExportLeavesTheOldCheckpointWhole(signal: String) throws {
    try folder.write("old", to: "m.gguf")
    // 8 GB of zeros in a sparse file.
    let (rows, columns) = (1 << 17, 1 << 14)
    let header =
      "{\"w.weight\":{\"dtype\":\"F32\",\"shape\":[\(rows),\(columns)],\"data_offsets\":[0,\(4 * rows * columns)]}}"
    let padded = header + String(repeating: " ", count: 128 - header.utf8.count)
    var bytes = withUnsafeBytes(of: UInt64(128).littleEndian) { Array($0) }
    bytes += padded.utf8
    let model = try folder.write(bytes, to: "big.safetensors")
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: model))
    try file.truncate(atOffset: UInt64(136 + 4 * rows * columns))
    try file.close()
    let result = try Program.shell(
      "\"$0\" export '\(model)' --set '*=q2_k' --to gguf -o '\(folder.path("m.gguf"))' & child=$!; sleep 1; kill -\(signal) $child; wait $child"
    )
    #expect(result.status != 0)
    #expect(folder.bytes(of: "m.gguf") == Array("old".utf8))
    #expect(folder.names == ["big.safetensors", "m.gguf"])
  }

  @Test func theModelItselfIsNeverWrittenOver() throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: Program.digits))
    let model = try folder.write(bytes, to: "m.onnx")
    try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: "m.onnx")
    for output in [model, folder.path("./m.onnx"), folder.path("link")] {
      for arguments in [
        ["export", model, "--to", "lathe", "-o", output], ["inspect", model, "--histogram", output],
        ["open", model, "--script", "j", "--dump", output],
      ] {
        let result = try Program.run(arguments)
        #expect(result.status == 1 && result.errorLines.count == 1)
        #expect(result.errors.contains("the model itself"))
      }
      let screen = try Program.run("open", model, "--script", ":export lathe \(output)<Enter>", "--size", "300x30")
      #expect(screen.output.contains("the model itself"))
    }
    #expect(folder.bytes(of: "m.onnx") == [UInt8](bytes))
  }

  @Test func theCommandThatIsPrintedMayBePastedIntoAShell() throws {
    let model = try folder.write(try Data(contentsOf: URL(fileURLWithPath: Program.llamaGGUF)), to: "a model's.gguf")
    let result = try Program.run(
      "export", model, "--set", "*=q8_0", "--to", "llama.cpp", "-o", folder.path("my types.txt"))
    #expect(result.status == 0)
    let command = result.output.split(separator: "\n").joined().replacing("llama-quantize", with: "printf '%s\\n'")
    let words = try Program.shell(command).output.split(separator: "\n").map(String.init)
    #expect(words.contains(model) && words.contains(folder.path("my types.txt")))
    #expect(words.last == "Q8_0")
  }

  @Test func standardOutputAndNullAreWrittenTo() throws {
    let result = try Program.shell(
      "\"$0\" inspect '\(Program.digits)' --histogram /dev/null && test -c /dev/null")
    #expect(result.status == 0)
    let piped = try Program.shell(
      "\"$0\" export '\(Program.digits)' --set '*=int8,channel' --to lathe -o /dev/stdout 2>/dev/null | grep -c int8,channel"
    )
    #expect(piped.output == "5\n")
  }
}

@Suite struct ScriptCommandTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func dump(_ name: String = "screen.txt") throws -> [Substring] {
    String(decoding: try #require(folder.bytes(of: name)), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
  }

  @Test func theScreenIsDumpedAtTheSizeAskedFor() throws {
    let result = try Program.run(
      "open", Program.digits, "--script", "j", "--size", "120x40", "--dump", folder.path("screen.txt"))
    #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty)
    let lines = try dump()
    #expect(lines.count == 41 && lines.last == "")
    #expect(lines.allSatisfy { $0.count <= 120 })
    #expect(lines[0].contains("digits-cnn.onnx"))
    // The cursor went a row down.
    #expect(lines.contains { $0.contains("▌ /conv2/Conv") })
  }

  @Test func keysMayBeginWithADash() throws {
    // keep, int8, int7; the first layer has nine columns.
    for arguments in [["--script", "-k-"], ["--script=--"]] {
      let result = try Program.run(["open", Program.digits, "--size", "120x40"] + arguments)
      #expect(result.status == 0)
      #expect(result.output.contains("int7 ch"))
    }
  }

  @Test func aScriptFromAFileMayHaveLines() throws {
    let keys = try folder.write(":bits 4 /fc*<Enter>\n:keep /fc2*<Enter>\n", to: "keys")
    let result = try Program.run("open", Program.digits, "--script", "@\(keys)", "--size", "120x40")
    #expect(result.status == 0)
    #expect(
      result.output.split(separator: "\n").contains { $0.contains("/fc1/Gemm") && $0.contains("int4 g32") })
    #expect(result.output.split(separator: "\n").contains { $0.contains("/fc2/Gemm") && $0.contains("keep") })
  }

  @Test func aScriptExportsWhatItChose() throws {
    let result = try Program.run(
      "open", Program.digits, "--script", ":bits 4 /fc1*<Enter>:export lathe \(folder.path("r.json"))<Enter>q"
    )
    #expect(result.status == 0)
    #expect(folder.names == ["r.json"])
    let object = try Program.run("estimate", Program.digits, "--recipe", folder.path("r.json"), "--json")
      .object()
    let layers = try #require(object["layers"] as? [[String: Any]])
    #expect(layers.first { $0["name"] as? String == "/fc1/Gemm" }?["scheme"] as? String == "int4,group=32")
  }

  @Test func asciiHasOnlyASCII() throws {
    let result = try Program.run(
      "open", Program.digits, "--script", "jj---h<Tab>", "--size", "120x40", "--ascii")
    #expect(result.status == 0)
    #expect(result.output.utf8.allSatisfy { $0 < 0x80 })
    #expect(result.output.contains("/conv2/Conv"))
  }

  @Test func aRecipeIsOpenedOnTheScreen() throws {
    #expect(
      try Program.run(
        "export", Program.digits, "--set", "/fc1*=int3", "--to", "lathe", "-o", folder.path("r.json")
      ).status == 0)
    let result = try Program.run(
      "open", Program.digits, "--recipe", folder.path("r.json"), "--script", "", "--size", "120x40")
    #expect(result.status == 0)
    #expect(result.output.contains("int3 g32"))
  }

  @Test func coloursAreDumpedWhereTheNameSaysSo() throws {
    #expect(
      try Program.run("open", Program.digits, "--script", "", "--dump", folder.path("s.ansi")).status == 0)
    #expect(String(decoding: folder.bytes(of: "s.ansi") ?? [], as: UTF8.self).contains("\u{1b}[0;"))
  }
}
