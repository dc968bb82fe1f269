import Checkpoints
import Compression
import Foundation
import Numerics
import Support
import Testing

@testable import Workbench

/// llama-quantize's own mixes beside what it makes of files of the same tensors (Tests/Peers/make_llama_mixes.py).
@Suite struct LlamaMixTests {
  private struct Answers: Decodable {
    let types: [String]
    let models: [Model]

    struct Model: Decodable {
      let name: String
      let fields: [String: Value]
      let tensors: [Tensors]
      let mixes: [String: String?]
      let weighed: [String: String?]
    }

    /// Tensors of one name in several blocks.
    struct Tensors: Decodable {
      let names: [String]
      let shape: [Int]

      init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        let pattern = try values.decode(String.self)
        let (first, last) = (try values.decode(Int?.self), try values.decode(Int?.self))
        shape = try values.decode([Int].self)
        if let first, let last {
          names = (first...last).map { pattern.replacing("*", with: "\($0)") }
        } else {
          names = [pattern]
        }
      }
    }

    enum Value: Decodable {
      case bool(Bool)
      case whole(Int)
      case real(Double)
      case text(String)

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let bool = try? value.decode(Bool.self) {
          self = .bool(bool)
        } else if let whole = try? value.decode(Int.self) {
          self = .whole(whole)
        } else if let real = try? value.decode(Double.self) {
          self = .real(real)
        } else {
          self = .text(try value.decode(String.self))
        }
      }

      var field: GGUFField {
        switch self {
        case .bool(let value): .bool(value)
        case .whole(let value): .u32(value)
        case .real(let value): .f32(Float(value))
        case .text(let value): .string(value)
        }
      }
    }

    /// `8a2c`: the types in the order of a model's tensors.
    func types(_ runs: String) -> [String] {
      var result: [String] = []
      var count = 0
      let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
      for character in runs {
        if let digit = character.wholeNumberValue {
          count = 10 * count + digit
        } else if let place = letters.firstIndex(of: character) {
          result += [String](repeating: types[place], count: count)
          count = 0
        }
      }
      return result
    }
  }

  private let folder: ScratchFolder
  private let answers: Answers

  init() throws {
    folder = try ScratchFolder()
    answers = try Fixtures.decode(Answers.self, from: "llama-mixes.json")
  }

  /// A file of zeros with a model's tensors; the sample itself where the peer took it.
  private func session(_ model: Answers.Model) throws -> Session {
    guard !model.fields.isEmpty else { return Session(try Checkpoint.open(sample(model.name))) }
    var entries: [GGUFHeader.Entry] = []
    for tensors in model.tensors {
      for name in tensors.names {
        let count = tensors.shape.reduce(1, *)
        let isVector = tensors.shape.count == 1
        entries.append(
          .init(
            name: name, shape: tensors.shape, type: isVector ? .f32 : .f16, byteCount: count * (isVector ? 4 : 2)))
      }
    }
    let fields = model.fields.map { (key: $0.key, value: $0.value.field) }
    let (header, _, size) = GGUFHeader(fields: fields, tensors: entries).encoded()
    let path = try folder.write(header + [UInt8](repeating: 0, count: size - header.count), to: "model.gguf")
    return Session(try Checkpoint.open(path))
  }

  /// The types that a recipe leads to, by the tensors' names.
  private func types(_ recipe: Recipe, _ session: Session) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: session.items.map { item in
        switch recipe[item].format {
        case .block(let type): (item.tensorName, type.name)
        case .f16: (item.tensorName, "F16")
        default: (item.tensorName, item.type.name)
        }
      })
  }

  private func expect(_ found: Recipe?, _ expected: String?, _ model: Answers.Model, _ session: Session, _ mix: String)
  {
    guard let expected else {
      #expect(found == nil, "\(model.name), \(mix): llama-quantize refuses it")
      return
    }
    guard let found else {
      Issue.record("\(model.name), \(mix): no recipe")
      return
    }
    let own = types(found, session)
    let (names, types) = (model.tensors.flatMap(\.names), answers.types(expected))
    #expect(names.count == types.count)
    let differences = zip(names, types).filter { own[$0] != $1 }
    #expect(
      differences.isEmpty,
      "\(model.name), \(mix): \(differences.prefix(5).map { "\($0): \(own[$0] ?? "nothing"), not \($1)" })")
  }

  @Test func everyTensorHasTheTypeThatLlamaQuantizeGivesIt() throws {
    #expect(answers.models.count == 30)
    for model in answers.models {
      let session = try session(model)
      #expect(Set(model.mixes.keys) == Set(LlamaMix.names))
      let found = Dictionary(uniqueKeysWithValues: session.mixes.map { ($0.name, $0.recipe) })
      for (mix, expected) in model.mixes { expect(found[mix], expected, model, session, mix) }
    }
  }

  /// llama.cpp's older importance matrix with a one for each input of each weight, but for the embedding and the head.
  private func matrix(of session: Session) -> [UInt8] {
    let weights = session.items.filter { $0.kind == .weight && $0.tensorName.hasPrefix("blk.") }
    return weights.reduce(littleEndianBytes(Int32(weights.count))) { bytes, item in
      let (name, columns) = (Array(item.tensorName.utf8), item.matrix.columns)
      let ones = (0..<columns).flatMap { _ in littleEndianBytes(Float(1).bitPattern) }
      return bytes + littleEndianBytes(Int32(name.count)) + name + littleEndianBytes(Int32(1))
        + littleEndianBytes(Int32(columns)) + ones
    }
  }

  @Test func soItIsWithAnImportanceMatrix() throws {
    for model in answers.models {
      var session = try session(model)
      let path = try folder.write(matrix(of: session), to: "imatrix.dat")
      try session.weigh(by: ImportanceFile(path: path), path: path)
      let found = Dictionary(uniqueKeysWithValues: session.mixes.map { ($0.name, $0.recipe) })
      for (mix, plain) in model.mixes { expect(found[mix], model.weighed[mix] ?? plain, model, session, mix) }
    }
  }

  /// A folder's mix is that of the GGUF file that it is exported to.
  @Test(arguments: ["llama3", "qwen2", "qwen3", "gemma2", "gemma3", "bert"])
  func aFolderHasTheMixOfItsFile(name: String) throws {
    let session = Session(try Checkpoint.open(fixture("huggingface/\(name)")))
    _ = try session.write(checkpoint: .gguf, to: folder.path("out.gguf"))
    let file = Session(try Checkpoint.open(folder.path("out.gguf")))
    let mixes = session.mixes
    #expect(mixes.map(\.name) == file.mixes.map(\.name))
    for (mix, expected) in zip(mixes, file.mixes) {
      var own = session
      own.commit(mix.recipe)
      let written = try own.ggufPlan().header.tensors
      let types = types(expected.recipe, file)
      for tensor in written where tensor.shape.count > 1 {
        #expect(types[tensor.name] == tensor.type.name, "\(tensor.name)")
      }
    }
  }

  @Test func theSampleFolderHasTheMixOfTheSampleFile() throws {
    let (folder, file) = (try Models.llama(), try Models.llamaGGUF())
    for mix in ["Q2_K", "Q4_K_M", "Q5_K_S", "Q8_0"] {
      var own = folder
      own.commit(try #require(folder.mix(named: mix)))
      let types = types(try #require(file.mix(named: mix)), file)
      for tensor in try own.ggufPlan().header.tensors where tensor.shape.count > 1 {
        #expect(types[tensor.name] == tensor.type.name, "\(tensor.name)")
      }
    }
  }

  @Test func namesAreTakenAsLlamaQuantizeTakesThem() throws {
    let session = try Models.llamaGGUF()
    #expect(session.mix(named: "q4_k") == session.mix(named: "Q4_K_M"))
    #expect(session.mix(named: "Q4_K_M")?.choices.isEmpty == false)
    #expect(session.mix(named: "Q4") == nil)
    #expect(try Models.digits().mix(named: "Q4_K_M") == nil)
  }
}
