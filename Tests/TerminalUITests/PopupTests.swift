import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// The face that popups share, by one that is known here alone: it is drawn, has the keys to itself, and what it makes of
/// them is done.
@Suite struct PopupTests {
  /// Counts its keys.
  private struct Counter: Popup {
    var count = 0
    let hints: [KeyHint] = [("Enter", "says three")]

    func draw(_ canvas: inout Canvas, over state: State) {
      let inside = canvas.popup(width: 20, height: 1, title: "Counter", in: state.belowHeader)
      canvas.put("\(count) keys so far", x: inside.x, y: inside.y, limit: inside.width)
    }

    mutating func press(_ key: Key, over state: State) -> PopupResponse {
      count += 1
      return switch key {
      case .escape: .closes
      case .enter: .performs(.named("bits"), argument: "3")
      case .tab: .types("bits 5")
      case .character("!"): .complains("not at \(state.current?.name ?? "")")
      default: .stays
      }
    }
  }

  /// The digits network with the popup open over its second weight.
  private func open() throws -> State {
    var state = State(
      session: Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx"))), size: ScreenSize(width: 80, height: 24)
    )
    _ = state.press(.character("j"))
    state.popup = Counter()
    return state
  }

  private func shot(_ state: State) -> Shot { Shot(state.view(state.size)) }

  @Test func isDrawnWithItsKeysAtTheFoot() throws {
    let shown = shot(try open())
    #expect(shown.text.contains("┌ Counter ") && shown.text.contains("0 keys so far"))
    #expect(shown.foot.contains("Enter says three") && !shown.foot.contains("symmetry"))
  }

  @Test func hasTheKeysToItself() throws {
    var state = try open()
    let recipe = state.session.recipe
    for key in [Key.character("-"), .character("q"), .down] { #expect(state.press(key).isEmpty) }
    #expect(shot(state).text.contains("3 keys so far"))
    #expect(state.session.recipe == recipe && state.prompt == nil && !state.isDone)
  }

  @Test func closes() throws {
    var state = try open()
    _ = state.press(.escape)
    #expect(state.popup == nil)
  }

  @Test func staysAndSaysWhy() throws {
    var state = try open()
    _ = state.press(.character("!"))
    #expect(shot(state).text.contains("1 keys so far"))
    #expect(state.message?.text == "not at /conv2/Conv" && state.message?.kind == .error)
  }

  @Test func runsACommand() throws {
    var state = try open()
    _ = state.press(.enter)
    let item = try #require(state.session.item(named: "/conv2/Conv"))
    #expect(state.popup == nil && "\(state.session.scheme(of: item))".hasPrefix("int3"))
  }

  @Test func opensTheCommandLine() throws {
    var state = try open()
    _ = state.press(.tab)
    #expect(state.popup == nil && state.prompt?.editor.text == "bits 5")
  }

  @Test func asksNothingUnlessItSaysWhat() throws {
    let state = try open()
    let (popup, item) = (try #require(state.popup), try #require(state.subject))
    #expect(popup.considered(over: state) == nil)
    #expect(popup.questions(about: item, over: state).urgent.isEmpty)
    #expect(popup.questions(about: item, over: state).others.isEmpty)
  }
}
