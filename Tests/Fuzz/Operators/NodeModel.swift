import Checkpoints
import FileAccess
import Foundation
import Inference
import Numerics

/// A model of one operator with fitting inputs, of the ONNX project's node tests.
struct NodeModel {
  let checkpoint: Checkpoint
  let inputs: [String: Value]

  /// Those of Tests/Fixtures/onnx-node-tests.bin, or of the folder of all of them (Debian's libonnx-testdata) that
  /// ONNX_TESTDATA names.
  static let all: [NodeModel] = {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["ONNX_TESTDATA"] {
      return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().compactMap { name in
        guard let model = FileManager.default.contents(atPath: "\(folder)/\(name)/model.onnx") else { return nil }
        var inputs: [[UInt8]] = []
        while let data = FileManager.default.contents(
          atPath: "\(folder)/\(name)/test_data_set_0/input_\(inputs.count).pb")
        {
          inputs.append([UInt8](data))
        }
        return NodeModel(name, [UInt8](model), inputs)
      }
    }
    guard let data = FileManager.default.contents(atPath: "Tests/Fixtures/onnx-node-tests.bin") else { return [] }
    return unpacked([UInt8](data))
  }()

  private init?(_ name: String, _ model: [UInt8], _ tensors: [[UInt8]]) {
    guard let checkpoint = try? Checkpoint.open(MappedFile(bytes: model, path: name), config: nil),
      let graph = checkpoint.graph, (try? Network(checkpoint)) != nil
    else { return nil }
    var inputs: [String: Value] = [:]
    for (input, tensor) in zip(graph.inputs, tensors) {
      guard let value = Self.value(tensor) else { return nil }
      inputs[input.name] = value
    }
    self.checkpoint = checkpoint
    self.inputs = inputs
  }

  /// For each test its name, its model, its inputs and outputs; see Tests/Peers/make_node_tests.py.
  private static func unpacked(_ bytes: [UInt8]) -> [NodeModel] {
    var at = 0
    func count() -> Int {
      defer { at += 4 }
      return (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
    func blob() -> [UInt8] {
      let size = count()
      defer { at += size }
      return Array(bytes[at..<at + size])
    }
    func list() -> [[UInt8]] { (0..<count()).map { _ in blob() } }
    return (0..<count()).compactMap { _ in
      let (name, model, inputs) = (blob(), blob(), list())
      _ = list()
      return NodeModel(String(decoding: name, as: UTF8.self), model, inputs)
    }
  }

  /// A TensorProto's numbers: read as the one initializer of a model.
  private static func value(_ tensor: [UInt8]) -> Value? {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
      var (size, length) = ([UInt8](), bytes.count)
      while length >= 128 {
        size.append(UInt8(length & 127) | 128)
        length >>= 7
      }
      return [number << 3 | 2] + size + [UInt8(length)] + bytes
    }
    let model = [8, 8] + field(7, field(5, tensor))
    guard let file = try? Checkpoint.open(MappedFile(bytes: model, path: "tensor"), config: nil),
      let found = file.tensors.first
    else { return nil }
    if found.type.isFloatingPoint {
      return (try? file.floats(found)).map { Value(found.shape, $0, type: found.type) }
    }
    return (try? file.integers(found)).map { Value(found.shape, integers: $0, type: found.type) }
  }
}
