/// How a text is divided before byte pairs are merged: no token reaches over a border.
///
/// Names and patterns are llama.cpp's (llama-vocab.cpp), which are those of the models' tokenizer.json.
struct PreTokenizer: Sendable {
  private let steps: [SplitPattern]
  /// Whether a whole piece that is a token is taken without merging.
  let ignoresMerges: Bool
  /// Whether a start token is put before a text where the file does not say.
  let addsStart: Bool
  /// Whether the name was known; what is not is divided as `default`.
  let isKnown: Bool

  init(_ name: String) {
    let llama3: Set<String> = [
      "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
    ]
    ignoresMerges = llama3.contains(name) || name == "tekken"
    addsStart = llama3.contains(name) || name == "tekken" || name == "chameleon"
    let found = Self.steps(name, isLlama3: llama3.contains(name))
    isKnown = found != nil
    steps = found ?? Self.usual
  }

  private static let usual: [SplitPattern] = [
    .punctuation(including: ["$", "+", "<", "=", ">", "^", "~", "|"]), .words(.gpt2), .numbers(0), .threeDigits,
  ]

  private static func steps(_ name: String, isLlama3: Bool) -> [SplitPattern]? {
    if isLlama3 { return [.words(WordPattern())] }
    switch name {
    case "default": return usual
    case "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0", "mellum",
      "modern-bert", "mpt", "olmo", "jais", "trillion", "granite-docling", "jina-v1-en", "jina-v2-code", "roberta-bpe",
      "exaone4":
      return [.words(.gpt2)]
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2":
      return [.numbers(1), .words(.gpt2)]
    case "falcon":
      return [
        .punctuation(including: ["$", "+", "<", "=", ">", "^", "~", "|", "`"]), .words(.gpt2), .threeDigits,
      ]
    case "smaug-bpe", "dbrx", "glm4", "glm5", "chatglm-bpe": return [.words(WordPattern())]
    case "qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "kormo", "f2llmv2", "grok-2", "solar-open":
      return [.words(WordPattern(numbers: .most(1)))]
    case "qwen35":
      return [.words(WordPattern(letters: .withMarks, numbers: .most(1), othersExcludeMarks: true))]
    case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
      return [.words(WordPattern(contractions: .afterWords, letters: .cased, othersTakeSlashes: true))]
    case "tekken":
      return [
        .words(WordPattern(contractions: .none, letters: .cased, numbers: .most(1), othersTakeSlashes: true))
      ]
    case "deepseek-v3", "hunyuan-dense", "joyai-llm":
      return [
        .numbers(3), .ranges([0x4E00...0x9FA5, 0x3040...0x309F, 0x30A0...0x30FF]),
        .words(WordPattern(contractions: .none, letters: .deepSeek, numbers: .none, othersArePunctuation: true)),
      ]
    case "deepseek-coder":
      return [
        .lineEnds, .run(.letter, spaceBefore: true), .run(.punctuation, spaceBefore: true),
        .ranges([0x4E00...0x9FA5, 0x0800...0x4E00, 0xAC00...0xD7FF]), .numbers(1),
      ]
    default: return nil
    }
  }

  /// The pieces of a text as ranges of its bytes, in order, none empty. Linear in the text, but for long runs of
  /// capitals.
  func pieces(_ text: ClassifiedText) -> [Range<Int>] {
    var pieces = [0..<text.scalars.count]
    for step in steps {
      var finer: [Range<Int>] = []
      finer.reserveCapacity(pieces.count)
      for piece in pieces { Self.divide(piece, step, text, &finer) }
      pieces = finer
    }
    return pieces.map { text.offsets[$0.lowerBound]..<text.offsets[$0.upperBound] }
  }

  private static func divide(
    _ piece: Range<Int>, _ step: SplitPattern, _ text: ClassifiedText, _ pieces: inout [Range<Int>]
  ) {
    var (left, at) = (piece.lowerBound, piece.lowerBound)
    while at < piece.upperBound {
      guard let end = step.match(text, at, piece.upperBound) else {
        at += 1
        continue
      }
      if left < at { pieces.append(left..<at) }
      pieces.append(at..<end)
      (left, at) = (end, end)
    }
    if left < at { pieces.append(left..<at) }
  }
}
