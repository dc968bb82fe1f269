import Checkpoints
import Compression
import FileAccess
import Foundation
import Numerics
import Support
import Testing

@testable import Workbench

/// GGUF files beside those of llama.cpp's own tools (Tests/Peers/make_gguf_export.py).
@Suite struct GGUFExportTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private struct Answers: Decodable {
    let converted: [String: Model]
    /// By type, `+imatrix` behind it where there was one: the CRC-32 of each tensor.
    let quantised: [String: [String: UInt32]]

    struct Model: Decodable {
      let fields: [String: Value]
      /// Type, shape, CRC-32.
      let tensors: [String: Tensor]
    }

    struct Tensor: Decodable {
      let type: String
      let shape: [Int]
      let checksum: UInt32

      init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        type = try values.decode(String.self)
        shape = try values.decode([Int].self)
        checksum = try values.decode(UInt32.self)
      }
    }

    enum Value: Decodable, Equatable {
      case bool(Bool)
      case number(Double)
      case text(String)
      case list(count: Int, checksum: UInt32)

      private struct List: Decodable {
        let count: Int
        let crc32: UInt32
      }

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let bool = try? value.decode(Bool.self) {
          self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
          self = .number(number)
        } else if let text = try? value.decode(String.self) {
          self = .text(text)
        } else {
          let list = try value.decode(List.self)
          self = .list(count: list.count, checksum: list.crc32)
        }
      }

      init?(_ field: GGUFField) {
        if let bool = field.bool {
          self = .bool(bool)
        } else if let number = field.double {
          self = .number(number)
        } else if let text = field.string {
          self = .text(text)
        } else if let texts = field.strings {
          self = .list(count: texts.count, checksum: crc32(Array(texts.joined(separator: [0]))))
        } else if let numbers = field.doubles {
          let isReal = field.bytes.first == UInt8(GGUFField.Kind.f32.rawValue)
          let bytes = numbers.flatMap { number in
            isReal ? littleEndianBytes(Float(number).bitPattern) : littleEndianBytes(Int32(number))
          }
          self = .list(count: numbers.count, checksum: crc32(bytes))
        } else {
          return nil
        }
      }
    }
  }

  private func answers() throws -> Answers { try Fixtures.decode(Answers.self, from: "gguf-export.json") }

  private func written(_ session: Session, _ name: String = "out.gguf") throws -> Checkpoint {
    let export = try session.write(checkpoint: .gguf, to: folder.path(name))
    let checkpoint = try Checkpoint.open(folder.path(name))
    #expect(checkpoint.files[0].size == export.bytes)
    #expect(try session.size(checkpoint: .gguf) == export.bytes)
    return checkpoint
  }

  // MARK: - Hugging Face folders

  @Test(arguments: ["llama3", "llama-pieces", "qwen2", "qwen3", "gemma2", "gemma3", "bert"])
  func aFolderComesOutAsTheConverterWritesIt(name: String) throws {
    let expected = try #require(try answers().converted[name])
    let session = Session(try Checkpoint.open(fixture("huggingface/\(name)")))
    let checkpoint = try written(session)
    #expect(Set(checkpoint.tensors.map(\.name)) == Set(expected.tensors.keys))
    for (index, tensor) in checkpoint.tensors.enumerated() {
      guard let other = expected.tensors[tensor.name] else { continue }
      #expect(tensor.type.name == other.type && tensor.shape == other.shape, "\(tensor.name)")
      if tensor.name == "rope_freqs.weight" { continue }
      #expect(try checkpoint.storedChecksum(tensor: index) == other.checksum, "\(tensor.name)")
    }
    let fields = try checkpoint.ggufFields().filter { $0.key != "tokenizer.ggml.pre" }
    #expect(Set(fields.map(\.key)) == Set(expected.fields.keys))
    for (key, field) in fields { #expect(Answers.Value(field) == expected.fields[key], "\(key)") }
  }

  @Test func theRulesThatSplitTextsAreKnownByTheirPatterns() throws {
    for (name, rule) in [("llama3", "smaug-bpe"), ("qwen2", "qwen2"), ("gemma2", "default"), ("bert", "bert-bge")] {
      let session = Session(try Checkpoint.open(fixture("huggingface/\(name)")))
      let fields = try session.ggufPlan().header.fields
      #expect(fields.first { $0.key == "tokenizer.ggml.pre" }?.value.string == rule)
    }
  }

  @Test func aVocabularyComesBackFromItsOwnFields() throws {
    let session = Session(try Checkpoint.open(fixture("huggingface/qwen2")))
    let fields = try session.ggufPlan().header.fields
    let vocabulary = try #require(Vocabulary(fields: fields))
    #expect(vocabulary.tokens.count == 328 && vocabulary.kinds[300] == .control)
    #expect(vocabulary.merges.count > 0 && vocabulary.id(of: .eos) == 0)
    #expect(vocabulary.fields.map(\.key) == fields.map(\.key).filter { $0.hasPrefix("tokenizer.") })
  }

  /// Llama 3's factors agree with torch's to a few units in the last place.
  @Test func frequenciesOfLlama3AreScaled() throws {
    let session = Session(try Checkpoint.open(fixture("huggingface/llama3")))
    let checkpoint = try written(session)
    let tensor = try #require(checkpoint.tensor(named: "rope_freqs.weight"))
    let factors = try checkpoint.floats(tensor)
    #expect(factors.count == 8 && factors[0] == 1 && factors[7] == 8)
    #expect(factors.allSatisfy { $0 >= 1 && $0 <= 8 } && factors == factors.sorted())
  }

  @Test func aModelOfAnotherKindKeepsItsNamesAndClaimsNothing() throws {
    for session in [try Models.digitsAsSafetensors(), try Models.digits()] {
      let checkpoint = try written(session)
      #expect(Set(checkpoint.tensors.map(\.name)) == Set(session.items.map(\.tensorName)))
      #expect(!checkpoint.metadata.contains { $0.key == "general.architecture" })
      for item in session.items {
        let tensor = try #require(checkpoint.tensor(named: item.tensorName))
        #expect(tensor.shape == item.shape)
        #expect(try checkpoint.floats(tensor) == session.checkpoint.floats(tensor: item.id))
      }
    }
  }

  // MARK: - Quantised

  @Test func everyTypeHasLlamaQuantizesBytes() throws {
    let importance = try ImportanceFile(path: fixture("importances/shakespeare.gguf"))
    for (name, checksums) in try answers().quantised {
      let parts = name.split(separator: "+")
      let scheme = try Scheme(spec: String(parts[0]))
      guard scheme.isComputed else { continue }
      var session = try Models.llamaGGUF()
      if parts.count > 1 { try session.weigh(by: importance, path: "") }
      let places = session.items.filter { checksums[$0.tensorName] != nil }.map(\.id)
      session.change(places) { _, _ in scheme }
      let checkpoint = try written(session)
      for (index, tensor) in checkpoint.tensors.enumerated() where checksums[tensor.name] != nil {
        #expect(try checkpoint.storedChecksum(tensor: index) == checksums[tensor.name], "\(name) \(tensor.name)")
      }
    }
  }

  @Test func theNumberOfWorkersChangesNothing() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q4_k", "output=q6_k", "blk.0.*=q8_0")
    _ = try session.write(checkpoint: .gguf, to: folder.path("one"), workers: 1)
    _ = try session.write(checkpoint: .gguf, to: folder.path("many"), workers: 7)
    #expect(folder.bytes(of: "one") == folder.bytes(of: "many"))
    try session.verify(checkpoint: .gguf, at: folder.path("many"))
  }

  @Test func metadataOfAGGUFFileStays() throws {
    var session = try Models.llamaGGUF()
    let before = try session.checkpoint.ggufFields()
    try session.set("*=q4_k")
    let after = try written(session).ggufFields()
    #expect(after.map(\.key) == before.map(\.key))
    for (key, value) in after where !["general.file_type", "general.quantization_version"].contains(key) {
      #expect(before.first { $0.key == key }?.value == value, "\(key)")
    }
    #expect(after.first { $0.key == "general.file_type" }?.value.int == 14)
    #expect(after.first { $0.key == "general.quantization_version" }?.value.int == 2)
  }

  @Test func anUnchangedFileKeepsItsBytes() throws {
    let session = try Models.llamaGGUF()
    _ = try written(session)
    let original = try Data(contentsOf: URL(fileURLWithPath: session.checkpoint.path))
    #expect(folder.bytes(of: "out.gguf") == Array(original))
  }

  /// Big-endian, version 1 and split files come out as one plain file with the same numbers.
  @Test(arguments: ["big-endian.gguf", "version-1.gguf", "split-00002-of-00003.gguf", "types.gguf"])
  func everyFormOfGGUFIsReadAndWrittenPlain(name: String) throws {
    let session = Session(try Checkpoint.open(fixture("formats/\(name)")))
    let checkpoint = try written(session)
    #expect(checkpoint.files.count == 1 && checkpoint.tensors.count == session.checkpoint.tensors.count)
    for (index, tensor) in session.checkpoint.tensors.enumerated() {
      let other = try #require(checkpoint.tensors.firstIndex { $0.name == tensor.name })
      #expect(try checkpoint.storedChecksum(tensor: other) == session.checkpoint.storedChecksum(tensor: index))
    }
  }

  @Test func prunedWeightsAreZerosInTheFile() throws {
    var session = try Models.llamaGGUF()
    try session.set("blk.0.ffn_up=q8_0,sparsity=0.5", "blk.1.ffn_up=f16,sparsity=2:4", "blk.2.attn_q=keep,sparsity=0.3")
    let checkpoint = try written(session)
    for (name, share) in [("blk.0.ffn_up", 0.5), ("blk.1.ffn_up", 0.5), ("blk.2.attn_q", 0.3)] {
      let values = try checkpoint.floats(try #require(checkpoint.tensor(named: name + ".weight")))
      let zeros = Double(values.count { $0 == 0 }) / Double(values.count)
      #expect(zeros >= share - 1e-5 && zeros < share + 0.05, "\(name)")
    }
  }

  /// Llama's query rows change places, pruned or not.
  @Test func rowsOfAPrunedProjectionChangePlacesToo() throws {
    var pruned = try Models.llama()
    try pruned.set("*q_proj=f16,sparsity=0.25")
    let rows = RowOrder(headRows: 64)
    #expect((0..<128).allSatisfy { rows.target(of: rows.source(of: $0)) == $0 })
    let checkpoint = try written(pruned)
    let index = try #require(checkpoint.tensors.firstIndex { $0.name == "blk.0.attn_q.weight" })
    let values = try checkpoint.floats(tensor: index)
    let item = try pruned.item("model.layers.0.self_attn.q_proj")
    let original = try pruned.checkpoint.floats(tensor: item.id)
    for row in stride(from: 0, to: 256, by: 7) {
      let source = rows.source(of: row)
      for column in 0..<256 {
        let value = values[row * 256 + column]
        #expect(value == 0 || value == original[source * 256 + column])
      }
    }
  }

  // MARK: - What GGUF cannot hold

  @Test func whatGGUFHasNotIsNamedAndNothingIsWritten() throws {
    var session = try Models.llamaGGUF()
    try session.set("blk.0.ffn_up=int4", "blk.1.ffn_up=q4_0", "blk.2.ffn_up=nf4")
    #expect {
      try session.write(checkpoint: .gguf, to: folder.path("out"))
    } throws: {
      let text = "\($0)"
      return text.contains("blk.0.ffn_up: GGUF has no int4") && text.contains("blk.2.ffn_up")
        && !text.contains("blk.1.ffn_up")
    }
    #expect(folder.names.isEmpty)
  }

  @Test func numbersThatAreNoneBecomeZeroAndAreCounted() throws {
    var generator = SeededGenerator(3)
    var values = generator.gaussian(8 * 64)
    (values[5], values[70]) = (.nan, .infinity)
    let path = try folder.write(safetensors([("w.weight", [8, 64], values)]), to: "w.safetensors")
    var session = Session(try Checkpoint.open(path))
    try session.set("*=q8_0")
    let export = try session.write(checkpoint: .gguf, to: folder.path("out"))
    #expect(export.notes.contains { $0.contains("w: 2 numbers NaN or infinite, written as zero") })
    let checkpoint = try Checkpoint.open(folder.path("out"))
    let written = try checkpoint.floats(tensor: 0)
    #expect(written[5] == 0 && written[70] == 0 && written.allSatisfy(\.isFinite))
  }

  @Test func numbersTooLargeForTheScalesAreAnError() throws {
    let path = try folder.write(
      safetensors([("w.weight", [2, 32], [Float](repeating: 1e9, count: 64))]), to: "w.safetensors")
    for type in ["q4_0", "f16"] {
      var session = Session(try Checkpoint.open(path))
      try session.set("*=\(type)")
      #expect {
        try session.write(checkpoint: .gguf, to: folder.path("out"))
      } throws: {
        "\($0)".contains("w: ") && "\($0)".contains("too large")
      }
    }
    #expect(folder.names == ["w.safetensors"])
  }

  @Test func cancellingLeavesNothingBehind() throws {
    try folder.write("old", to: "out.gguf")
    var session = try Models.llamaGGUF()
    try session.set("*=q4_k")
    #expect(throws: Cancelled.self) {
      try session.write(checkpoint: .gguf, to: folder.path("out.gguf")) { $0.fraction < 0.2 }
    }
    #expect(folder.names == ["out.gguf"] && folder.bytes(of: "out.gguf") == Array("old".utf8))
  }

  @Test func aFileThatWasChangedDoesNotVerify() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q4_k")
    _ = try session.write(checkpoint: .gguf, to: folder.path("out.gguf"))
    var bytes = try #require(folder.bytes(of: "out.gguf"))
    bytes[bytes.count - 1000] ^= 1
    try folder.write(bytes, to: "out.gguf")
    #expect(throws: WorkbenchError.self) { try session.verify(checkpoint: .gguf, at: folder.path("out.gguf")) }
  }
}

/// CRC-32 (IEEE 802.3), bit by bit.
private func crc32(_ bytes: [UInt8]) -> UInt32 {
  var crc = ~UInt32(0)
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}
