import ArgumentParser
import Checkpoints
import TerminalUI
import Workbench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `lathe open`, and `lathe MODEL`: the screen.
struct OpenCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Open a model on the screen.",
    discussion: discussion)

  static let explanation = """
    The same as lathe MODEL. On the screen, ? lists the keys. What you prefer is read from $XDG_CONFIG_HOME/lathe/config, \
    else ~/.config/lathe/config: lines of key = value, the keys theme, ascii, mouse, target, scheme and columns (lathe man \
    tells of them).
    With --script keys are replayed without a terminal, and the screen at their end is printed: characters as typed, and \
    <Enter> <Esc> <Tab> <Space> <C-r> <S-Down> <lt>; <Wait> waits until all figures are there, as the end does.
    """
  static let examples = [
    "lathe open Samples/digits-cnn.onnx --data Samples/digits-test.npz",
    "lathe open Samples/digits-cnn.onnx --to onnxruntime",
    "lathe open Samples/digits-cnn.onnx --script 'j--<Tab>' \\\n    --size 120x40 --dump screen.txt",
  ]

  @OptionGroup var model: ModelArgument
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @Option(
    name: .customLong("session"),
    help: ArgumentHelp(
      "Go on with a session that :session save wrote, or that was kept when a screen was ended.", valueName: "FILE"),
    completion: .file(extensions: ["json"]))
  var sessionPath: String?
  @Option(help: ArgumentHelp("Held-out data that m measures on (.npz).", valueName: "D"), completion: .file())
  var data: String?
  @OptionGroup(title: "Data") var options: DataOptions
  @OptionGroup var sensitivity: SensitivityOption
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("Whom the recipe is for: what this target's tool cannot say is dim.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets))
  var target: String?
  // Keys may begin with a dash: it is one of them.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Replay keys without a terminal: a string, or @FILE.", valueName: "KEYS")) var script: String?
  @Option(
    help: ArgumentHelp("The screen's size for --script.", valueName: "WxH"), completion: .list(["80x24", "120x40"]))
  var size = "80x24"
  @Option(
    help: ArgumentHelp(
      "Write the screen at the script's end; with colours if the name ends in .ansi.", valueName: "FILE"),
    completion: .file())
  var dump: String?
  @Flag(help: "Draw with ASCII alone.") var ascii = false
  @Flag(help: "Draw with braille dots; by itself where the terminal's font is likely to have them.") var braille = false
  @Flag(help: "Draw with blocks alone, without braille dots.") var blocks = false
  @Flag(help: "For a light background; without, and without --dark, the terminal is asked.") var light = false
  @Flag(help: "For a dark background.") var dark = false
  @Flag(help: "Leave the mouse to the terminal.") var noMouse = false
  @Option(
    help: ArgumentHelp(
      "Settings of this file instead of $XDG_CONFIG_HOME/lathe/config, which --script does not read.",
      valueName: "FILE"), completion: .file())
  var config: String?
  @Flag(help: "Read no settings.") var noConfig = false

  func validate() throws {
    if TerminalUI.Size(size) == nil { throw ValidationError("--size \(size): expected WxH, as in 120x40") }
    if dump != nil, script == nil { throw ValidationError("--dump goes with --script") }
    if light, dark { throw ValidationError("--light and --dark exclude each other") }
    if config != nil, noConfig { throw ValidationError("--config and --no-config exclude each other") }
    if sessionPath != nil, choice.recipe != nil || !choice.rules.isEmpty {
      throw ValidationError("--session brings its own recipe: leave --recipe and --set out")
    }
  }

  /// The file's settings; the person's own are not for a script, which shows the same everywhere.
  private func preferences() throws -> Preferences {
    if let config {
      guard let found = try Preferences(path: config) else { throw Failure("\(config): there are no such settings") }
      return found
    }
    guard !noConfig, script == nil, let path = Preferences.path else { return Preferences() }
    return try Preferences(path: path) ?? Preferences()
  }

  /// What the command line says of the background, then the settings.
  private func backdrop(_ preferences: Preferences) -> Backdrop? {
    light ? .light : dark ? .dark : preferences.backdrop
  }

  func run() throws {
    let preferences = try preferences()
    if let script {
      try replay(script, preferences)
    } else {
      Terminal.installCrashRestore()
      var options = Terminal.Options()
      options.mouse = !noMouse && preferences.mouse ?? true
      options.backdrop = backdrop(preferences)
      if ascii || preferences.ascii == true {
        options.glyphs = .ascii
      } else if braille || blocks {
        options.glyphs = GlyphSet(.unicode, dots: braille ? .braille : .quadrants)
      }
      do {
        let (session, opened) = try session(preferences)
        let status = try Front.run(
          session, data: data, asking: try self.options.request(data: ""), options: options, opened: opened,
          preferences: preferences)
        if status != 0 { throw ExitCode(status) }
      } catch let error as TerminalError {
        throw Failure("\(error)")
      }
    }
  }

  private func session(_ preferences: Preferences) throws -> (Session, OpenedSession?) {
    let target = try target.map { try Target(argument: $0) }
    var session = try choice.session(model: model.paths, cache: model.cache)
    let opened = try sessionPath.map { try session.opened($0) }
    for line in opened?.mismatches ?? [] { note("lathe: \(line)") }
    try sensitivity.adopt(by: &session, verbose: choice.verbose)
    session.firstScheme = preferences.scheme
    if let asked = try target ?? opened?.record.target.map({ try Target(name: $0) }) {
      try session.aim(at: asked)
    } else if let preferred = preferences.target {
      // A wish for all models, which this one may have no names for.
      do { try session.aim(at: try Target(name: preferred)) } catch {
        note("lathe: the preferred target \(preferred): \(error)")
      }
    }
    return (session, opened)
  }

  private func replay(_ script: String, _ preferences: Preferences) throws {
    var keys = script
    if script.hasPrefix("@") {
      let path = String(script.dropFirst())
      guard let data = FileManager.default.contents(atPath: path) else {
        throw Failure("\(path): cannot be read")
      }
      keys = String(decoding: data, as: UTF8.self)
    }
    let isASCII = ascii || preferences.ascii == true
    let glyphs = isASCII ? GlyphSet.ascii : GlyphSet(.unicode, dots: braille ? .braille : .quadrants)
    // The screen has the only session: a second would be a copy of all that it changes.
    let canvas: Canvas
    do {
      let (session, opened) = try session(preferences)
      canvas = try Front.replay(
        keys, on: session, data: data, asking: try options.request(data: ""), size: TerminalUI.Size(size)!,
        glyphs: glyphs, opened: opened, preferences: preferences)
    } catch let error as KeyScriptError {
      if script.hasPrefix("@") { throw Failure("\(script.dropFirst()): \(error)") }
      throw UsageError("--script: \(error)")
    }
    let colours = Theme(tier: .full, backdrop: backdrop(preferences) ?? .dark)
    if let dump {
      try Session(try Checkpoint.open(model.paths)).write(
        Array((dump.hasSuffix(".ansi") ? canvas.ansi(colours) : canvas.text()).utf8), to: dump)
    } else {
      try emit(raw: canvas.text())
    }
  }
}
