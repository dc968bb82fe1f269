import Support
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The test terminal itself, with the shell as the program.
@Suite struct PseudoTerminalTests {
  private func shell(_ script: String, width: Int = 80, height: Int = 24) throws -> PseudoTerminal {
    try PseudoTerminal(["/bin/sh", "-c", script], width: width, height: height)
  }

  @Test func aProgramSeesATerminalOfTheSizeAskedFor() throws {
    let terminal = try shell("test -t 0 && test -t 1 && stty size", width: 123, height: 45)
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(terminal.output.contains("45 123"))
  }

  @Test func keysAreReadAndTheExitStatusIsTold() throws {
    let terminal = try shell("echo ready; read line; echo got $line; exit 7")
    try terminal.wait(for: "ready")
    terminal.send("hello\r")
    #expect(try terminal.waitForEnd() == .exited(7))
    #expect(terminal.output.contains("got hello"))
  }

  @Test func aResizeIsSignalled() throws {
    let terminal = try shell("trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done")
    try terminal.wait(for: "ready")
    terminal.resize(width: 99, height: 33)
    try terminal.wait(for: "33 99")
    terminal.signal(SIGKILL)
    #expect(try terminal.waitForEnd() == .signalled(SIGKILL))
  }

  @Test func settingsOutliveTheProgram() throws {
    let raw = try shell("read line; stty raw -echo")
    #expect(raw.isCooked)
    raw.send("\r")
    _ = try raw.waitForEnd()
    #expect(!raw.isCooked)
  }

  @Test func modesAreFollowed() throws {
    let terminal = try shell(#"printf '\033[?1049h\033[?1006;1000h\033[?25l\033[?1006;1000l'"#)
    _ = try terminal.waitForEnd()
    #expect(terminal.modes == [1049])
    #expect(terminal.isCursorHidden)
  }

  @Test func aConditionThatDoesNotComeTrueFails() throws {
    let terminal = try shell("sleep 30")
    #expect(throws: PseudoTerminal.Failure.self) { try terminal.wait(for: "never", seconds: 0.1) }
    let ended = try shell("true")
    #expect(throws: PseudoTerminal.Failure.self) { try ended.wait(for: "never") }
  }
}
