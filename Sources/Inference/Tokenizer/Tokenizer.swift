#if canImport(Darwin)
  internal import Foundation
#else
  @_spi(_Unicode) internal import Swift
#endif
public import Checkpoints
internal import FileAccess

/// Turns texts into a model's token ids and back, by the vocabulary that the model's file carries.
///
/// A value that any thread may use.
public struct Tokenizer: Sendable {
  public let vocabulary: Vocabulary
  /// What is put before and after a text when specials are added; `nil` for nothing.
  public let start: Int?
  public let end: Int?
  /// What is not certain: a rule for dividing texts that is not known.
  public let notes: [String]
  private let specials: SpecialTokens
  private let model: Model
  /// The bytes that each token stands for in a text.
  private let texts: [[UInt8]]

  private enum Model: Sendable {
    case bytePairs(BytePairs, PreTokenizer)
    case scoredPairs(ScoredPairs)
    case unigrams(Unigrams)
    case wordPieces(WordPieces)
  }

  /// - Throws: where there are no tokens, and where a rule is asked for that is not known: tokens would be others than
  ///   those that the model learnt.
  public init(_ vocabulary: Vocabulary) throws(InferenceError) {
    guard vocabulary.model != .none, !vocabulary.tokens.isEmpty, vocabulary.tokens.count < 1 << 24 else {
      throw InferenceError("tokenizer", "the model carries no tokenizer")
    }
    guard vocabulary.doubts.isEmpty else {
      throw InferenceError(
        "tokenizer",
        "is of a kind that is not known here: it \(vocabulary.doubts.joined(separator: ", and it ")); give token ids in an .npy"
      )
    }
    // A damaged file may have other counts of kinds and scores than of tokens.
    var vocabulary = vocabulary
    let count = vocabulary.tokens.count
    vocabulary.kinds =
      vocabulary.kinds.prefix(count) + Array(repeating: .normal, count: max(0, count - vocabulary.kinds.count))
    vocabulary.scores =
      vocabulary.scores.prefix(count) + Array(repeating: 0, count: max(0, count - vocabulary.scores.count))
    self.vocabulary = vocabulary
    specials = SpecialTokens(vocabulary)
    var addsStart = vocabulary.isAdded(.bos)
    var addsEnd = vocabulary.isAdded(.eos)
    switch vocabulary.model {
    case .bytePairs:
      let pre = PreTokenizer(vocabulary.splitting)
      guard pre.isKnown else {
        throw InferenceError(
          "tokenizer",
          "divides texts by the rule '\(vocabulary.splitting)', which is not known here; give token ids in an .npy")
      }
      texts = vocabulary.tokens.enumerated().map { id, token in
        vocabulary.kinds[id] == .normal ? PrintableBytes.raw(token) ?? token : token
      }
      model = .bytePairs(BytePairs(vocabulary, ignoresMerges: vocabulary.ignoresMerges ?? pre.ignoresMerges), pre)
      addsStart = addsStart ?? pre.addsStart
    case .wordPiece:
      texts = vocabulary.tokens
      model = .wordPieces(WordPieces(vocabulary))
      // `add_sep_token` is about pairs of texts.
      (addsStart, addsEnd) = (true, true)
    case .unigram:
      texts = vocabulary.tokens.map { Self.spaced($0) }
      model = .unigrams(Unigrams(vocabulary))
      addsEnd = addsEnd ?? true
    default:
      texts = vocabulary.tokens.enumerated().map { id, token in Self.byte(vocabulary, id) ?? Self.spaced(token) }
      model = .scoredPairs(ScoredPairs(vocabulary))
      addsStart = addsStart ?? true
    }
    notes = vocabulary.notes
    start = addsStart == true ? vocabulary.id(of: .bos) ?? vocabulary.id(of: .cls) : nil
    end = addsEnd == true ? vocabulary.id(of: .sep) ?? vocabulary.id(of: .eos) : nil
  }

  // MARK: - Encoding

  /// The tokens of a text.
  ///
  /// - Parameters:
  ///   - addingSpecials: Whether the model's start and end tokens are put around it.
  ///   - parsingSpecials: Whether `<|endoftext|>` in the text is that token; tokens that users added always are.
  public func encode(_ text: String, addingSpecials: Bool = true, parsingSpecials: Bool = true) -> [Int] {
    encode(valid: Array(text.utf8), addingSpecials, parsingSpecials)
  }

  /// The tokens of a text in UTF-8.
  ///
  /// - Throws: where the bytes are not UTF-8; the message says where.
  public func encode(
    _ bytes: [UInt8], addingSpecials: Bool = true, parsingSpecials: Bool = true
  ) throws(InferenceError) -> [Int] {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      var decoder = UTF8()
      var iterator = bytes.makeIterator()
      var count = 0
      while case .scalarValue(let scalar) = decoder.decode(&iterator) { count += UTF8.width(scalar) }
      throw InferenceError("text", "is not UTF-8: the bytes from \(count) on are no character")
    }
    return encode(valid: bytes, addingSpecials, parsingSpecials)
  }

  private func encode(valid bytes: [UInt8], _ addingSpecials: Bool, _ parsingSpecials: Bool) -> [Int] {
    var tokens: [Int] = []
    if addingSpecials, let start { tokens.append(start) }
    var afterSpecial = true
    var cache: [ArraySlice<UInt8>: [Int]] = [:]
    for part in specials.parts(bytes, takesControl: parsingSpecials) {
      switch part {
      case .token(let id):
        tokens.append(id)
        afterSpecial = true
      case .text(let range):
        let text = vocabulary.composes ? Self.composed(bytes[range]) : bytes[range]
        let isPrefixed = vocabulary.prefixesFirstAlone ? range.lowerBound == bytes.startIndex : afterSpecial
        encode(text, isPrefixed, &cache, into: &tokens)
        afterSpecial = false
      }
    }
    if addingSpecials, let end { tokens.append(end) }
    return tokens
  }

  /// The most words that are remembered in one text.
  private static let cacheSize = 1 << 16

  private func encode(
    _ bytes: ArraySlice<UInt8>, _ isPrefixed: Bool, _ cache: inout [ArraySlice<UInt8>: [Int]],
    into tokens: inout [Int]
  ) {
    switch model {
    case .bytePairs(let pairs, let pre):
      let text = String(decoding: bytes, as: UTF8.self)
      for piece in pre.pieces(ClassifiedText(text[...].unicodeScalars)) {
        let word = bytes[bytes.startIndex + piece.lowerBound..<bytes.startIndex + piece.upperBound]
        if let known = cache[word] {
          tokens += known
          continue
        }
        let found = pairs.encode(word)
        if cache.count < Self.cacheSize, word.count < 64 { cache[word] = found }
        tokens += found
      }
    case .wordPieces(let pieces):
      tokens += pieces.encode(String(decoding: bytes, as: UTF8.self)[...])
    case .scoredPairs(let pairs):
      let text = marked(bytes, isPrefixed)
      for word in vocabulary.splitsAtSpaces ? Self.words(text) : [text] { tokens += pairs.encode(word) }
    case .unigrams(let unigrams): tokens += unigrams.encode(marked(bytes, isPrefixed))
    }
  }

  /// A text divided before each U+2581.
  private static func words(_ text: [UInt8]) -> [[UInt8]] {
    var starts = text.indices.filter { text[$0] == mark[0] && text[$0...].starts(with: mark) }
    if starts.first != 0 { starts.insert(0, at: 0) }
    return zip(starts, starts.dropFirst() + [text.count]).map { Array(text[$0..<$1]) }
  }

  /// With U+2581 for spaces, and one before where the model wants it.
  private func marked(_ bytes: ArraySlice<UInt8>, _ isPrefixed: Bool) -> [UInt8] {
    var marked: [UInt8] = []
    marked.reserveCapacity(bytes.count + 8)
    let isSpaced = vocabulary.keepsFirstSpace && (bytes.first == 0x20 || bytes.starts(with: Self.mark))
    if isPrefixed, vocabulary.addsSpacePrefix ?? true, !isSpaced { marked += Self.mark }
    for byte in bytes { if byte == 0x20 { marked += Self.mark } else { marked.append(byte) } }
    return marked
  }

  /// The text in Unicode's normal form C.
  private static func composed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    // Below U+0300 every character is its own; its UTF-8 begins with less than 0xCC.
    guard text.contains(where: { $0 >= 0xCC }) else { return text }
    #if canImport(Darwin)
      return Array(String(decoding: text, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)[...]
    #else
      var bytes: [UInt8] = []
      bytes.reserveCapacity(text.count)
      for scalar in String(decoding: text, as: UTF8.self)._nfc { bytes += Array(String(scalar).utf8) }
      return bytes[...]
    #endif
  }

  // MARK: - Decoding

  /// The bytes that tokens stand for. Tokens that steer are left out unless they are asked for; ids of no token too.
  public func bytes(_ tokens: some Sequence<Int>, showingSpecials: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    var isFirst = true
    for id in tokens where texts.indices.contains(id) {
      let kind = vocabulary.kinds[id]
      if kind == .control || kind == .unknown || kind == .unused {
        if showingSpecials { bytes += vocabulary.tokens[id] }
        continue
      }
      var text = texts[id][...]
      switch vocabulary.model {
      case .wordPiece where text.starts(with: Self.mark):
        text = text.dropFirst(3)
        if !isFirst { bytes.append(0x20) }
      case .sentencePiece, .unigram:
        if isFirst, vocabulary.addsSpacePrefix ?? true, text.first == 0x20 { text = text.dropFirst() }
      default: break
      }
      bytes += text
      isFirst = false
    }
    return bytes
  }

  /// The text that tokens stand for; what is no whole character becomes U+FFFD.
  public func decode(_ tokens: some Sequence<Int>, showingSpecials: Bool = false) -> String {
    String(decoding: bytes(tokens, showingSpecials: showingSpecials), as: UTF8.self)
  }

  private static let mark = Array("\u{2581}".utf8)

  private static func spaced(_ token: [UInt8]) -> [UInt8] {
    Array(String(decoding: token, as: UTF8.self).replacing("\u{2581}", with: " ").utf8)
  }

  /// `<0x0A>` as its byte.
  private static func byte(_ vocabulary: Vocabulary, _ id: Int) -> [UInt8]? {
    guard vocabulary.kinds[id] == .byte, vocabulary.tokens[id].count == 6 else {
      return nil
    }
    return UInt8(String(decoding: vocabulary.tokens[id][3...4], as: UTF8.self), radix: 16).map { [$0] }
  }
}

extension Tokenizer {
  /// The tokenizer that a GGUF file carries.
  ///
  /// - Throws: where it carries none.
  /// - Precondition: the checkpoint is GGUF.
  public init(gguf checkpoint: Checkpoint) throws(InferenceError) {
    let fields: [(key: String, value: GGUFField)]
    do { fields = try checkpoint.ggufFields() } catch { throw InferenceError(error.file, error.reason) }
    guard let vocabulary = Vocabulary(fields: fields) else {
      throw InferenceError(checkpoint.path, "carries no tokenizer, or one of a kind that is not known")
    }
    try self.init(vocabulary)
  }
}
