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
    let words = "the recipe that was not written is kept in "
    let start = try #require(output.range(of: words)?.upperBound)
    return String(output[start...].prefix { !$0.isNewline })
  }

  @Test(arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGTERM, SIGHUP]) func theRecipeIsKeptAndCanBeOpened(
    signal: Int32
  ) throws {
    let state = try ScratchFolder()
    let contract = Self.contract(state)
    let terminal = try contract.start()
    terminal.send("jj-")
    try terminal.wait(for: "int8 g32")
    // Coded in the background: a moment later it is there.
    terminal.send("!")
    try terminal.wait(for: "Messages")
    usleep(1_500_000)
    terminal.signal(signal)
    _ = try terminal.waitForEnd()
    let path = try Self.rescued(terminal.output)
    #expect(path.hasPrefix(state.path + "/lathe/digits-cnn_onnx-") && path.hasSuffix(".recipe.json"))
    #expect(terminal.isCooked && !terminal.modes.contains(1049) && !terminal.modes.contains(2004))
    let run = try Program.run(["estimate", Program.digits, "--recipe", path, "--json"])
    #expect(run.status == 0 && run.output.contains("int8,group=32"), "\(run)")
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
