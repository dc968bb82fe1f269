/// The row of a popup's list that the keys stand on.
struct PopupCursor: Sendable, Equatable {
  var row = 0

  /// Takes the keys of a list: arrows, pages, and `j` and `k` where letters are not typed.
  ///
  /// - Parameters:
  ///   - count: of the list's rows.
  ///   - page: rows that a page has.
  mutating func take(_ key: Key, among count: Int, page: Int, areLettersTyped: Bool = false) {
    let last = max(0, count - 1)
    switch key {
    case .down, .control("n"): row = min(last, row + 1)
    case .up, .control("p"): row = max(0, row - 1)
    case .pageDown: row = min(last, row + page)
    case .pageUp: row = max(0, row - page)
    case .character("j") where !areLettersTyped: row = min(last, row + 1)
    case .character("k") where !areLettersTyped: row = max(0, row - 1)
    default: break
    }
  }

  /// The first row that is seen when the list has so many and there is room for `height`: the cursor's is in the middle.
  func first(of count: Int, height: Int) -> Int { max(0, min(row - height / 2, count - height)) }
}

extension Key {
  /// Whether it closes a popup; `q` does where letters are not typed.
  func closesPopup(areLettersTyped: Bool = false) -> Bool {
    switch self {
    case .escape, .control("c"): true
    case .character("q"): !areLettersTyped
    default: false
    }
  }
}
