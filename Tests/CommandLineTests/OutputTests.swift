import Foundation
import Support
import Testing

/// What a shell script relies on: errors of standard output, `-`, one status for one kind of mistake, short notes.
@Suite struct OutputTests {
  @Test(arguments: [
    "estimate \"$1\" --json", "inspect \"$1\" --header-only --json", "schemes", "man", "completions bash",
    "export \"$1\" --set '*=int4,channel' --to lathe -o -", "--help", "open \"$1\" --script j",
  ])
  func whatCannotBeWrittenIsAnError(command: String) throws {
    #if os(Linux)
      let line = command.replacing("\"$1\"", with: "'\(Program.digits)'")
      let full = try Program.shell("\"$0\" \(line) > /dev/full")
      #expect(full.status == 1 && full.errors.contains("standard output: cannot be written: No space left"), "\(full)")
      let closed = try Program.shell("\"$0\" \(line) >&-")
      #expect(closed.status == 1 && closed.errors.contains("standard output: cannot be written"), "\(closed)")
    #endif
  }

  @Test func aReaderThatLeavesIsNoNoise() throws {
    let result = try Program.shell("\"$0\" inspect '\(Program.llama)' --json | head -1")
    #expect(result.output == "{\n" && result.errors.isEmpty)
  }

  @Test func aDashIsStandardOutputAndNotesGoBeside() throws {
    for target in ["lathe", "csv", "llama.cpp"] {
      let scratch = try ScratchFolder()
      let file = scratch.path("file")
      let model = target == "llama.cpp" ? Program.llamaGGUF : Program.digits
      let scheme = target == "llama.cpp" ? "*=q8_0" : "*=int4,channel"
      let dash = try Program.run("export", model, "--set", scheme, "--to", target, "-o", "-")
      let written = try Program.run("export", model, "--set", scheme, "--to", target, "-o", file)
      #expect(dash.status == 0 && written.status == 0)
      #expect(Array(dash.output.utf8) == scratch.bytes(of: "file"), "\(target)")
    }
    let checkpoint = try Program.run("export", Program.digits, "--to", "gguf", "-o", "-")
    #expect(checkpoint.status == 2 && checkpoint.output.isEmpty)
    let several = try Program.run("export", Program.digits, "--set", "*=int8,channel", "--to", "onnxruntime", "-o", "-")
    #expect(several.status == 2 && several.output.isEmpty && several.errors.contains("give a folder"))
    let bins = try Program.run("inspect", Program.digits, "--histogram", "-")
    #expect(bins.output.hasPrefix("layer,bin,low,high,count\n"))
    #expect(bins.output.split(separator: "\n").allSatisfy { $0.count { $0 == "," } == 4 })
  }

  /// What is wrong with the words is 2, what is wrong with a file or a model 1; all say who speaks.
  @Test func oneKindOfMistakeHasOneStatus() throws {
    let usage = [
      ["estimate", Program.digits, "--set", "*=imt4"], ["estimate", Program.digits, "--set", "*=int4,grup=32"],
      ["estimate", Program.digits, "--to", "ggguf"], ["export", Program.digits, "--to", "ggguf", "-o", "x"],
      ["schemes", "--to", "ggguf"], ["open", Program.digits, "--to", "ggguf", "--script", ""],
      ["open", Program.digits, "--script", "<Nokey>"], ["inspect", Program.digits, "--checksums"],
      ["inspct", Program.digits],
    ]
    for arguments in usage {
      let result = try Program.run(arguments)
      #expect(
        result.status == 2 && result.output.isEmpty && result.errors.hasPrefix("lathe: "), "\(arguments): \(result)")
    }
    for arguments in [["inspect", "nothing.onnx"], ["estimate", Program.digits, "--set", "nothing=int4"]] {
      let result = try Program.run(arguments)
      #expect(result.status == 1 && result.errors.hasPrefix("lathe: "), "\(result)")
    }
  }

  @Test(arguments: [
    ("*=imt4", "int4"), ("*=int4,grup=32", "group"), ("*=q4k", "q4_k"), ("*=int8,chanel", "channel"),
    ("*=int8,symetric", "symmetric"), ("*=kep", "keep"), ("*=bianry", "binary"),
  ])
  func closeWordsAreSuggested(rule: String, word: String) throws {
    let result = try Program.run("estimate", Program.digits, "--set", rule)
    #expect(result.status == 2 && result.errors.contains("did you mean \"\(word)\"?"), "\(result.errors)")
  }

  @Test(arguments: [
    "int4,tensor,channel", "int4,group=32,group=64", "int4,symmetric,affine", "int4,tensor,axis=1",
    "int4,group=32,axis=1",
    "int4,range=mse,range=minmax", "int4,scale=fp16,scale=fp32", "keep,sparsity=0.3,threshold=0.1",
    "int4,coding=huffman,coding=rans", "kmeans,entries=4,entries=5",
  ])
  func contradictionsAreSaid(spec: String) throws {
    let result = try Program.run("estimate", Program.digits, "--set", "*=\(spec)")
    #expect(result.status == 2 && result.errors.contains("says both"), "\(result.errors)")
  }

  @Test func whatIsKeptIsOneLineAKindOfReason() throws {
    let short = try Program.run("estimate", Program.digits, "--set", "*=q4_k", "--json")
    let lines = short.errorLines
    #expect(short.status == 0 && lines.count == 3, "\(lines)")
    #expect(lines[0].contains("4 layers (/conv1/Conv, /conv2/Conv, …): kept, not q4_k: 9 columns"))
    #expect(lines[1].contains("--verbose") && lines[2].contains("--fallback llama.cpp"))
    let long = try Program.run("estimate", Program.digits, "--set", "*=q4_k", "--json", "--verbose")
    #expect(long.errorLines.count { $0.contains("kept, not q4_k") } == 4)
    #expect(try Program.run("estimate", Program.digits, "--set", "*=q4_k", "--strict").status == 1)
    #expect(try Program.run("estimate", Program.digits, "--set", "*=int4,channel", "--strict").status == 0)
    let wanda = try Program.run("estimate", Program.digits, "--set", "*=keep,sparsity=wanda:0.5")
    #expect(wanda.errors.contains("--importance FILE"))
  }

  /// Names are bytes from outside: none of them reaches a terminal as they are, however they come there.
  @Test func controlBytesOfNamesAreMadePrintable() throws {
    let scratch = try ScratchFolder()
    // An imatrix in llama.cpp's older form: one entry whose name has escapes and bytes that are no UTF-8.
    let name: [UInt8] = [0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x9b, 0xff, 0x07, 0x78]
    func little(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    let bytes = little(1) + little(Int32(name.count)) + name + little(1) + little(2) + [UInt8](repeating: 0, count: 8)
    let path = try scratch.write(bytes, to: "bad.dat")
    let result = try Program.run("estimate", Program.llamaGGUF, "--importance", path)
    #expect(
      !result.errors.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || (0x7F...0x9F).contains($0.value) })
    #expect(result.status == 1, "\(result)")
  }
}
