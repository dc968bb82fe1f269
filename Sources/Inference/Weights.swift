internal import Checkpoints
internal import FileAccess
internal import Numerics

/// A network's weights as Floats, ready to run.
///
/// A value: replacing some shares all others with the original, so the compressed form of a model costs only what
/// differs.
public struct Weights: Sendable {
  /// By the checkpoint's tensor index.
  var values: [Int: Value]
  private let checkpoint: Checkpoint
  /// Bytes that they may take.
  private let limit: Int
  /// Bytes of the numbers in memory, with those that were replaced: their owners may hold them still.
  public private(set) var byteCount = 0

  init(_ checkpoint: Checkpoint, _ tensors: [Int], memory: Int?) throws(InferenceError) {
    self.checkpoint = checkpoint
    values = [:]
    var needed = 0
    for index in tensors {
      let tensor = checkpoint.tensors[index]
      let bytes = tensor.count.multipliedReportingOverflow(by: tensor.type.isFloatingPoint ? 4 : 8)
      needed = needed.addingReportingOverflow(bytes.overflow ? .max : bytes.partialValue).partialValue
      if needed < 0 { needed = .max }
      if bytes.overflow || needed == .max { break }
    }
    limit = memory ?? RunBudget.whole
    guard needed <= limit else { throw RunBudget.lack(of: needed, limit: limit, checkpoint.path) }
    for index in tensors {
      let tensor = checkpoint.tensors[index]
      do throws(CheckpointError) {
        let value = try Value(reading: tensor, of: checkpoint)
        values[index] = value
        byteCount += value.byteCount
      } catch {
        throw InferenceError(error.file, error.reason)
      }
    }
  }

  public func checkRoom(forNumbers count: Int, of name: String) throws(InferenceError) {
    let needed = byteCount + 4 * min(count, 1 << 50)
    guard needed <= limit else { throw RunBudget.lack(of: needed, limit: limit, checkpoint.path) }
  }

  /// The weights with one tensor replaced by Floats in its storage order.
  ///
  /// - Precondition: as many as the tensor has elements.
  public func replacing(tensor index: Int, with floats: [Float]) -> Weights {
    replacing(tensor: index, by: Value(checkpoint.tensors[index].shape, floats))
  }

  /// The weights with one tensor replaced by any array.
  package func replacing(tensor index: Int, by value: Value) -> Weights {
    var changed = self
    changed.values[index] = value
    changed.byteCount += value.byteCount
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
    // Several codes a byte (MatMulNBits): the codes come as the matrix.
    let shape = tensor.count == numbers.count ? tensor.shape : [matrix.rows, matrix.columns]
    return replacing(tensor: layer.weight, by: Value(shape, numbers, type: type))
  }
}

extension Network {
  /// Reads and decodes all weights: 4 bytes each, 8 for integers.
  ///
  /// - Parameter memory: Bytes that they may take; `nil` for six tenths of the machine's.
  /// - Throws: where there is no room for them, before any is read; where a weight cannot be read.
  public func loadWeights(memory: Int? = nil) throws(InferenceError) -> Weights {
    try Weights(checkpoint, weightTensors.values.sorted(), memory: memory)
  }
}
