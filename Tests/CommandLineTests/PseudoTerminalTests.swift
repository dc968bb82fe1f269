import Support
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real program on a real terminal: start, resize, leave, be killed, crash.
@Suite(.serialized) struct PseudoTerminalTests {
  private let contract = ScreenContract([Program.path, Program.digits], ready: "/fc2/Gemm")

  @Test func theScreenIsUpAndShowsTheLayers() throws {
    let terminal = try contract.start()
    try terminal.wait(for: "176 KiB")
    #expect(terminal.modes.contains(1049))
    #expect(!terminal.isCooked)
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
  }

  @Test func quitRestoresTheTerminal() throws {
    #expect(try contract.end { $0.send("q") }.end == .exited(0))
  }

  @Test func everySampleIsOpenedAndLeft() throws {
    for (path, ready) in [
      (Program.llama, "safetensors"), (Program.llamaGGUF, "token_embd"), (Program.digitsAsSafetensors, "fc2"),
    ] {
      let contract = ScreenContract([Program.path, path], ready: ready == "safetensors" ? "lm_head" : ready)
      #expect(try contract.end { $0.send("jj-uq") }.end == .exited(0))
    }
  }

  @Test func aResizeRedrawsAtTheNewSize() throws {
    let terminal = try contract.start()
    let before = terminal.output.endIndex
    terminal.resize(width: 120, height: 40)
    // The panes that only a wide screen has.
    try terminal.wait(for: "Trade-off", after: before)
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
  }

  @Test func aScreenOfOneCellIsNoCrash() throws {
    let terminal = try contract.start()
    terminal.resize(width: 1, height: 1)
    terminal.send("jj")
    terminal.resize(width: 80, height: 24)
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
  }

  /// A press on the second layer's row, whole and in two pieces; then one that never ends, after which keys work and a signal
  /// ends the program.
  @Test func mouseReportsAreReadHoweverTheyCome() throws {
    for press in [["\u{1B}[<0;20;5M\u{1B}[<0;20;5m"], ["\u{1B}[<0;20", ";5M"]] {
      let terminal = try contract.start()
      #expect(terminal.modes.isSuperset(of: [1000, 1006]))
      for piece in press {
        terminal.send(piece)
        usleep(2000)
      }
      usleep(200_000)
      let folder = try ScratchFolder()
      terminal.send(":bits 3\r:export lathe \(folder.path("r.json"))\r")
      try terminal.wait(for: "wrote ")
      let text = String(decoding: try #require(folder.bytes(of: "r.json")), as: UTF8.self)
      #expect(text.contains("/conv2/Conv") && !text.contains("/conv1/Conv"), "\(press)")
      terminal.send("\u{1B}[<0;20;")
      usleep(200_000)
      let before = terminal.output.endIndex
      terminal.send("!")
      try terminal.wait(for: "Messages", after: before)
      terminal.send("\u{1B}[<")
      terminal.signal(SIGTERM)
      #expect(try terminal.waitForEnd() == .exited(128 + SIGTERM))
    }
  }

  @Test func controlCQuitsWhenNothingWouldBeLost() throws {
    #expect(try contract.end { $0.send("\u{3}") }.end == .exited(0))
  }

  @Test func controlCAsksWhenAChoiceWouldBeLost() throws {
    let terminal = try contract.start()
    terminal.send("jj-")
    try terminal.wait(for: "int8 g32")
    terminal.send("\u{3}")
    try terminal.wait(for: "would be lost")
    // Neither y nor w: it stays. Ctrl-L paints the whole screen, so that words come whole.
    let before = terminal.output.endIndex
    terminal.send("n-\u{c}")
    try terminal.wait(for: "int7 g32", after: before)
    terminal.send("qy")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(terminal.isCooked && !terminal.modes.contains(1049) && !terminal.isCursorHidden)
  }

  @Test(arguments: [SIGTERM, SIGHUP]) func aSignalToEndRestoresTheTerminal(signal: Int32) throws {
    #expect(try contract.end { $0.signal(signal) }.end == .exited(128 + signal))
  }

  /// Swift's traps are SIGILL or SIGTRAP.
  @Test(arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE]) func aCrashRestoresTheTerminal(signal: Int32)
    throws
  {
    #expect(try contract.end { $0.signal(signal) }.end == .signalled(signal))
  }

  @Test func aSignalInAPromptWithAnalysisRunningRestoresTheTerminal() throws {
    let contract = ScreenContract([Program.path, Program.llama], ready: "lm_head")
    let end = try contract.end {
      $0.send(":bits 4 *\r:set ")
      $0.signal(SIGTERM)
    }.end
    #expect(end == .exited(128 + SIGTERM))
  }

  @Test func suspendingGivesTheTerminalBackAndTakesItAgain() throws {
    #expect(try contract.suspendAndContinue() == .exited(0))
  }

  @Test func aTerminalTypeThatIsUnknownWorksOrIsOneClearLine() throws {
    for type in ["nonsense", "", "dumb"] {
      var environment = contract.environment
      environment["TERM"] = type
      let terminal = try PseudoTerminal(contract.command, environment: environment)
      var isUp = false
      try terminal.wait("a screen or an error about \(type)") { output in
        isUp = output.contains("/fc2/Gemm")
        return isUp || output.contains("lathe:") && output.hasSuffix("\r\n")
      }
      if isUp {
        terminal.send("q")
        #expect(try terminal.waitForEnd() == .exited(0))
      } else {
        #expect(try terminal.waitForEnd() == .exited(1))
        #expect(terminal.output.split(separator: "\r\n").count == 1)
        #expect(!terminal.output.contains("\u{1b}"))
      }
      #expect(terminal.isCooked && !terminal.modes.contains(1049))
    }
  }

  @Test func aWrongFileLeavesTheTerminalAlone() throws {
    let folder = try ScratchFolder()
    let path = try folder.write("hello\n", to: "a.txt")
    let terminal = try PseudoTerminal([Program.path, path], environment: contract.environment)
    #expect(try terminal.waitForEnd() == .exited(1))
    #expect(terminal.output.contains("a.txt") && terminal.output.contains("text file"))
    #expect(!terminal.output.contains("\u{1b}"))
    #expect(terminal.isCooked)
  }

  @Test func outputThatIsNoTerminalIsOneClearLine() throws {
    let folder = try ScratchFolder()
    let line = "'\(Program.path)' '\(Program.digits)' >'\(folder.path("out"))'; echo status $?"
    let terminal = try PseudoTerminal(["/bin/sh", "-c", line], environment: contract.environment)
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(terminal.output.contains("not a terminal") && terminal.output.contains("status 1"))
    #expect(terminal.output.split(separator: "\r\n").count == 2)
    #expect(folder.bytes(of: "out") == [])
    #expect(terminal.isCooked)
  }

  @Test func keysComeFromTheTerminalWhenInputIsAPipe() throws {
    let line = "echo ignored | '\(Program.path)' '\(Program.digits)'; echo status $?"
    let terminal = try PseudoTerminal(["/bin/sh", "-c", line], environment: contract.environment)
    try terminal.wait(for: "/fc2/Gemm")
    terminal.send("q")
    try terminal.wait(for: "status 0")
    #expect(try terminal.waitForEnd() == .exited(0))
  }

  @Test func withoutUTF8OnlyASCIIIsWritten() throws {
    var environment = contract.environment
    environment["LC_ALL"] = "C"
    let terminal = try PseudoTerminal(contract.command, environment: environment)
    try terminal.wait(for: "/fc2/Gemm")
    terminal.send("jj--h")
    try terminal.wait(for: "int7")
    terminal.send("qy")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(terminal.output.utf8.allSatisfy { $0 < 0x80 })
  }

  @Test func withNoColorNoColourIsWritten() throws {
    var environment = contract.environment
    environment["NO_COLOR"] = "1"
    let terminal = try PseudoTerminal(contract.command, environment: environment)
    try terminal.wait(for: "/fc2/Gemm")
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(!terminal.output.contains("[38;5;") && !terminal.output.contains("[48;5;"))
  }
}
