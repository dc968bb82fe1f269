import Checkpoints
import FileAccess
import Foundation
import Inference
import Numerics
import Support

/// One of the ONNX project's own tests of an operator (onnx/backend/test): a model, its inputs, and the outputs that
/// onnx's reference gives.
struct NodeTest {
  let name: String
  let model: [UInt8]
  /// TensorProtos.
  let inputs: [[UInt8]]
  let outputs: [[UInt8]]

  enum Result {
    case passed
    case failed(String)
    /// The test is about something that Lathe does not compute: text, sequences, training, random numbers.
    case left(String)
  }

  /// Relative and absolute, as the ONNX project's runner has them; the absolute one wider, for numbers that the tests
  /// have in Float64.
  static let tolerance: (relative: Float, absolute: Float) = (1e-3, 1e-5)

  /// The operator: that of the model's only node, or what the test is called after.
  var operatorName: String {
    guard let graph = try? Checkpoint.open(MappedFile(bytes: model, path: name), config: nil).graph else { return "?" }
    return graph.nodes.count == 1 ? graph.nodes[0].operatorName : "(several nodes)"
  }

  /// Whether what goes in or comes out is a floating-point number.
  var isFloatingPoint: Bool {
    guard let graph = try? Checkpoint.open(MappedFile(bytes: model, path: name), config: nil).graph else {
      return false
    }
    return (graph.inputs + graph.outputs).contains { $0.type?.isFloatingPoint ?? false }
  }

  func run() -> Result {
    do {
      let checkpoint = try Checkpoint.open(MappedFile(bytes: model, path: name), config: nil)
      guard let graph = checkpoint.graph else { return .failed("has no graph") }
      if let reason = Self.reasonToLeave(graph, name) { return .left(reason) }
      let network = try Network(checkpoint)
      var given: [String: Value] = [:]
      for (input, bytes) in zip(network.inputs, inputs) { given[input.name] = try Self.value(bytes) }
      let found = try network.run(given, weights: try network.loadWeights())
      for (output, bytes) in zip(network.outputs, outputs) {
        guard let value = found[output.name] else { return .failed("\(output.name) is missing") }
        if let difference = Self.difference(value, try Self.value(bytes)) {
          return .failed("\(output.name) \(difference)")
        }
      }
      return .passed
    } catch {
      return .failed("\(error)")
    }
  }

  private static func reasonToLeave(_ graph: Graph, _ name: String) -> String? {
    let operators = graph.nodes.map(\.operatorName)
    if graph.nodes.contains(where: { $0.domain.contains("training") }) { return "is about training" }
    if name.contains("BFLOAT16") { return "has bfloat16 stored as 16-bit integers, against its own model" }
    if name.contains("downsample_scales"), name.contains("align_corners") {
      return "counts a fraction of a pixel as a corner; onnxruntime and Lathe count whole pixels"
    }
    let random = ["Bernoulli", "RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Multinomial"]
    if operators.contains(where: random.contains) { return "has random numbers" }
    if operators.contains("Dropout"), name.contains("training"), !name.contains("zero_ratio") {
      return "has random numbers"
    }
    if operators.contains(where: {
      $0.hasPrefix("Sequence") || $0.hasPrefix("Optional") || $0 == "SplitToSequence" || $0 == "ConcatFromSequence"
    })
      || (graph.inputs + graph.outputs).contains(where: { $0.type == nil })
    {
      return "has sequences, optional values or text"
    }
    return nil
  }

  /// A TensorProto's numbers: read as the one initializer of a model.
  static func value(_ tensor: [UInt8]) throws -> Value {
    var graph = ByteWriter()
    graph.field(5, tensor)
    var model = ByteWriter()
    model.field(1, 8)
    model.field(7, graph.bytes)
    let checkpoint = try Checkpoint.open(MappedFile(bytes: model.bytes, path: "tensor"), config: nil)
    guard let found = checkpoint.tensors.first else { throw NodeTestError("no tensor of numbers") }
    if found.type.isFloatingPoint { return Value(found.shape, try checkpoint.floats(found), type: found.type) }
    return Value(found.shape, integers: try checkpoint.integers(found), type: found.type)
  }

  static func difference(_ found: Value, _ expected: Value) -> String? {
    guard found.shape == expected.shape else { return "has the shape \(found.shape), not \(expected.shape)" }
    if let floats = found.floats, let wanted = expected.floats {
      for (index, (a, b)) in zip(floats, wanted).enumerated() {
        let isEqual =
          a == b || (a.isNaN && b.isNaN) || abs(a - b) <= tolerance.absolute + tolerance.relative * abs(b)
        if !isEqual { return "is \(a), not \(b), at \(index) of \(floats.count)" }
      }
      return nil
    }
    guard let integers = found.integers, let wanted = expected.integers else { return "is of another type" }
    guard found.type == expected.type else { return "is \(found.type), not \(expected.type)" }
    if let index = integers.indices.first(where: { integers[$0] != wanted[$0] }) {
      return "is \(integers[index]), not \(wanted[index]), at \(index) of \(integers.count)"
    }
    return nil
  }
}

struct NodeTestError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension NodeTest {
  /// A folder of a test: model.onnx, test_data_set_0/input_0.pb, output_0.pb, …
  init?(folder: URL) {
    func numbered(_ kind: String) -> [[UInt8]] {
      var files: [[UInt8]] = []
      while let data = try? Data(contentsOf: folder.appending(path: "test_data_set_0/\(kind)_\(files.count).pb")) {
        files.append([UInt8](data))
      }
      return files
    }
    guard let model = try? Data(contentsOf: folder.appending(path: "model.onnx")) else { return nil }
    name = folder.lastPathComponent
    self.model = [UInt8](model)
    inputs = numbered("input")
    outputs = numbered("output")
  }

  /// The tests in a file of Tests/Fixtures that make_node_tests.py packed: for each its name, its model, and its input
  /// and output tensors; a list is its length and its members, bytes are their count and themselves, all counts u32.
  static func unpacked(_ file: String) throws -> [NodeTest] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(file))))
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
    return (0..<count()).map { _ in
      NodeTest(name: String(decoding: blob(), as: UTF8.self), model: blob(), inputs: list(), outputs: list())
    }
  }
}
