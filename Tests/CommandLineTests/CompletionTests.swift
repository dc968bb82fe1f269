import Foundation
import Support
import Testing

/// What the shells offer, asked of the program, and of the real shells where they are.
@Suite(.serialized) struct CompletionTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    for name in ["a net.onnx", "b.gguf", "c.txt", "recipe.json", "model.safetensors.index.json"] {
      try folder.write("x", to: name)
    }
    try FileManager.default.createDirectory(atPath: folder.path("deep"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("digits.onnx"), withDestinationPath: Program.digits)
  }

  /// The second fields of the answer, files as their endings.
  private func offered(_ words: [String], _ current: String) throws -> [String] {
    let result = try Program.run(["__complete", "zsh"] + words + [current])
    #expect(result.status == 0 && result.errors.isEmpty)
    return result.output.split(separator: "\n").map {
      let fields = $0.split(separator: "\t", omittingEmptySubsequences: false)
      return String(fields[0] == "files" ? "files:" + fields[1] : fields[1])
    }
  }

  // MARK: - What is offered

  @Test func atTheStartCommandsAndModels() throws {
    let all = try offered([], "")
    for word in [
      "open", "inspect", "estimate", "evaluate", "tune", "recover", "export", "schemes", "completions", "man", "help",
    ] {
      #expect(all.contains(word))
    }
    #expect(!all.contains("compare"))
    #expect(all.last?.hasPrefix("files:") == true && all.last?.contains("gguf") == true)
    #expect(try offered([], "ins") == ["inspect", all.last!])
    #expect(try offered([], "--rec") == ["--recipe"])
    #expect(try offered(["help"], "es") == ["estimate"])
  }

  @Test(arguments: [
    "open", "inspect", "estimate", "evaluate", "sensitivity", "tune", "recover", "export", "schemes", "devices",
    "cache",
    "completions", "man",
  ])
  func everyOptionThatHelpShows(command: String) throws {
    let help = try Program.run(command, "--help").output
    let shown = help.matches(of: /\n  (?:-\w, )?(--[a-z-]+)/).map { String($0.output.1) }
    #expect(Set(shown) == Set(try offered([command], "--")))
    #expect(shown.count >= 2)
  }

  @Test func anOptionGivenIsNotOfferedAgainButForSet() throws {
    let words = ["estimate", "m.onnx", "--json", "--set", "*=int4", "--recipe=r.json"]
    #expect(try offered(words, "--j").isEmpty && offered(words, "--re").isEmpty)
    #expect(try Set(offered(words, "--se")) == ["--set", "--sensitivity"])
    #expect(try offered(words, "").contains("--to"))
    #expect(try offered(words + ["--"], "--t") == offered(["inspect"], "x"))
  }

  @Test func theTargetsAreThoseThatExportKnows() throws {
    let errors = try Program.run("export", Program.digits, "--to", "nonsense", "-o", folder.path("out")).errors
    let known = try #require(errors.split(separator: "there is ").last).split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    #expect(known.contains("llama.cpp") && known.last == "or a sheet FILE.target")
    for command in ["export", "estimate"] {
      #expect(try offered([command, "m", "--to"], "") == ["files:target"] + known.dropLast())
    }
    #expect(try offered(["export", "m"], "--to=gg") == ["files:target", "--to=gguf"])
  }

  @Test func theSchemesAreThoseOfTheTable() throws {
    let table = try Program.run("schemes").output.split(separator: "\n").filter { $0.hasSuffix("exact") }
    let words = Set(table.compactMap { $0.split(separator: " ").first.map { "*=\($0)" } })
    #expect(words.count > 50)
    #expect(try Set(offered(["estimate", "m", "--set"], "*=")) == words.union(["*=keep", "*=fp16"]))
    #expect(try offered(["m", "--set"], "a=b*=nv") == ["a=b*=nvfp4", "a=b*=nvidia-nvfp4"])
  }

  /// A SPEC that cannot be read is wrong usage, told before the model is opened.
  @Test(arguments: ["int4", "int1", "fp8-e4m3", "nf4", "kmeans", "kmeans4", "q4_k", "int4,group=32"])
  func everyOptionOfferedIsOneThatTheSchemeTakes(spec: String) throws {
    let found = try offered(["estimate", "m", "--set"], "*=\(spec),")
    #expect(found.count >= 13)
    var arguments = ["estimate", folder.path("none")]
    for rule in found { arguments += ["--set", rule] }
    #expect(try Program.run(arguments).status == 1)
    #expect(
      found.contains { $0.split(separator: ",").last?.hasPrefix("group=") == true }
        == ["int4", "int1", "fp8-e4m3", "nf4", "kmeans", "kmeans4"].contains(spec))
  }

  @Test func patternsAreTheModelsLayers() throws {
    #expect(
      try offered(["estimate", Program.digits, "--set"], "")
        == ["*=", "/conv1/Conv=", "/conv2/Conv=", "/conv3/Conv=", "/fc1/Gemm=", "/fc2/Gemm="])
    #expect(try offered(["estimate", folder.path("c.txt"), "--set"], "") == ["*="])
  }

  @Test func nothingIsOfferedForWhatIsNone() throws {
    for words in [["compare", "m"], ["evaluate", "m", "--context"], ["open", "--script"], ["schemes", "x"]] {
      #expect(try offered(words, "a").isEmpty)
    }
    #expect(try Program.run("__complete").output.isEmpty)
    #expect(try Program.run("__complete", "csh", "").output.isEmpty)
    #expect(try Program.run("completions", "csh").status == 2)
  }

  // MARK: - bash

  /// What the script's function puts into COMPREPLY at the end of a line.
  private func bash(_ line: String) throws -> [String] {
    let script = """
      eval "$("$0" completions bash)"
      COMP_LINE=$1 COMP_POINT=${#1}
      COMP_WORDS=("$0") COMP_CWORD=0
      _lathe lathe "" lathe 2>/dev/null
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    try folder.write(script, to: "complete.bash")
    let quoted = "'" + line.replacing("'", with: #"'\''"#) + "'"
    let result = try Program.shell(
      "exec bash --norc -c \"$(cat complete.bash)\" \"$0\" \(quoted)", folder: folder.path)
    try FileManager.default.removeItem(atPath: folder.path("complete.bash"))
    #expect(result.status == 0)
    return result.output.split(separator: "\n").map(String.init).sorted()
  }

  @Test func bashIsOfferedWhatItReplaces() throws {
    #expect(try bash("lathe est") == ["estimate"])
    #expect(
      try bash("lathe ")
        == (["a net.onnx", "b.gguf", "cache", "completions", "deep", "devices", "digits.onnx", "estimate", "evaluate"]
          + [
            "export", "help", "inspect", "man", "model.safetensors.index.json", "open", "recover", "schemes",
            "sensitivity",
          ]
          + ["tune"]))
    #expect(try bash("lathe estimate 'a n") == ["a net.onnx"])
    #expect(try bash(#"lathe estimate a\ n"#) == ["a net.onnx"])
    #expect(
      try bash("lathe open b.gguf --recipe ")
        == ["a net.onnx", "b.gguf", "c.txt", "deep", "digits.onnx", "model.safetensors.index.json", "recipe.json"])
    #expect(try bash("lathe open b.gguf --recipe=r") == ["recipe.json"])
    #expect(try bash("lathe export b.gguf --to=lla") == ["llama.cpp"])
    // Within quotes the whole word is replaced, without them what follows the last `=`.
    #expect(try bash("lathe b.gguf --set '*=q4_") == ["*=q4_0", "*=q4_1", "*=q4_k"])
    #expect(try bash("lathe b.gguf --set *=q4_") == ["q4_0", "q4_1", "q4_k"])
    #expect(try bash("lathe b.gguf --set *=int4,range=m") == ["minmax", "mse"])
    #expect(try bash("lathe b.gguf --set *=int4,sparsity=wan") == ["wanda:0.5", "wanda:2:4"])
    #expect(try bash("lathe b.gguf --set *=int4,sparsity=wanda:2") == ["2:4"])
    #expect(
      try bash("lathe digits.onnx --set ") == [
        #"/conv1/Conv="#, "/conv2/Conv=", "/conv3/Conv=", "/fc1/Gemm=", "/fc2/Gemm=", #"\*="#,
      ])
    #expect(try bash("lathe man > c") == ["c.txt", "complete.bash"])
  }

  // MARK: - Shells on a terminal

  /// Types lines into a shell, each up to a Tab; then asks the shell what words the line became.
  private func typed(_ lines: [String], in shell: [String], setup: String) throws -> [String] {
    let home = folder.path
    let programs = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
    let terminal = try PseudoTerminal(
      ["/bin/sh", "-c", "cd '\(home)' && exec \(shell.joined(separator: " "))"], width: 200, height: 50,
      environment: [
        "TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": "\(programs):/usr/bin:/bin", "HOME": home, "INPUTRC": "/dev/null",
        "HISTFILE": "", "PS1": "ready ",
      ])
    try terminal.wait(for: "ready ")
    terminal.send(setup + "; echo set-'up'\r")
    try terminal.wait(for: "set-up")
    var found: [String] = []
    for (index, line) in lines.enumerated() {
      var here = terminal.output.endIndex
      terminal.send(line + "\t")
      // What Tab makes of the line comes in its own time: Ctrl-A waits behind it.
      terminal.send("\u{1}show \(index) \r")
      try terminal.wait(for: "end-\(index)", after: here)
      let part = terminal.output[here...]
      here = try #require(part.range(of: "begin-\(index)")).upperBound
      found.append(String(terminal.output[here...].prefix { $0 != "\r\n" && $0 != "\r" }))
    }
    terminal.send("exit\r")
    _ = try terminal.waitForEnd()
    return found
  }

  private static let lines = [
    "lathe esti", "lathe estimate b", "lathe estimate 'a", "lathe estimate b.gguf --reci",
    "lathe estimate b.gguf --recipe=r", "lathe export b.gguf --to lla", "lathe export b.gguf --to=lla",
    "lathe estimate b.gguf --set '*=nvi", "lathe estimate b.gguf --set '*=int4,coding=h",
    "lathe estimate digits.onnx --set /fc1",
  ]
  private static let words = [
    "<lathe><estimate>", "<lathe><estimate><b.gguf>", "<lathe><estimate><a net.onnx>",
    "<lathe><estimate><b.gguf><--recipe>", "<lathe><estimate><b.gguf><--recipe=recipe.json>",
    "<lathe><export><b.gguf><--to><llama.cpp>", "<lathe><export><b.gguf><--to=llama.cpp>",
    "<lathe><estimate><b.gguf><--set><*=nvidia-nvfp4>", "<lathe><estimate><b.gguf><--set><*=int4,coding=huffman>",
    "<lathe><estimate><digits.onnx><--set></fc1/Gemm=>",
  ]

  @Test func bashOnATerminal() throws {
    let show = #"show() { local n=$1; shift; printf 'begin-%s' $n; printf '<%s>' "$@"; printf '\nend-%s\n' $n; }"#
    let found = try typed(
      Self.lines, in: ["bash", "--norc", "--noprofile", "-i"],
      setup: show + #"; eval "$(lathe completions bash)""#)
    #expect(found == Self.words)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zsh")))
  func zshOnATerminal() throws {
    let show = #"show() { local n=$1; shift; printf 'begin-%s' $n; printf '<%s>' "$@"; printf '\nend-%s\n' $n; }"#
    let found = try typed(
      Self.lines, in: ["zsh", "-f", "-i"],
      setup: "bindkey -e; autoload -U compinit; compinit -u -D; \(show); eval \"$(lathe completions zsh)\"")
    #expect(found == Self.words)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/fish")))
  func fishOffersTheSame() throws {
    func fish(_ line: String) throws -> [String] {
      try folder.write(
        "set -x PATH (dirname $argv[1]) $PATH; lathe completions fish | source; complete -C $argv[2] | string replace -r '\\t.*' ''; true",
        to: "ask.fish")
      let quoted = "'" + line.replacing("'", with: #"'\''"#) + "'"
      let result = try Program.shell(
        "HOME=$PWD exec fish --no-config ask.fish \"$0\" \(quoted)", folder: folder.path)
      #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
      return result.output.split(separator: "\n").map(String.init)
    }
    for (line, words) in zip(Self.lines, Self.words) {
      let last = try #require(words.split(separator: "<").last).dropLast()
      #expect(try fish(line) == [String(last)], "\(line)")
    }
    let start = try fish("lathe ")
    #expect(
      start.sorted()
        == (["a net.onnx", "b.gguf", "completions", "deep/", "digits.onnx", "estimate", "evaluate", "export", "help"]
          + ["inspect", "man", "model.safetensors.index.json", "open", "schemes"]))
    #expect(try fish("lathe b.gguf --set '*=q4_") == ["*=q4_0", "*=q4_1", "*=q4_k"])
  }
}
