import Checkpoints
import Numerics
import Support
import Testing

/// The files of Tests/Fixtures/pytorch, in every form that PyTorch wrote, against what torch reads in them.
struct PyTorchTests {
  struct Expected: Decodable {
    let name: String
    let type: String
    let shape: [Int]
    let values: String

    init(from decoder: any Decoder) throws {
      var fields = try decoder.unkeyedContainer()
      name = try fields.decode(String.self)
      type = try fields.decode(String.self)
      shape = try fields.decode([Int].self)
      values = try fields.decode(String.self)
    }
  }

  static let files = [
    "ancient.tar.pt", "big-endian.pt", "module-legacy.pt", "module.pt", "plain-2.pkl", "plain-4.pkl", "plain-5.pkl",
    "quantised.pt", "shards", "single.pt", "sparse.pt", "state-deflated.pt", "state-legacy.pt",
    "state-protocol-4.pt", "state.pt", "traced.pt", "training.pt",
  ]

  private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(fixture("pytorch/\(name)")) }

  private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test(arguments: files) func everyFormHasTheNamesShapesTypesAndValuesOfTorch(file: String) throws {
    let expected = try #require(
      try Fixtures.decode([String: [Expected]].self, from: "pytorch-values.json")[file])
    let model = try open(file)
    #expect(model.format == .pytorch)
    for tensor in expected {
      let index = try #require(model.tensors.firstIndex { $0.name == tensor.name }, "\(tensor.name)")
      let found = model.tensors[index]
      #expect(found.type.name == tensor.type && found.shape == tensor.shape, "\(tensor.name)")
      var bytes = [UInt8](repeating: 0, count: found.byteCount)
      try bytes.withUnsafeMutableBytes { try model.readBytes(tensor: index, range: 0..<$0.count, into: $0) }
      #expect(hexadecimal(bytes) == tensor.values, "\(tensor.name)")
    }
    let listed = Set(expected.map(\.name))
    #expect(model.tensors.allSatisfy { listed.contains($0.name) || $0.name == "CONSTANTS.c0" })
  }

  @Test(arguments: ["state.pt", "state-legacy.pt", "state-deflated.pt", "big-endian.pt"])
  func partsOfViewsReadInCOrder(file: String) throws {
    let model = try open(file)
    for (index, tensor) in model.tensors.enumerated() where tensor.type.isDecodable && tensor.count > 0 {
      let whole = try model.floats(tensor: index)
      var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
      try bytes.withUnsafeMutableBytes { try model.readBytes(tensor: index, range: 0..<$0.count, into: $0) }
      for first in stride(from: 0, to: tensor.count, by: 3) {
        let last = min(tensor.count, first + 5)
        #expect(try model.floats(tensor, elements: first..<last).elementsEqual(whole[first..<last]))
        var part = [UInt8](repeating: 0, count: last - first)
        try part.withUnsafeMutableBytes { try model.readBytes(tensor: index, range: first..<last, into: $0) }
        #expect(part.elementsEqual(bytes[first..<last]))
      }
    }
  }

  @Test func tiedWeightsAreKnownAndCountOnce() throws {
    let model = try open("state-protocol-4.pt")
    let first = try #require(model.tensors.firstIndex { $0.name == "w.weight" })
    for name in ["tied", "transposed"] {
      let index = try #require(model.tensors.firstIndex { $0.name == name })
      #expect(model.ties[index] == first)
    }
    // w, its bias (a view of its own), part, expanded, scalar, last, parameter, one, the type's: the tied not again.
    #expect(model.parameterCount == 48 + 8 + 6 + 12 + 1 + 120 + 4 + 1 + 6)
    let module = try open("module.pt")
    let again = try #require(module.tensors.firstIndex { $0.name == "again.weight" })
    #expect(module.ties[again].map { module.tensors[$0].name } == "head.2.weight")
  }

  @Test func anOptimisersTensorsAreListedButAreNoParametersAndNoLayers() throws {
    let model = try open("training.pt")
    #expect(model.tensors.contains { $0.name == "optimizer.state.0.exp_avg" })
    #expect(!model.layers.contains { model.tensors[$0.weight].name.contains("optimizer") })
    #expect(model.parameterCount == (try open("module.pt")).parameterCount)
    #expect(model.metadata.contains { $0 == ("epoch", "3") })
    #expect(model.metadata.contains { $0 == ("loss", "0.25") })
    #expect(model.metadata.contains { $0 == ("name", "net") })
    #expect(model.metadata.contains { $0 == ("args class", "argparse.Namespace") })
  }

  @Test func aModulesLayersHaveTheirBiasesAndStatistics() throws {
    let model = try open("module.pt")
    let norm = try model.layer("norm")
    #expect(norm.companions.map { model.tensors[$0].name }.contains("norm.running_mean"))
    #expect(try model.layer("conv").bias.map { model.tensors[$0].name } == "conv.bias")
    #expect(model.metadata.contains { $0 == ("class", "__main__.Net") })
  }

  @Test func aQuantisedTensorsScaleIsInTheMetadata() throws {
    let metadata = try open("quantised.pt").metadata
    #expect(
      metadata.contains { $0 == ("q quantised", "torch.per_tensor_affine, scale 0.5, zero point 3") })
  }

  @Test func aFolderOfShardsKnowsItsConfig() throws {
    let model = try open("shards")
    #expect(model.files.count == 2)
    #expect(model.metadata.contains { $0 == ("architecture", "BertModel") })
    #expect(try model.layer("a").bias != nil)
  }

  @Test(arguments: ["single.pt", "plain-4.pkl", "plain-2.pkl"]) func everyTruncationIsRefused(file: String) {
    let folder = TemporaryFolder()
    let whole = contents(fixture("pytorch/\(file)"))
    for length in 0..<whole.count {
      #expect(throws: CheckpointError.self, "\(length)") {
        try Checkpoint.open(folder.write("cut", Array(whole[..<length])))
      }
    }
  }

  @Test(arguments: files.filter { $0 != "shards" }) func damagedFilesNeverTrap(file: String) {
    let folder = TemporaryFolder()
    let whole = contents(fixture("pytorch/\(file)"))
    var random = SeededGenerator(17)
    for trial in 0..<300 {
      var damaged = whole
      for _ in 0..<(trial % 4 + 1) {
        damaged[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let model = try? Checkpoint.open(folder.write("damaged", damaged)) else { continue }
      for tensor in model.tensors where tensor.type.isDecodable && tensor.count < 1 << 20 {
        _ = try? model.floats(tensor)
      }
    }
  }
}
