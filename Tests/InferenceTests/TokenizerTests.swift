import Checkpoints
import FileAccess
import Foundation
import Support
import Testing

@testable import Inference

struct TokenizerTests {
  /// What PyPI's tokenizers and sentencepiece make of texts; by Tests/Peers/make_tokenizer_outputs.py.
  struct Expected: Decodable {
    let texts: [String]
    /// Lengths in characters (Unicode scalars).
    let pieces: [String: [[Int]]]
    let tokens: [String: [[Int]]]
    let decoded: [String: [String]]
  }

  static let expected = try! Fixtures.decode(Expected.self, from: "tokenizers.json")

  @Test(arguments: expected.pieces.keys.sorted()) func textsAreDividedAsThePatternSays(_ name: String) throws {
    let pre = PreTokenizer(name)
    #expect(pre.isKnown)
    for (text, expected) in zip(Self.expected.texts, try #require(Self.expected.pieces[name])) {
      let bytes = Array(text.utf8)
      let pieces = pre.pieces(ClassifiedText(text[...].unicodeScalars))
      let found = pieces.map { String(decoding: bytes[$0], as: UTF8.self).unicodeScalars.count }
      #expect(found == expected, "\(text.debugDescription)")
    }
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    if name == "merged-pieces" {
      let config = try #require(try JSONValue(path: fixture("merged-pieces/config.json")))
      return try Tokenizer(try #require(try Vocabulary.mergedPieces(folder: fixture(name), config: config)))
    }
    let path = name == "shakespeare" ? sample("shakespeare-llama") : fixture("huggingface/\(name)")
    return try Transformer(try Checkpoint.open(path)).loadTokenizer()
  }

  @Test(arguments: expected.tokens.keys.sorted()) func tokensAreThePeers(_ name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    for (index, text) in Self.expected.texts.enumerated() {
      let expected = try #require(Self.expected.tokens[name])[index]
      // SentencePiece's own program knows neither added tokens nor a start.
      if name == "llama-pieces", text.contains("<|") { continue }
      let found = tokenizer.encode(text, addingSpecials: name == "bert", parsingSpecials: name != "merged-pieces")
      #expect(found == expected, "\(text.debugDescription)")
    }
  }

  @Test(arguments: expected.decoded.keys.sorted()) func tokensAreReadAsThePeersDo(_ name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    for (index, text) in try #require(Self.expected.decoded[name]).enumerated() {
      let tokens = try #require(Self.expected.tokens[name])[index]
      #expect(tokenizer.decode(tokens) == text)
    }
  }

  @Test func whatWasEncodedIsDecoded() throws {
    let tokenizer = try Self.tokenizer("shakespeare")
    for text in Self.expected.texts {
      #expect(tokenizer.decode(tokenizer.encode(text), showingSpecials: true) == text)
      #expect(try tokenizer.encode(Array(text.utf8)) == tokenizer.encode(text))
    }
  }

  @Test func steeringTokensAreTextWhereTheyAreNotAskedFor() throws {
    let tokenizer = try Self.tokenizer("shakespeare")
    #expect(tokenizer.encode("a<|endoftext|>").last == 0)
    #expect(tokenizer.encode("a<|endoftext|>", parsingSpecials: false).last != 0)
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    let tokenizer = try Self.tokenizer("shakespeare")
    do {
      _ = try tokenizer.encode([0x61, 0xC3, 0xA4, 0xFF, 0x62])
      Issue.record("bytes that are no UTF-8 were taken")
    } catch { #expect("\(error)".contains("from 3 on")) }
    #expect(tokenizer.decode([-1, 1 << 40, 40]) == tokenizer.decode([40]))
  }

  @Test func longWordsAreMergedAsShortOnes() throws {
    // Both ways to merge, on words that are just over and under the border, made of the same parts.
    let tokenizer = try Self.tokenizer("shakespeare")
    let word = "thethethethethethethethethethethethethethethe"
    let short = tokenizer.encode(word)
    let long = tokenizer.encode(word + word)
    #expect(tokenizer.decode(long) == word + word && long.count <= 2 * short.count)
  }

  @Test func unigramsTakeTheLikeliestDivision() throws {
    var vocabulary = Vocabulary(model: .unigram, splitting: "default")
    let pieces: [(String, Float)] = [
      ("<unk>", 0), ("\u{2581}", -3), ("a", -2), ("b", -2), ("ab", -3), ("abb", -7), ("bb", -2.5), ("\u{2581}a", -4),
    ]
    vocabulary.tokens = pieces.map { Array($0.0.utf8) }
    vocabulary.scores = pieces.map(\.1)
    vocabulary.kinds = [.unknown] + Array(repeating: .normal, count: 7)
    vocabulary.specials = [(.unk, 0)]
    let tokenizer = try Tokenizer(vocabulary)
    // ▁a + bb scores −6.5; ▁ + abb −10, ▁ + a + bb −7.5.
    #expect(tokenizer.encode("abb", addingSpecials: false) == [7, 6])
    #expect(tokenizer.encode("bzzb", addingSpecials: false) == [1, 3, 0, 3])
    #expect(tokenizer.encode("", addingSpecials: false) == [])
  }
}
