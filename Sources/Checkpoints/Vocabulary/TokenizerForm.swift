internal import FileAccess

/// What kind of tokenizer a tokenizer.json describes. Its pre-tokenizer and decoder say so; the model's own switches do
/// not (`byte_fallback` stands in byte-level tokenizers too, where it does nothing).
struct TokenizerForm {
  enum Kind {
    /// Pairs over GPT-2's printable bytes.
    case byteLevel
    /// SentencePiece's pieces, U+2581 for spaces.
    case pieces
  }

  /// `nil` where neither is described.
  let kind: Kind?
  /// Whether texts are composed (Unicode's NFC) before they are divided.
  private(set) var composes = false
  /// What it asks for that is not computed here: its tokens would be others.
  private(set) var doubts: [String] = []

  init(_ tokenizer: JSONValue?) {
    let before = Self.steps(tokenizer?["pre_tokenizer"], "pretokenizers")
    let after = Self.steps(tokenizer?["decoder"], "decoders")
    let normalizers = Self.steps(tokenizer?["normalizer"], "normalizers")
    func has(_ steps: [JSONValue], _ type: String) -> Bool { steps.contains { $0["type"]?.string == type } }
    let marks = normalizers.contains { step in
      step["prepend"]?.string == "\u{2581}" || step["content"]?.string == "\u{2581}"
    }
    if has(before, "ByteLevel") {
      kind = .byteLevel
    } else if has(before, "Metaspace") || marks {
      kind = .pieces
    } else {
      kind =
        has(after, "ByteLevel") ? .byteLevel : has(after, "Metaspace") || has(after, "ByteFallback") ? .pieces : nil
    }
    addDoubts(tokenizer?["model"])
    for step in normalizers { addDoubts(normalizer: step) }
    for step in before { addDoubts(preTokenizer: step) }
  }

  private mutating func addDoubts(_ model: JSONValue?) {
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = model?[name]?.string, !text.isEmpty { doubts.append("has the \(name) \"\(text)\"") }
    }
    if let dropout = model?["dropout"]?.double, dropout > 0 { doubts.append("drops merges at random") }
  }

  private mutating func addDoubts(normalizer step: JSONValue) {
    let type = step["type"]?.string ?? "?"
    switch (kind, type) {
    case (_, "NFC"): composes = true
    case (.pieces?, "Prepend") where step["prepend"]?.string == "\u{2581}": break
    case (.pieces?, "Replace") where step["content"]?.string == "\u{2581}" && step["pattern"]?["String"]?.string == " ":
      break
    default: doubts.append("normalises texts by \(type)")
    }
  }

  private mutating func addDoubts(preTokenizer step: JSONValue) {
    switch step["type"]?.string {
    case "ByteLevel" where step["add_prefix_space"]?.bool == true: doubts.append("puts a space before every text")
    case "Split":
      let (behavior, inverts) = (step["behavior"]?.string ?? "Isolated", step["invert"]?.bool ?? false)
      // What matches is a piece; or what matches not is taken out, of a pattern that matches all.
      let isolates = behavior == "Isolated" && !inverts || behavior == "Removed" && inverts
      if !isolates { doubts.append("splits texts by \(behavior)\(inverts ? ", inverted" : "")") }
    default: break
    }
  }

  /// The steps of a part, those within sequences too.
  private static func steps(_ part: JSONValue?, _ inner: String) -> [JSONValue] {
    guard let part, !part.isNull else { return [] }
    guard part["type"]?.string == "Sequence" else { return [part] }
    return (part[inner]?.elements ?? []).flatMap { steps($0, inner) }
  }
}
