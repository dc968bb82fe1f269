import Foundation
import Support
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Whoever ends the program, what was not written is kept, and the terminal is put back.
@Suite(.serialized) struct RescueTests {
  private static func contract(_ state: ScratchFolder) -> ScreenContract {
    var contract = ScreenContract([Program.path, Program.digits], ready: "/fc2/Gemm")
    contract.environment["XDG_STATE_HOME"] = state.path
    return contract
  }

  /// The one file that was kept, as the program named it.
  private static func rescued(_ output: String) throws -> String {
    let words = "the work that was not written is kept in "
    let start = try #require(output.range(of: words)?.upperBound)
    return String(output[start...].prefix { !$0.isNewline })
  }

  /// Work of two steps, ended by a signal; the file that it is kept in.
  private static func leave(_ state: ScratchFolder, by signal: Int32) throws -> String {
    let terminal = try Self.contract(state).start()
    terminal.send("jj-")
    try terminal.wait(for: "int8 g32")
    terminal.send("-\u{c}")
    try terminal.wait(for: "int7 g32")
    // Coded in the background: a moment later it is there.
    terminal.send("!")
    try terminal.wait(for: "Messages")
    usleep(1_500_000)
    terminal.signal(signal)
    _ = try terminal.waitForEnd()
    #expect(terminal.isCooked && !terminal.modes.contains(1049) && !terminal.modes.contains(2004))
    return try Self.rescued(terminal.output)
  }

  @Test(arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGTERM, SIGHUP]) func theWorkIsKeptAndCanBeOpened(
    signal: Int32
  ) throws {
    let state = try ScratchFolder()
    let path = try Self.leave(state, by: signal)
    #expect(path.hasPrefix(state.path + "/lathe/digits-cnn_onnx-") && path.hasSuffix(".session.json"))
    let run = try Program.run(["estimate", Program.digits, "--recipe", path, "--json"])
    #expect(run.status == 0 && run.output.contains("int7,group=32"), "\(run)")
    // Its history too.
    let script = ["open", Program.digits, "--session", path, "--size", "80x24", "--script"]
    let shown = try Program.run(script + ["u"])
    #expect(shown.status == 0 && shown.output.contains("int8 g32"), "\(shown)")
    #expect(try Program.run(script + ["uu"]).output.contains("int8 g32 ✎") == false)
  }

  @Test func whereItsFolderCannotBeWrittenItIsKeptInTheTemporaryOneAndOffered() throws {
    let temporary = try ScratchFolder()
    var contract = ScreenContract([Program.path, Program.digits], ready: "/fc2/Gemm")
    contract.environment["XDG_STATE_HOME"] = "/dev/null"
    contract.environment["TMPDIR"] = temporary.path
    var path = ""
    for isSecond in [false, true] {
      let terminal = try contract.start()
      if isSecond {
        try terminal.wait(for: "Unsaved work")
        terminal.send("\r")
      } else {
        terminal.send("jj--")
      }
      try terminal.wait(for: "int7 g32")
      usleep(1_500_000)
      terminal.signal(SIGTERM)
      _ = try terminal.waitForEnd()
      path = try Self.rescued(terminal.output)
      #expect(path.hasPrefix(temporary.path + "/lathe-digits-cnn_onnx-") && terminal.output.contains("again offers it"))
    }
    // The second stands for the first, and a link to it is not one's own file.
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).count == 1)
    let moved = temporary.path("elsewhere")
    try FileManager.default.moveItem(atPath: path, toPath: moved)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: moved)
    let terminal = try contract.start()
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0) && !terminal.output.contains("Unsaved work"))
  }

  @Test func codesThatWereChosenAreKeptToo() throws {
    let (state, folder) = (try ScratchFolder(), try ScratchFolder())
    let (recipe, saved) = (folder.path("r.json"), folder.path("s.json"))
    let calibration = Fixtures.root.appending(path: "Samples/digits-calibration.npz").path
    let made = try Program.run([
      "recover", Program.digits, "--set", "fc2*=int2,channel,by=gptq", "--data", calibration, "-o", recipe,
    ])
    #expect(made.status == 0, "\(made)")
    let contract = Self.contract(state)
    var terminal = try contract.start()
    terminal.send(":recipe \(recipe)\r")
    try terminal.wait(for: "from \(recipe.prefix(20))")
    terminal.send("gg-")
    try terminal.wait(for: "keep → int8")
    usleep(2_000_000)
    terminal.signal(SIGTERM)
    _ = try terminal.waitForEnd()
    let path = try Self.rescued(terminal.output)
    let codes = path.dropLast(".json".count) + ".weights.safetensors"
    #expect(FileManager.default.fileExists(atPath: String(codes)))

    // Taken up, they are there again, and go into a session's file.
    terminal = try contract.start()
    try terminal.wait(for: "Unsaved work")
    terminal.send("\r")
    try terminal.wait(for: "of history")
    terminal.send(":session save \(saved)\r")
    try terminal.wait(for: "wrote \(folder.path.prefix(30))")
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(try FileManager.default.contentsOfDirectory(atPath: state.path + "/lathe").isEmpty)
    func figures(_ recipe: String) throws -> String {
      let test = Fixtures.root.appending(path: "Samples/digits-test.npz").path
      let run = try Program.run(["evaluate", Program.digits, "--recipe", recipe, "--data", test])
      #expect(run.status == 0, "\(run)")
      return run.output
    }
    let opened = try Program.run(["open", Program.digits, "--session", saved, "--script", "uG", "--size", "120x40"])
    // 81 % would be zero at the nearest levels.
    let isChosen = opened.output.contains("int2 ch gptq") && !opened.output.contains("int2 ch gptq  81%")
    #expect(opened.status == 0 && isChosen, "\(opened)")
    #expect(try figures(saved).contains("top-1"))
    // Other codes than the session means are said, and nothing is lost but them.
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder.path("s.weights.safetensors")))
    let spoilt = try Program.run(["open", Program.digits, "--session", saved, "--script", "j", "--size", "120x40"])
    #expect(spoilt.status == 0 && spoilt.errors.contains("is another file than"), "\(spoilt)")
  }

  @Test func theNextStartOffersItAndItGoesOnceItIsWritten() throws {
    let (state, folder) = (try ScratchFolder(), try ScratchFolder())
    let path = try Self.leave(state, by: SIGTERM)
    let contract = Self.contract(state)
    var terminal = try contract.start()
    try terminal.wait(for: "Unsaved work")
    // Later: it stays.
    terminal.send("\u{1b}")
    usleep(200_000)
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(FileManager.default.fileExists(atPath: path))

    terminal = try contract.start()
    try terminal.wait(for: "Unsaved work")
    terminal.send("\r")
    try terminal.wait(for: "int7 g32")
    // Ended again before it was written: one file with all of it.
    usleep(1_000_000)
    terminal.signal(SIGHUP)
    _ = try terminal.waitForEnd()
    let second = try Self.rescued(terminal.output)
    #expect(second != path && !FileManager.default.fileExists(atPath: path))

    terminal = try contract.start()
    try terminal.wait(for: "Unsaved work")
    terminal.send("\r")
    try terminal.wait(for: "int7 g32")
    terminal.send("u\u{c}")
    try terminal.wait(for: "int8 g32")
    terminal.send(":session save \(folder.path("kept.json"))\r")
    try terminal.wait(for: "wrote \(folder.path.prefix(30))")
    #expect(!FileManager.default.fileExists(atPath: second))
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
    let run = try Program.run(["open", Program.digits, "--session", folder.path("kept.json"), "--script", "<C-r>"])
    #expect(run.status == 0 && run.output.contains("int7 g32"))
  }

  @Test func itIsDiscardedAfterASecondThought() throws {
    let state = try ScratchFolder()
    let path = try Self.leave(state, by: SIGSEGV)
    let terminal = try Self.contract(state).start()
    try terminal.wait(for: "Unsaved work")
    terminal.send("d")
    try terminal.wait(for: "once more")
    #expect(FileManager.default.fileExists(atPath: path))
    terminal.send("d")
    try terminal.wait(for: "discarded")
    #expect(!FileManager.default.fileExists(atPath: path))
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
  }

  @Test func aScriptAndAnotherModelAreNotAsked() throws {
    let state = try ScratchFolder()
    let path = try Self.leave(state, by: SIGTERM)
    let environment = ["XDG_STATE_HOME": state.path]
    let script = try Program.run(["open", Program.digits, "--script", "j"], environment: environment)
    #expect(script.status == 0 && !script.output.contains("Unsaved work"))
    // A model of the same name with other weights.
    let folder = try ScratchFolder()
    let other = try folder.write("", to: "digits-cnn.onnx")
    try FileManager.default.removeItem(atPath: other)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: Program.digits))
    for place in stride(from: 20_000, to: bytes.count - 4096, by: 2048) { bytes[place] ^= 1 }
    try bytes.write(to: URL(fileURLWithPath: other))
    var contract = ScreenContract([Program.path, other], ready: "/fc2/Gemm")
    contract.environment["XDG_STATE_HOME"] = state.path
    let (end, output) = try contract.end {
      usleep(500_000)
      $0.send("q")
    }
    #expect(end == .exited(0) && !output.contains("Unsaved work") && FileManager.default.fileExists(atPath: path))
  }

  @Test func aDamagedFileIsSaidAndNoTrap() throws {
    let state = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: state.path("lathe"), withIntermediateDirectories: true)
    for text in ["", "{", #"{"session": {"version": 3}}"#] {
      try text.write(
        toFile: state.path("lathe/digits-cnn_onnx-20261201-031500-7.session.json"), atomically: true, encoding: .utf8)
      let (end, output) = try Self.contract(state).end {
        try? $0.wait(for: "\(state.path.prefix(30))")
        $0.send("q")
      }
      #expect(end == .exited(0) && output.contains(state.path.prefix(30)), "\(text)")
    }
  }

  @Test func nothingIsKeptWhereNothingWouldBeLost() throws {
    let state = try ScratchFolder()
    let (_, output) = try Self.contract(state).end { $0.signal(SIGSEGV) }
    #expect(!output.contains("is kept in") && state.names.isEmpty)
    let (_, undone) = try Self.contract(state).end {
      $0.send("jj-u!")
      usleep(1_500_000)
      $0.signal(SIGTERM)
    }
    #expect(!undone.contains("is kept in") && state.names.isEmpty)
  }

  /// A fault at any instant, keys pouring in. Not Ctrl-Z: typed after the terminal is itself again, it makes the kernel drop
  /// what was written and not yet read.
  @Test func aCrashWhileKeysAreReadPutsTheTerminalBack() throws {
    var generator = SeededGenerator(3)
    for fault in [SIGSEGV, SIGILL, SIGTRAP, SIGSEGV, SIGILL, SIGTRAP] {
      let state = try ScratchFolder()
      let result = try Self.contract(state).end { terminal in
        let keys = Array("jkvhlo\u{1b}[Mab<\u{1b}[200~0;1;2m").map(String.init)
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
          terminal.send((0..<20).map { _ in keys.randomElement(using: &generator) ?? "j" }.joined())
        }
        terminal.signal(fault)
      }
      #expect(result.end == .signalled(fault))
    }
  }
}
