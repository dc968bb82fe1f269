import Compression
import Workbench

/// Something that stands over the screen until it is closed, and has the keys to itself meanwhile.
///
/// Each is a value in a file of this folder: what it shows, how large it is, which keys it takes and what they do. Who
/// opens one puts it into `State.popup`; nothing else asks which it is.
protocol Popup: Sendable {
  /// The keys that matter in it, for the foot of the screen.
  var hints: [KeyHint] { get }

  /// Draws it, frame and all: `Canvas.popup` clears a place for it, as large as it asks for.
  func draw(_ canvas: inout Canvas, over state: State)

  /// Takes a key.
  mutating func press(_ key: Key, over state: State) -> PopupResponse

  /// A press of the mouse on the row, cell or point of a number that it drew (`Zone.Action.choice`).
  mutating func point(at index: Int, over state: State) -> PopupResponse

  /// A slider is dragged to a place between 0 and 1.
  mutating func slide(to place: Double)

  /// The scheme that it speaks of, whose figures it shows: they are found first. `nil` for none.
  func considered(over state: State) -> Scheme?

  /// What else it would know of the layer it speaks of (`State.subject`).
  func questions(about item: Item, over state: State) -> PopupQuestions
}

/// What a popup makes of a key.
enum PopupResponse: Sendable {
  case stays
  /// It stays, and says why nothing was done.
  case complains(String)
  case closes
  /// It closes, and the command is run.
  case performs(Command, argument: String)
  /// It stays, and a recipe is shown that is not yet taken.
  case previews(Recipe)
  /// It closes, and what is shown is taken; with what is to be said.
  case takes(String)
  /// It closes, and a recipe is taken as one step; with what is to be said.
  case commits(Recipe, String)
  /// It closes, and what was shown is not taken.
  case drops
  /// It stays, and the command is run.
  case performsOver(Command)
  /// It closes, and the command line opens with this text.
  case types(String)
  /// It stays under another.
  case opens(any Popup)
  /// It closes, and a key goes to what is under it.
  case passes(Key)
  /// It stays, and the session is changed.
  case changes(@Sendable (inout State) -> [Effect])
}

/// What a popup would have found out.
struct PopupQuestions: Sendable {
  /// What it cannot be drawn without.
  var urgent: [Question] = []
  var others: [Question] = []
}

extension Popup {
  var hints: [KeyHint] { [("Esc", "close")] }
  mutating func point(at index: Int, over state: State) -> PopupResponse { .stays }
  mutating func slide(to place: Double) {}
  func considered(over state: State) -> Scheme? { nil }
  func questions(about item: Item, over state: State) -> PopupQuestions { PopupQuestions() }
}

extension State {
  /// Where popups stand: the totals stay in sight.
  var belowHeader: Rect { Rect(size).splitTop(1).rest }

  /// A key goes to the popup that is on top; `?` opens the help over it.
  mutating func browse(_ key: Key) -> [Effect] {
    guard var popup else { return [] }
    if key == .character("?"), !(popup is HelpPopup) {
      popups.append(HelpPopup(over: popup))
      return []
    }
    let response = popup.press(key, over: self)
    popups[popups.count - 1] = popup
    return follow(response)
  }

  /// A press of the mouse on something that the popup drew.
  mutating func point(at index: Int) -> [Effect] {
    guard var popup else { return [] }
    let response = popup.point(at: index, over: self)
    popups[popups.count - 1] = popup
    return follow(response)
  }

  /// Does what the popup on top wants.
  private mutating func follow(_ response: PopupResponse) -> [Effect] {
    switch response {
    case .stays: break
    case .complains(let reason): complain(reason)
    case .closes: popups.removeLast()
    case .performs(let command, let argument):
      closeAll()
      return perform(command, argument)
    case .performsOver(let command):
      // What it opens stands over those that are there.
      let present = popups
      popups = []
      let effects = perform(command, "")
      popups = present + popups
      return effects
    case .previews(let recipe):
      session.preview(recipe, provenance: Provenance(method: "the front"))
      sessionChanged()
    case .takes(let words):
      popups = []
      session.takePreview()
      say(words)
    case .commits(let recipe, let words):
      popups = []
      session.commit(recipe)
      sessionChanged()
      say(words)
    case .drops:
      popups.removeLast()
      session.dropPreview()
      sessionChanged()
    case .types(let text):
      closeAll()
      prompt = commandPrompt(text)
    case .opens(let other): popups.append(other)
    case .passes(let key):
      popups.removeLast()
      return popups.isEmpty ? press(key) : browse(key)
    case .changes(let change): return change(&self)
    }
    return []
  }

  /// No popup is left; what one of them showed and nobody took is gone.
  private mutating func closeAll() {
    popups = []
    if session.isPreviewing {
      session.dropPreview()
      sessionChanged()
    }
  }
}
