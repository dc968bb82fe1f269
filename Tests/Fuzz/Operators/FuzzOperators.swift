import Checkpoints
import FileAccess
import FuzzSupport
import Inference
import Numerics

/// libFuzzer's entry: one of the ONNX project's node tests, its inputs, weights and attributes changed as the bytes say,
/// is run within a budget. It may fail in words; it must not trap, read or write outside of its arrays, or go on after it
/// was cancelled.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  var choices = Choices(UnsafeBufferPointer(start: start, count: count))
  guard !NodeModel.all.isEmpty else { return -1 }
  NodeModel.all[choices.number(below: NodeModel.all.count)].run(&choices)
  return 0
}

/// What the package manager takes for the program's `main`.
@_cdecl("FuzzOperators_main")
public func main(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  runFuzzer(count, arguments, testOneInput)
}

extension NodeModel {
  /// Bytes for the arrays of a run: enough for every test as it is, and for few that were blown up.
  private static let memory = 32 << 20

  func run(_ choices: inout Choices) {
    guard var graph = checkpoint.graph else { return }
    var given = inputs
    for _ in 0..<choices.number(below: 5) {
      switch choices.number(below: 4) {
      case 0, 1:
        guard let name = choices.one(of: given.keys.sorted()) else { break }
        given[name] = choices.changed(given[name]!)
      case 2: choices.change(&graph)
      default: if choices.number(below: 4) == 0 { graph.operatorSets[""] = choices.number(below: 26) }
      }
    }
    do throws(InferenceError) {
      let network = try Network(checkpoint, graph: graph)
      var weights = try network.loadWeights()
      if choices.number(below: 2) == 1, let tensor = choices.one(of: network.weightTensors.values.sorted()) {
        weights = weights.replacing(tensor: tensor, by: choices.changed(try value(tensor)))
      }
      let started = ContinuousClock.now
      let outputs = try network.run(given, weights: weights, memory: Self.memory) {
        ContinuousClock.now - started > .seconds(2)
      }
      for value in outputs.values { precondition(value.count == value.shape.reduce(1, *)) }
    } catch {
      let text = error.description
      precondition(!text.isEmpty && !text.contains("\n") && !text.unicodeScalars.contains("\u{1b}"))
    }
  }

  private func value(_ index: Int) throws(InferenceError) -> Value {
    let tensor = checkpoint.tensors[index]
    do throws(CheckpointError) {
      return tensor.type.isFloatingPoint
        ? Value(tensor.shape, try checkpoint.floats(tensor), type: tensor.type)
        : Value(tensor.shape, integers: try checkpoint.integers(tensor), type: tensor.type)
    } catch {
      throw InferenceError(error.file, error.reason)
    }
  }
}
