internal import FileAccess

/// The tokens of a language model, as GGUF's metadata holds them (`tokenizer.ggml.*`): what a tokenizer is built from.
///
/// Read from a GGUF file, or from the tokenizer's files of a Hugging Face folder by the rules of llama.cpp's converter.
public struct Vocabulary: Sendable {
  public var model: Model
  /// llama.cpp's name of the rule that splits a text before byte pairs are merged: `gpt-2`, `llama-bpe`, `qwen2`, …
  public var splitting: String
  /// The tokens' bytes; of byte pairs in GPT-2's printable form.
  public var tokens: [[UInt8]] = []
  /// Of SentencePiece: the larger, the sooner merged.
  public var scores: [Float] = []
  public var kinds: [TokenKind] = []
  /// Pairs, a space between, the first merged first.
  public var merges: [String] = []
  /// The ids of tokens that do something, in the order of the file.
  public var specials: [(role: Role, id: Int)] = []
  /// Whether the tokens of a role are put around a text.
  public var additions: [(role: Role, isAdded: Bool)] = []
  /// Whether a space is put before a text (SentencePiece).
  public var addsSpacePrefix: Bool?
  /// Whether a text that begins with a space gets no other before it.
  public var keepsFirstSpace = false
  /// Whether only what begins a text gets a space before it, and not what follows a special token.
  public var prefixesFirstAlone = false
  /// Whether no piece goes on over a space.
  public var splitsAtSpaces = false
  public var chatTemplate: String?
  /// Of WordPiece.
  public var lowercases: Bool?
  public var stripsAccents: Bool?
  /// Segments that a token can belong to (BERT).
  public var tokenTypes: Int?
  /// Whether texts are composed (Unicode's NFC) before they are divided; GGUF has no word for it.
  public var composes = false
  /// Whether a whole piece that is a token is taken without merging; `nil` where the splitting's name says it.
  public var ignoresMerges: Bool?
  /// What could not be told from the files.
  public var notes: [String] = []
  /// What the files ask of a tokenizer that is not computed here: tokens made without it would be wrong.
  public var doubts: [String] = []

  public enum Model: String, Sendable {
    /// Byte pairs over GPT-2's printable bytes.
    case bytePairs = "gpt2"
    /// SentencePiece's pairs merged by score, with bytes for what is unknown.
    case sentencePiece = "llama"
    case wordPiece = "bert"
    /// SentencePiece's unigrams.
    case unigram = "t5"
    case none = "none"
  }

  /// GGUF's `tokenizer.ggml.token_type`.
  public enum TokenKind: Int, Sendable {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  public enum Role: String, Sendable, CaseIterable {
    case bos, eos, unk, sep, pad, cls, mask, eot, eom

    /// GGUF's key for the token's id.
    var key: String {
      let name =
        switch self {
        case .unk: "unknown"
        case .sep: "seperator"
        case .pad: "padding"
        default: rawValue
        }
      return "tokenizer.ggml.\(name)_token_id"
    }
  }

  public init(model: Model, splitting: String) {
    self.model = model
    self.splitting = splitting
  }

  public func id(of role: Role) -> Int? { specials.first { $0.role == role }?.id }
}

// MARK: - GGUF's metadata

extension Vocabulary {
  /// As the converter writes it.
  public var fields: [(key: String, value: GGUFField)] {
    var fields: [(key: String, value: GGUFField)] = []
    if let tokenTypes { fields.append(("tokenizer.ggml.token_type_count", .u32(tokenTypes))) }
    fields.append(("tokenizer.ggml.model", .string(model.rawValue)))
    guard model != .none else { return fields }
    fields.append(("tokenizer.ggml.pre", .string(splitting)))
    fields.append(("tokenizer.ggml.tokens", .texts(tokens)))
    if !scores.isEmpty { fields.append(("tokenizer.ggml.scores", .f32s(scores))) }
    fields.append(("tokenizer.ggml.token_type", .i32s(kinds.map(\.rawValue))))
    if !merges.isEmpty { fields.append(("tokenizer.ggml.merges", .strings(merges))) }
    // The converter has no key for `cls`: it is `bos`.
    for (role, id) in specials where role != .cls { fields.append((role.key, .u32(id))) }
    for (role, isAdded) in additions {
      fields.append(("tokenizer.ggml.add_\(role.rawValue)_token", .bool(isAdded)))
    }
    if let chatTemplate { fields.append(("tokenizer.chat_template", .string(chatTemplate))) }
    if let lowercases { fields.append(("tokenizer.ggml.normalizer.lowercase", .bool(lowercases))) }
    if let stripsAccents { fields.append(("tokenizer.ggml.normalizer.strip_accents", .bool(stripsAccents))) }
    if let addsSpacePrefix { fields.append(("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix))) }
    return fields
  }

  /// From a GGUF file's metadata; `nil` where it has no tokens.
  public init?(fields: [(key: String, value: GGUFField)]) {
    var known: [String: GGUFField] = [:]
    for (key, value) in fields where key.hasPrefix("tokenizer.") { known[key] = value }
    func field(_ key: String) -> GGUFField? { known["tokenizer.ggml." + key] }
    guard let tokens = field("tokens")?.strings, let name = field("model")?.string, let model = Model(rawValue: name)
    else { return nil }
    self.init(model: model, splitting: field("pre")?.string ?? "default")
    self.tokens = tokens
    scores = field("scores")?.doubles?.map { Float($0) } ?? []
    kinds = field("token_type")?.doubles?.map { Int(exactly: $0).flatMap(TokenKind.init) ?? .normal } ?? []
    merges = field("merges")?.strings?.map { String(decoding: $0, as: UTF8.self) } ?? []
    for role in Role.allCases {
      if let id = known[role.key]?.int, tokens.indices.contains(id) { specials.append((role, id)) }
      if let isAdded = field("add_\(role.rawValue)_token")?.bool { additions.append((role, isAdded)) }
    }
    addsSpacePrefix = field("add_space_prefix")?.bool
    chatTemplate = known["tokenizer.chat_template"]?.string
    lowercases = field("normalizer.lowercase")?.bool
    stripsAccents = field("normalizer.strip_accents")?.bool
    tokenTypes = field("token_type_count")?.int
  }
}

extension GGUFField {
  static func texts(_ values: [[UInt8]]) -> GGUFField {
    var bytes = littleEndian(Kind.string.rawValue) + littleEndian(UInt64(values.count))
    for value in values { bytes += text(value) }
    return GGUFField(kind: .array, bytes: bytes)
  }
}
