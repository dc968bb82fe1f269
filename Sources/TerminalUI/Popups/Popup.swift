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
}

/// What a popup would have found out.
struct PopupQuestions: Sendable {
  /// What it cannot be drawn without.
  var urgent: [Question] = []
  var others: [Question] = []
}

extension Popup {
  var hints: [KeyHint] { [("Esc", "close")] }
  func considered(over state: State) -> Scheme? { nil }
  func questions(about item: Item, over state: State) -> PopupQuestions { PopupQuestions() }
}

extension State {
  /// Where popups stand: the totals stay in sight.
  var belowHeader: Rect { Rect(size).splitTop(1).rest }

  /// A key goes to the popup that is open.
  mutating func browse(_ key: Key) -> [Effect] {
    guard var popup else { return [] }
    let response = popup.press(key, over: self)
    self.popup = nil
    switch response {
    case .stays: self.popup = popup
    case .complains(let reason):
      self.popup = popup
      complain(reason)
    case .closes: break
    case .performs(let command, let argument): return perform(command, argument)
    case .performsOver(let command):
      self.popup = popup
      return perform(command, "")
    case .previews(let recipe):
      self.popup = popup
      session.preview(recipe, provenance: Provenance(method: "the front"))
      sessionChanged()
    case .takes(let words):
      session.takePreview()
      say(words)
    case .commits(let recipe, let words):
      session.commit(recipe)
      sessionChanged()
      say(words)
    case .drops:
      session.dropPreview()
      sessionChanged()
    case .types(let text): prompt = commandPrompt(text)
    }
    return []
  }
}
