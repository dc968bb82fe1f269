import FileAccess
import Foundation
import Support
import Testing

@testable import Checkpoints

/// Tokenizers whose numbers are none of a vocabulary's.
struct HostileVocabularyTests {
  private let folder = TemporaryFolder()

  private func read(tokenizer: String, config: String) throws -> Vocabulary {
    let path = folder.write("tokenizer.json", Array(tokenizer.utf8))
    let json = try JSONValue(text: config, path: "config.json")
    return try Vocabulary.huggingFace(
      folder: String(path.dropLast("/tokenizer.json".count)), config: json, style: .bytePairs)
  }

  @Test(arguments: [
    (#"{"a": -5}"#, "{}"), (#"{"a": 9223372036854775807}"#, "{}"), (#"{"a": 0}"#, #"{"vocab_size": -1}"#),
    (#"{"a": 0}"#, #"{"vocab_size": 9223372036854775807}"#), (#"{"a": 4194304}"#, "{}"), (#"{"a": 1e300}"#, "{}"),
  ])
  func idsThatNoVocabularyHasAreRefused(_ tokens: String, _ config: String) {
    #expect(throws: CheckpointError.self) {
      try read(tokenizer: #"{"model": {"type": "BPE", "vocab": \#(tokens)}}"#, config: config)
    }
  }

  @Test func tokenTypesThatAreNoWholeNumbersAreOrdinary() throws {
    let fields: [(key: String, value: GGUFField)] = [
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.tokens", .strings(["a", "b", "c", "d"])),
      ("tokenizer.ggml.token_type", .f32s([.nan, .infinity, 3, -1e30])),
    ]
    let vocabulary = try #require(Vocabulary(fields: fields))
    #expect(vocabulary.kinds == [.normal, .normal, .control, .normal])
  }
}
