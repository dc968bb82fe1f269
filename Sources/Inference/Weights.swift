internal import Checkpoints
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

  /// The weights with one tensor replaced by any array.
  package func replacing(tensor index: Int, by value: Value) -> Weights {
    var changed = self
    changed.values[index] = value
    return changed
  }

  /// The weights with a layer's weight replaced by a matrix of outputs by inputs, row after row, as
  /// `Checkpoint.readMatrix` gives it.
  ///
  /// A quantised weight's place is taken by codes that need not be whole numbers, code = number / scale + zero point, so
  /// that every operator on codes, of whatever form, computes with the numbers that are given here: DequantizeLinear
  /// gives them back, and integer products take them in units of the scale.
  ///
  /// - Throws: where a quantised weight's scales cannot be read.
  /// - Precondition: the layer has a matrix, and it is of that size.
  public func replacing(layer index: Int, withMatrix floats: [Float]) throws(InferenceError) -> Weights {
    let layer = checkpoint.layers[index]
    guard let matrix = layer.matrix else { preconditionFailure("the layer \(layer.name) has no matrix") }
    precondition(floats.count == matrix.rows * matrix.columns)
    let tensor = checkpoint.tensors[layer.weight]
    var (numbers, type) = (floats, ElementType.f32)
    if layer.packing != nil {
      do throws(CheckpointError) {
        numbers = try checkpoint.codes(layer: index, of: floats)
      } catch {
        throw InferenceError(error.file, error.reason)
      }
      type = tensor.type
    }
    numbers = matrix.storageOrder(numbers)
    var changed = self
    // Several codes a byte (MatMulNBits): the codes come as the matrix.
    let shape = tensor.count == numbers.count ? tensor.shape : [matrix.rows, matrix.columns]
    changed.values[layer.weight] = Value(shape, numbers, type: type)
    return changed
  }
}

extension Network {
  /// Reads and decodes all weights: 4 bytes each, 8 for integers.
  ///
  /// - Throws: where a weight cannot be read.
  public func loadWeights() throws(InferenceError) -> Weights {
    try Weights(checkpoint, weightTensors.values.sorted())
  }
}
