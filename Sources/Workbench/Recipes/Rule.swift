import Compression

/// `PATTERN=SPEC`: one scheme for all that the pattern matches.
public struct Rule: Sendable, Hashable {
  public let pattern: Pattern
  public let scheme: Scheme

  public init(pattern: Pattern, scheme: Scheme) {
    self.pattern = pattern
    self.scheme = scheme
  }

  /// Splits at the last `=` that is followed by a scheme word. `scale=bf16` is an option of the SPEC before it, though
  /// `bf16` is a scheme word too: where a SPEC that begins earlier takes the rest in, it has it.
  ///
  /// - Throws: `WorkbenchError` where there is none, or where the SPEC is wrong.
  public init(_ text: String) throws(WorkbenchError) {
    let candidates = text.indices.filter { index in
      guard text[index] == "=" else { return false }
      let word = text[text.index(after: index)...].prefix { $0 != "," }
      return Scheme.words.contains(word.lowercased())
    }
    let whole = candidates.first { (try? Scheme(spec: String(text[text.index(after: $0)...]))) != nil }
    guard let split = whole ?? candidates.first ?? text.firstIndex(of: "=") else {
      throw WorkbenchError("\"\(text)\": expected PATTERN=SPEC, as in '*=int4,group=32'")
    }
    let pattern = String(text[..<split])
    guard !pattern.isEmpty else { throw WorkbenchError("\"\(text)\": there is no pattern before the =") }
    do {
      self.init(
        pattern: Pattern(pattern), scheme: try Scheme(spec: String(text[text.index(after: split)...])))
    } catch {
      throw WorkbenchError(error.description)
    }
  }
}
