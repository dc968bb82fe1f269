import CKernels
import Checkpoints
import Inference
import Numerics
import Support
import Testing

/// An operator's numbers may differ from onnxruntime's by this, relative to the larger of 1 and the number:
/// both sum in Float, in orders of their own.
let operatorTolerance: Float = 1e-5

struct OperatorTests {
  /// Every operator in many forms against onnxruntime, at an old and at a new operator set, and at every level of the
  /// kernels.
  @Test(arguments: ["operators-12", "operators-18"], NetworkKernelTests.levels)
  func outputsAreOnnxruntimes(name: String, level: lathe_level) throws {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    let network = try Network(try Checkpoint.open(fixture("\(name).onnx")))
    let expected = try Checkpoint.open(fixture("\(name).npz"))
    let outputs = try network.run([:], weights: try network.loadWeights())
    #expect(outputs.count == expected.tensors.count && outputs.count > 100)
    for tensor in expected.tensors {
      let found = try #require(outputs[tensor.name])
      #expect(found.shape == tensor.shape, "\(tensor.name)")
      if tensor.type.isFloatingPoint {
        let worst = zip(try #require(found.floats), try expected.floats(tensor)).map(difference).max() ?? 0
        #expect(worst <= operatorTolerance, "\(tensor.name): \(worst)")
      } else {
        #expect(found.integers == (try expected.integers(tensor)), "\(tensor.name)")
      }
    }
  }

  private func difference(_ found: Float, _ expected: Float) -> Float {
    if found == expected || (found.isNaN && expected.isNaN) { return 0 }
    let difference = abs(found - expected) / max(1, abs(expected))
    return difference.isNaN ? .infinity : difference
  }

  // MARK: What cannot be run

  let folder = TemporaryFolder()

  /// A network of one node on inputs x and y.
  private func network(_ operatorName: String, domain: String = "", ints: [String: [Int]] = [:]) throws
    -> Network
  {
    var node = ByteWriter()
    node.field(1, "x")
    node.field(1, "y")
    node.field(2, "z")
    node.field(3, "/node")
    node.field(4, operatorName)
    node.field(7, domain)
    for (name, values) in ints {
      var attribute = ByteWriter()
      attribute.field(1, name)
      for value in values { attribute.field(8, value) }
      attribute.field(20, 7)
      node.field(5, attribute.bytes)
    }
    var graph = ByteWriter()
    graph.field(1, node.bytes)
    for (field, name) in [(11, "x"), (11, "y"), (12, "z")] {
      var value = ByteWriter()
      value.field(1, name)
      graph.field(field, value.bytes)
    }
    var model = ByteWriter()
    model.field(1, 8)
    model.field(7, graph.bytes)
    return try Network(try Checkpoint.open(folder.write("a.onnx", model.bytes)))
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func aMissingOperatorIsNamedWithItsNode() {
    #expect(
      refusal { _ = try network("TfIdfVectorizer") }
        == "node '/node' (TfIdfVectorizer): needs the operator TfIdfVectorizer, which Lathe cannot run")
    #expect(refusal { _ = try network("Relu", domain: "com.example") }.contains("com.example.Relu"))
  }

  @Test func shapesThatDoNotFitAreRefused() throws {
    let x = Value([2, 3], .init(repeating: 1, count: 6))
    let y = Value([4, 3], .init(repeating: 1, count: 12))
    for name in [
      "Add", "MatMul", "Gemm", "Conv", "BatchNormalization", "Concat", "Gather", "Reshape", "Pad", "Expand",
    ] {
      let network = try network(name)
      let message = refusal { _ = try network.run(["x": x, "y": y], weights: try network.loadWeights()) }
      #expect(message.hasPrefix("node '/node' (\(name))"), "\(name): \(message)")
    }
  }

  @Test func impossibleAttributesAreRefused() throws {
    let x = Value([1, 1, 4, 4], .init(repeating: 1, count: 16))
    let w = Value([1, 1, 3, 3], .init(repeating: 1, count: 9))
    let attributes = [
      ["strides": [0, 0]], ["pads": [-1, 0, 0, 0]], ["dilations": [1 << 40, 1]], ["dilations": [4, 4]],
      ["strides": [1]],
    ]
    for ints in attributes {
      let network = try network("Conv", ints: ints)
      let message = refusal { _ = try network.run(["x": x, "y": w], weights: try network.loadWeights()) }
      #expect(message.hasPrefix("node '/node' (Conv)"), "\(ints): \(message)")
    }
  }

  @Test func arraysThatNoMemoryHoldsAreRefused() throws {
    let network = try network("Expand")
    let huge = Value([2], integers: [1 << 40, 1 << 40])
    let message = refusal {
      _ = try network.run(["x": Value([], [1]), "y": huge], weights: try network.loadWeights())
    }
    #expect(message.contains("would make an array"))
  }
}
