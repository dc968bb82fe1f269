import Compression
import FileAccess
import Inference
import Workbench

extension TextPopup {
  /// What each scheme on a layer's own front takes and harms, the price of each step, and what the recipe pays elsewhere.
  static func why(
    _ item: Item, _ reason: SearchMenu.Reason?, _ session: Session, _ glyphs: GlyphSet
  ) -> TextPopup {
    let title = "Why: \(printable(item.name))"
    guard let reason else {
      return TextPopup(
        title: title, lines: ["No search chooses for it: nothing is known of the schemes that it can take."])
    }
    var lines: [String] = []
    if reason.names.count > 1 {
      lines.append("moves with \(reason.names.count - 1) other\(reason.names.count == 2 ? "" : "s")")
    }
    switch session.recipe.choices[item.name]?.by {
    case .search: lines.append("Chosen by a search.")
    case .user: lines.append("Chosen by you: no search changes it.")
    case .rule: lines.append("Chosen by a rule of yours: no search changes it.")
    case nil: lines.append("It stays as it is.")
    }
    if let paid = reason.paid {
      lines.append("The recipe pays about \(Format.scientific(paid * 1024)) a KiB: what saves more is worth it.")
    }
    if let present = reason.present, present + 1 < reason.options.count {
      let next = reason.options[present + 1]
      let cost = Format.bytes(next.bytes - reason.options[present].bytes)
      let verdict = reason.paid.map { reason.prices[present] > $0 * 1.02 ? "a bargain" : "too dear" }
      lines.append(
        "Next: \(next.scheme), +\(cost), saves \(Format.scientific(reason.prices[present] * 1024)) a KiB"
          + (verdict.map { ": \($0)." } ?? "."))
    }
    lines.append("")
    let unit = session.sensitivities.map { $0.values.difference.rawValue } ?? "n·t²"
    func row(_ cells: [String]) -> String {
      zip(cells, [24, 11, 13, 15]).map { text, width in
        text + String(repeating: " ", count: max(1, width - TextWidth.columns(of: text)))
      }.joined()
    }
    lines.append("  " + row(["scheme", "size", "harm, \(unit)", "saved a KiB"]))
    // Around the present one: wide menus have dozens.
    let here = reason.present ?? 0
    for place in reason.options.indices where abs(place - here) <= 8 {
      let option = reason.options[place]
      let price = place > 0 ? Format.scientific(reason.prices[place - 1] * 1024) : ""
      lines.append(
        (place == reason.present ? "\(glyphs.cursorMark) " : "  ")
          + row(["\(option.scheme)", Format.bytes(option.bytes), Format.scientific(option.harm), price]))
    }
    return TextPopup(title: title, lines: lines)
  }
}
