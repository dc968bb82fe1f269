public import Checkpoints
internal import Numerics

/// A network's weights as Floats, ready to run.
///
/// A value: replacing some shares all others with the original, so the compressed form of a model costs only what
/// differs.
public struct Weights: Sendable {
  /// By the checkpoint's tensor index.
  var values: [Int: Value]
  private let checkpoint: Checkpoint

  init(_ checkpoint: Checkpoint, _ tensors: some Sequence<Int>) throws(InferenceError) {
    self.checkpoint = checkpoint
    values = [:]
    for index in tensors {
      let tensor = checkpoint.tensors[index]
      do throws(CheckpointError) {
        values[index] = try Value(reading: tensor, of: checkpoint)
      } catch {
        throw InferenceError(error.file, error.reason)
      }
    }
  }

  /// The weights with one tensor replaced by Floats in its storage order.
  ///
  /// - Precondition: as many as the tensor has elements.
  public func replacing(tensor index: Int, with floats: [Float]) -> Weights {
    var changed = self
    changed.values[index] = Value(checkpoint.tensors[index].shape, floats)
    return changed
  }

  /// The weights with a layer's weight replaced by a matrix of outputs by inputs, row after row, as
  /// `Checkpoint.readMatrix` gives it.
  ///
  /// - Precondition: the layer has a matrix, and it is of that size.
  public func replacing(layer index: Int, withMatrix floats: [Float]) -> Weights {
    let layer = checkpoint.layers[index]
    guard let matrix = layer.matrix else { preconditionFailure("the layer \(layer.name) has no matrix") }
    precondition(floats.count == matrix.rows * matrix.columns)
    if matrix.isRowMajor { return replacing(tensor: layer.weight, with: floats) }
    // (rows, outer, inner) back to the storage's (outer, rows, inner).
    let shape = [matrix.outer, matrix.rows, matrix.inner]
    let strides = [matrix.inner, matrix.columns, 1]
    return replacing(tensor: layer.weight, with: Shape.gather(floats, shape, strides: strides))
  }
}

extension Network {
  /// The node that takes a quantised weight's codes as they are, and so cannot take other numbers in their place; `nil`
  /// where all turn them into numbers first (DequantizeLinear).
  public func integerUse(ofTensor tensor: Int) -> Graph.Node? {
    let numbers = Set(weightTensors.filter { $0.value == tensor }.keys)
    return steps.first { step in
      step.node.operatorName != "DequantizeLinear" && step.inputs.contains { $0.map(numbers.contains) ?? false }
    }?.node
  }

  /// Reads and decodes all weights: 4 bytes each, 8 for integers.
  ///
  /// - Throws: where a weight cannot be read.
  public func loadWeights() throws(InferenceError) -> Weights {
    try Weights(checkpoint, weightTensors.values.sorted())
  }
}
