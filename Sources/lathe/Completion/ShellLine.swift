/// A command line up to the cursor, cut into words as a POSIX shell cuts it.
struct ShellLine {
  /// The words before the one under the cursor, quotes and backslashes taken off.
  private(set) var words: [String] = []
  /// What of the word under the cursor stands before it, quotes and backslashes taken off.
  private(set) var current = ""
  /// The quote that is open at the cursor.
  private(set) var openQuote: Character?
  /// Where in `current` begins what the shell replaces: readline begins anew after an open quote, and after a break
  /// character such as `=` and `:`.
  private(set) var replaced = ""
  /// Whether the word under the cursor is the file of a redirection.
  private(set) var isRedirected = false

  /// - Parameter breaks: what begins a new word for completion alone (bash's `COMP_WORDBREAKS`); white space always
  ///   does.
  init(_ text: String, breaks: String = "") {
    var isWord = false
    var isTarget = false
    var rest = text[...]
    func put(_ character: Character) {
      current.append(character)
      replaced.append(character)
      isWord = true
    }
    func end() {
      if isWord, !isTarget { words.append(current) }
      if isWord { isTarget = false }
      current = ""
      replaced = ""
      isWord = false
    }
    while let character = rest.popFirst() {
      switch (openQuote, character) {
      case ("'", "'"), ("\"", "\""): openQuote = nil
      case (nil, "'"), (nil, "\""):
        openQuote = character
        replaced = ""
        isWord = true
      case ("'", _): put(character)
      case ("\"", "\\"):
        if let next = rest.first, "$`\"\\".contains(next) { rest.removeFirst() }
        put(text[text.index(before: rest.startIndex)])
      case (nil, "\\"): if let next = rest.popFirst() { put(next) }
      case (nil, " "), (nil, "\t"), (nil, "\n"): end()
      case (nil, ">"), (nil, "<"):
        // A number before it is the descriptor's.
        if current.allSatisfy(\.isNumber) { isWord = false }
        end()
        isTarget = true
      default:
        put(character)
        if openQuote == nil, breaks.contains(character) { replaced = "" }
      }
    }
    isRedirected = isTarget
  }
}
