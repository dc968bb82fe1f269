import Compression
import Workbench

/// A slider for sparsity, and what would go, drawn for the kind of sparsity.
struct PrunePopup: Popup {
  private(set) var choice: PruneChoice

  /// - Parameter sparsity: what the layer has now.
  init(_ sparsity: Sparsity) { choice = PruneChoice(sparsity) }

  let hints: [KeyHint] = [
    ("h l", "1 %"), ("[ ]", "5 %"), ("Tab", "magnitude, n:m, channels …"), ("Enter", "choose"), ("Esc", "close"),
  ]

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    switch key {
    case .left, .character("h"): choice.move(-1)
    case .right, .character("l"): choice.move(1)
    case .character("["), .character("H"), .pageDown: choice.move(-5)
    case .character("]"), .character("L"), .pageUp: choice.move(5)
    case .tab, .down, .character("j"): choice.turn(1)
    case .backTab, .up, .character("k"): choice.turn(-1)
    case .enter:
      let words = choice.sparsity == .none ? "0" : Scheme(.keep, sparsity: choice.sparsity).description
      let argument = words.split(separator: "=", maxSplits: 1).last ?? "0"
      return .performs(.named("sparsity"), argument: String(argument))
    default: return key.closesPopup() ? .closes : .stays
    }
    return .stays
  }

  /// A kind, or a pattern after the kinds.
  mutating func point(at index: Int, over state: State) -> PopupResponse {
    choice.choose(index)
    return .stays
  }

  mutating func slide(to place: Double) { choice.slide(to: place) }

  /// The layer's own scheme with the slider's sparsity.
  func considered(over state: State) -> Scheme? {
    state.subject.map { state.session.scheme(of: $0).with(choice.sparsity) }
  }

  func questions(about item: Item, over state: State) -> PopupQuestions {
    let answers = state.session.answers
    var questions = PopupQuestions()
    if answers.corners[item.id] == nil { questions.urgent.append(.corner(item.id)) }
    if let structure = choice.structure?.unscaled, item.obstacle(to: Scheme(.keep, sparsity: choice.sparsity)) == nil,
      answers.tiles[item.id]?[structure] == nil
    {
      questions.urgent.append(.tiles(item.id, structure))
    }
    return questions
  }
}
