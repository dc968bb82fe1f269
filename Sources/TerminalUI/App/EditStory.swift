import Compression
import FileAccess
import Workbench

/// What an edit does, told while its figures come in: which layers, from what to what, how many bytes, how much harm.
struct EditStory: Sendable {
  private let bytes: Int
  /// `nil` while it is not known.
  private var harm: Double?
  private let schemes: Recipe
  private var word = ""
  /// The recipe that the edit led to: another one has another story.
  private var version = 0

  /// Before the edit.
  init(_ state: State) {
    bytes = state.figures.estimate.bytes
    harm = Self.harm(state)
    schemes = state.session.recipe
  }

  /// After it.
  fileprivate mutating func begin(_ word: String, _ state: State) {
    (self.word, version) = (word, state.session.version)
  }

  fileprivate func isOf(_ state: State) -> Bool { version == state.session.version }

  /// `ffn_down int4 → int3: −24.0 KiB, KL ≈ 0.011 → 0.016 (+45 %)`.
  fileprivate mutating func text(_ state: State) -> String {
    harm = harm ?? harmBefore(state)
    let session = state.session
    let estimate = session.estimateVersion == state.estimateVersionShown ? state.figures.estimate : session.estimate
    let arrow = state.glyphs.isASCII ? "->" : "→"
    let minus = state.glyphs.isASCII ? "-" : "−"
    var text = word.isEmpty ? "" : "\(word): "
    text += subject(state, arrow)
    let saved = estimate.bytes - bytes
    if saved != 0 { text += ", \(saved < 0 ? minus : "+")\(Format.bytes(abs(saved)))" }
    guard let before = harm else { return text }
    guard let after = Self.harm(state) else { return text + ", …" }
    let name = session.sensitivities == nil ? "damage" : state.metricTitle
    text +=
      ", \(name) \(state.glyphs.approximately) \(Format.significant(before)) \(arrow) \(Format.significant(after))"
    if before > 0, before != after {
      let percent = (after / before - 1) * 100
      text += " (\(percent < 0 ? minus : "+")\(Format.significant(abs(percent), 2)) %)"
    }
    return text
  }

  /// The harm of the recipe before the edit, where it was not known then.
  private func harmBefore(_ state: State) -> Double? {
    guard state.session.items.count < 5000 else { return nil }
    let estimate = state.session.estimate { schemes[$0] }
    return state.session.sensitivities == nil ? estimate.damage : state.session.prediction(of: estimate)?.value
  }

  private func subject(_ state: State, _ arrow: String) -> String {
    let items = state.session.lastChanged.compactMap(state.session.item(id:))
    let hidden = state.hidden(among: state.session.lastChanged)
    let note = hidden > 0 ? " (\(hidden) hidden by the filter)" : ""
    guard let first = items.first else { return "nothing changed" }
    let (from, to) = (schemes[first], state.session.scheme(of: first))
    if items.count == 1 {
      let change = from == to ? "\(state.short(to))" : "\(state.short(from)) \(arrow) \(state.short(to))"
      return "\(TextWidth.clippedName(printable(first.name), to: 32)) \(change)\(note)"
    }
    let isOne = items.allSatisfy { state.session.scheme(of: $0) == to }
    let wasOne = items.allSatisfy { schemes[$0] == from }
    let change = isOne ? " \(wasOne ? state.short(from) + " " : "")\(arrow) \(state.short(to))" : ""
    return "\(items.count) layers changed\(note)\(change)"
  }

  private static func harm(_ state: State) -> Double? {
    let session = state.session
    let estimate = session.estimateVersion == state.estimateVersionShown ? state.figures.estimate : session.estimate
    return session.sensitivities == nil ? estimate.damage : session.prediction(of: estimate)?.value
  }
}

extension State {
  /// The version of the estimate that the figures show.
  var estimateVersionShown: Int { figures.shownEstimateVersion }

  /// Says what an edit did, and goes on saying it better while figures come in.
  mutating func tell(_ story: EditStory, word: String) {
    var story = story
    story.begin(word, self)
    say(story.text(self))
    editStory = story
  }

  /// The story anew, while it is the last thing that was said.
  mutating func renewStory() {
    guard var story = editStory, message != nil, story.isOf(self) else {
      editStory = nil
      return
    }
    replaceMessage(story.text(self))
    editStory = story
  }
}
