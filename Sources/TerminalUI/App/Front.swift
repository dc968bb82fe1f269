import Checkpoints
import Inference
import Workbench

/// The two ways to run the screen: on the terminal, and by a script without one.
package enum Front {
  /// Runs on the terminal until the person leaves.
  ///
  /// - Parameters:
  ///   - request: how measurements run; their data are asked for on the screen, where `data` says none.
  ///   - opened: a session of this model to go on with; without one, the work of a session that ended without being asked
  ///     to is offered.
  /// - Returns: the status to exit with.
  /// - Throws: `TerminalError` when there is no terminal; nothing was written then.
  package static func run(
    _ session: consuming Session, data: String?, asking request: MeasurementRequest = .init(data: ""),
    options: Terminal.Options, opened: OpenedSession? = nil, preferences: Preferences = .init()
  ) throws(TerminalError) -> Int32 {
    let terminal = try Terminal(options)
    defer { terminal.stop() }
    let mailbox = Mailbox<Screen.Message>()
    let rescue = Rescue(model: session.checkpoint.path)
    var screen = Screen(
      session: session, mailbox: mailbox, glyphs: terminal.glyphs, data: data, request: request,
      opened: opened, offersRescues: opened == nil,
      changed: rescue.keep, kept: rescue.paths)
    screen.state.preferredColumns = preferences.columns
    terminal.takeAnswer()
    let outcome = Loop.run(&screen, on: terminal, mailbox: mailbox)
    terminal.stop()
    screen.state.session.cache?.flush()
    // Who quits was asked; who was ended was not.
    let isLeft = outcome == .done
    if !isLeft {
      rescue.keep(screen.state.draft, insteadOf: screen.state.rescuePath)
      rescue.writeNow()
    } else if let path = screen.state.rescuePath {
      RescueFolder.discard(path)
    }
    if isLeft || !screen.state.draft.isUnsaved { rescue.paths.forEach(RescueFolder.discardCodes) }
    return outcome.exitStatus
  }

  /// Replays keys on a screen of a given size; returns what it shows when all jobs are done.
  ///
  /// - Throws: `KeyScriptError` for a script that names no key.
  package static func replay(
    _ keys: String, on session: consuming Session, data: String?, asking request: MeasurementRequest = .init(data: ""),
    size: Size, glyphs: GlyphSet = .unicode, opened: OpenedSession? = nil, preferences: Preferences = .init()
  ) throws -> Canvas {
    let script = try KeyScript(keys)
    let mailbox = Mailbox<Screen.Message>()
    var screen = Screen(
      session: session, mailbox: mailbox, glyphs: glyphs, data: data, request: request, opened: opened)
    screen.state.preferredColumns = preferences.columns
    defer { screen.state.session.cache?.flush() }
    return try Headless.run(&screen, script: script, size: size, mailbox: mailbox)
  }
}
