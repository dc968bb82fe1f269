import Support
import Testing

/// The terminal's own background decides between the themes, and its answer is neither lost nor typed.
@Suite(.serialized) struct BackgroundTests {
  private let light = "\u{1B}]11;rgb:ffff/ffff/ffff\u{1B}\\\u{1B}[?62;22c"
  /// The frame of the pane with the keys, dark and light.
  private let frames = (dark: "[38;5;75m", light: "[38;5;26m")

  private func start(
    _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> PseudoTerminal {
    var all = ScreenContract([], ready: "").environment
    all.merge(environment) { _, own in own }
    return try PseudoTerminal([Program.path, Program.digits] + arguments, environment: all)
  }

  private func end(_ terminal: PseudoTerminal) throws {
    terminal.send("q")
    #expect(try terminal.waitForEnd() == .exited(0))
    #expect(terminal.isCooked && !terminal.modes.contains(1049))
  }

  @Test func aLightTerminalGetsTheLightTheme() throws {
    let terminal = try start()
    try terminal.wait(for: "\u{1B}]11;?")
    // Keys around the answer do what they do.
    terminal.send("j\(light)j-")
    try terminal.wait(for: "int8 g32")
    // On a busy machine the answer may come after the first frame.
    #expect(terminal.output.contains(frames.light))
    terminal.send("u")
    try end(terminal)
  }

  @Test func anAnswerThatComesLateChangesTheTheme() throws {
    let terminal = try start()
    try terminal.wait(for: "176 KiB")
    #expect(terminal.output.contains(frames.dark))
    terminal.send(light)
    try terminal.wait(for: frames.light)
    #expect(!terminal.output.contains("rgb:"))
    try end(terminal)
  }

  @Test func aTerminalThatIsDarkOrSaysNothingKeepsTheDarkTheme() throws {
    for answer in ["\u{1B}]11;rgb:1e1e/1e1e/2e2e\u{7}\u{1B}[?62c", "\u{1B}[?62c", "\u{1B}]11;what\u{7}\u{1B}[?62c"] {
      let terminal = try start()
      try terminal.wait(for: "\u{1B}]11;?")
      terminal.send(answer)
      try terminal.wait(for: "/fc2/Gemm")
      #expect(terminal.output.contains(frames.dark) && !terminal.output.contains(frames.light))
      try end(terminal)
    }
  }

  @Test func whoSaysItIsNotAsked() throws {
    let folder = try ScratchFolder()
    let config = try folder.write("theme = light\n", to: "config")
    for (arguments, environment, isLight) in [
      (["--light"], [:], true), (["--dark"], ["COLORFGBG": "0;15"], false), (["--config", config], [:], true),
      (["--config", config, "--dark"], [:], false), ([], ["STY": "1.pts", "COLORFGBG": "0;15"], true),
    ] as [([String], [String: String], Bool)] {
      let terminal = try start(arguments, environment)
      try terminal.wait(for: "/fc2/Gemm")
      #expect(!terminal.output.contains("]11;?"))
      #expect(terminal.output.contains(frames.light) == isLight && terminal.output.contains(frames.dark) != isLight)
      try end(terminal)
    }
  }

  @Test func whatTheTerminalSaysCountsMoreThanTheEnvironment() throws {
    let terminal = try start([], ["COLORFGBG": "15;0"])
    try terminal.wait(for: "\u{1B}]11;?")
    terminal.send(light)
    try terminal.wait(for: "/fc2/Gemm")
    #expect(terminal.output.contains(frames.light))
    try end(terminal)
  }

  @Test func settingsAreReadFromThePersonsFolder() throws {
    let folder = try ScratchFolder()
    _ = try Program.shell("mkdir -p '\(folder.path)/lathe'")
    _ = try folder.write("ascii = yes\nscheme = int5,channel\nmouse = no\n", to: "lathe/config")
    let environment = ["XDG_CONFIG_HOME": folder.path]
    let terminal = try start([], environment)
    try terminal.wait(for: "/fc2/Gemm")
    #expect(!terminal.modes.contains(1000) && terminal.output.utf8.allSatisfy { $0 < 0x80 })
    terminal.send("jj-")
    try terminal.wait(for: "int5")
    terminal.send("u")
    try end(terminal)

    _ = try folder.write("mouse = no\ntheme = pink\n", to: "lathe/config")
    let wrong = try start([], environment)
    #expect(try wrong.waitForEnd() == .exited(1))
    #expect(wrong.output.contains("config:2: theme: expected auto, dark or light") && !wrong.output.contains("\u{1B}"))
    let none = try start(["--no-config"], environment)
    try none.wait(for: "/fc2/Gemm")
    try end(none)
    // A script shows the same everywhere.
    #expect(try Program.run(["open", Program.digits, "--script", "j"], environment: environment).status == 0)
    let usage = try Program.run(["open", Program.digits, "--light", "--dark"])
    #expect(usage.status == 2)
  }
}
