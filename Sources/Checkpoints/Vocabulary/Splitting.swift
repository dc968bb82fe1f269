internal import FileAccess

/// How a byte-pair tokenizer splits a text before it merges, recognised from its pre-tokenizer's patterns.
///
/// llama.cpp's converter tells them apart by what they make of a test text; the patterns themselves say as much, and
/// need no tokenizer. Names are llama.cpp's (llama-vocab.cpp).
struct Splitting {
  /// llama.cpp's name of the rule; `nil` for one that is not known.
  let name: String?

  init(_ tokenizer: JSONValue?) {
    let steps = Self.steps(tokenizer?["pre_tokenizer"])
    let ignoresMerges = tokenizer?["model"]?["ignore_merges"]?.bool == true
    let key = steps.joined(separator: "\n")
    if key == Self.llama3 {
      // The same pattern, and whole words taken where they are tokens, or not.
      name = ignoresMerges ? "llama-bpe" : "smaug-bpe"
    } else {
      name = Self.known[key]
    }
  }

  /// The pre-tokenizer's steps in short: patterns, `gpt2` for GPT-2's built-in one, `digits` for single digits.
  private static func steps(_ step: JSONValue?) -> [String] {
    switch step?["type"]?.string {
    case "Sequence": return (step?["pretokenizers"]?.elements ?? []).flatMap { steps($0) }
    case "ByteLevel": return step?["use_regex"]?.bool == false ? [] : ["gpt2"]
    case "Digits": return [step?["individual_digits"]?.bool == true ? "digits" : "numbers"]
    case "Split":
      let pattern = step?["pattern"]?["Regex"]?.string ?? step?["pattern"]?["String"]?.string ?? "?"
      // Line ends are written as they are, or as escapes. Both together are one Character, but two of the pattern's.
      var written = ""
      for scalar in pattern.unicodeScalars {
        written += scalar == "\r" ? "\\r" : scalar == "\n" ? "\\n" : String(scalar)
      }
      return [written]
    case "Punctuation": return ["punctuation"]
    case "Whitespace": return ["whitespace"]
    case let type?: return [type]
    case nil: return []
    }
  }

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let tail = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let llama3 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"# + tail
  private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let cased = #"[^\r\n\p{L}\p{N}]?"#

  private static let known: [String: String] = [
    "gpt2": "gpt-2",
    "digits\ngpt2": "smollm",
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + tail: "qwen2",
    contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#:
      "qwen35",
    cased + upper + "*" + lower + "+" + contractions + "?|" + cased + upper + "+" + lower + "*" + contractions
      + #"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#: "gpt-4o",
    cased + upper + "*" + lower + "+|" + cased + upper + "+" + lower
      + #"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#: "tekken",
    #"\p{N}{1,3}"# + "\n[一-龥぀-ゟ゠-ヿ]+\n"
      + ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##:
      "deepseek-v3",
    "punctuation\ngpt2\nnumbers": "falcon",
  ]
}
