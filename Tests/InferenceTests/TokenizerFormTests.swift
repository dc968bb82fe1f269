import Checkpoints
import FileAccess
import Foundation
import Support
import Testing

@testable import Inference

/// What kind of tokenizer a tokenizer.json is, and what is refused (Tests/Peers/make_tokenizer_forms.py).
@Suite struct TokenizerFormTests {
  private struct Expected: Decodable {
    let texts: [String]
    let ids: [String: [[Int]]]
  }

  private static func tokenizer(_ folder: String) throws -> Tokenizer {
    let config = try JSONValue(text: "{}", path: "config.json")
    if let merged = try Vocabulary.mergedPieces(folder: folder, config: config) { return try Tokenizer(merged) }
    return try Tokenizer(try Vocabulary.huggingFace(folder: folder, config: config, style: .llama))
  }

  @Test(arguments: ["bytes-with-fallback", "composed", "ignored-merges", "pieces", "pieces-first"])
  func tokensAreThoseOfTokenizers(name: String) throws {
    let expected = try Fixtures.decode(Expected.self, from: "tokenizer-forms/expected.json")
    let tokenizer = try Self.tokenizer(fixture("tokenizer-forms/\(name)"))
    for (text, ids) in zip(expected.texts, try #require(expected.ids[name])) {
      #expect(tokenizer.encode(text, addingSpecials: false) == ids, "\(text.debugDescription)")
    }
  }

  /// Where LATHE_TOKENIZERS names a JSON of `make_tokenizer_forms.py --of`: whole tokenizers of packages.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["LATHE_TOKENIZERS"] != nil))
  func tokensOfPackagesAreThoseOfTokenizers() throws {
    let path = try #require(ProcessInfo.processInfo.environment["LATHE_TOKENIZERS"])
    let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    for (path, all) in expected.ids.sorted(by: { $0.key < $1.key }) {
      let folder = String(path.dropLast("/tokenizer.json".count))
      do {
        let config = try JSONValue(text: "{}", path: "config.json")
        let isWordPiece = try JSONValue(path: path)?["model"]?["type"]?.string == "WordPiece"
        let tokenizer =
          isWordPiece
          ? try Tokenizer(Vocabulary.huggingFace(folder: folder, config: config, style: .wordPiece))
          : try Self.tokenizer(folder)
        var wrong = 0
        for (text, ids) in zip(expected.texts, all) {
          if tokenizer.encode(text, addingSpecials: false) != ids { wrong += 1 }
        }
        print("tokenizers: \(path): \(all.count - wrong) of \(all.count) texts as tokenizers has them")
        #expect(wrong == 0, "\(path)")
      } catch { print("tokenizers: \(path): refused: \(error)") }
    }
  }

  @Test(arguments: [
    (#""normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}"#, "NFKC"),
    (#""pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true}"#, "space before"),
    (
      #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"q+"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#,
      "pattern"
    ),
    (#""pre_tokenizer":{"type":"Whitespace"}"#, "neither"),
    (#""pre_tokenizer":null"#, "neither"),
  ])
  func whatIsNotKnownIsRefused(form: (members: String, word: String)) throws {
    let folder = TemporaryFolder()
    folder.write(
      "tokenizer.json", "{\(form.members),\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}")
    do {
      _ = try Self.tokenizer(folder.path)
      Issue.record("taken: \(form.members)")
    } catch { #expect("\(error)".contains(form.word), "\(error)") }
  }

  /// A thousand control tokens that share their beginnings, and a text of nothing else: linear, and the longest wins.
  @Test func tokensThatShareTheirBeginningAreFoundInLinearTime() throws {
    let names = (1...1024).map { String(repeating: "<", count: $0) }
    let automaton = PatternAutomaton(names.enumerated().map { (Array($1.utf8), $0) })
    let text = Array(String(repeating: "<", count: 1 << 20).utf8)
    let found = automaton.longestMatches(text)
    #expect(automaton.pattern(found[0])?.length == 1024 && automaton.pattern(found[text.count - 3])?.length == 3)
  }

  @Test func theLongestTokenFromTheLeftIsTaken() throws {
    let automaton = PatternAutomaton(
      [("ab", 0), ("abcd", 1), ("bc", 2), ("", 3), ("ab", 4)].map { (Array($0.0.utf8), $0.1) })
    let found = automaton.longestMatches(Array("xabcabcdbc".utf8)).map { automaton.pattern($0)?.id }
    #expect(found == [nil, 0, 2, nil, 1, 2, nil, nil, 2, nil])
  }
}
