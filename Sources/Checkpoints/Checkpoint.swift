internal import Numerics

/// A model's file or files, opened by its header: tensors, layers and metadata; weights are read on demand.
///
/// A value that any thread may read. It keeps its files mapped for as long as it lives.
public struct Checkpoint: Sendable {
  public let path: String
  public let format: Format
  /// The files that hold the tensors, in the order that `Tensor.Location` counts them.
  public let files: [MappedFile]
  /// What the header says about the model, in the file's order, values printed short.
  public let metadata: [(key: String, value: String)]
  public let tensors: [Tensor]
  /// Every tensor belongs to one layer or is a layer by itself; in the file's order.
  public let layers: [Layer]
  /// The nodes of the network where the format has them (ONNX).
  public let graph: Graph?

  public enum Format: String, Sendable, Codable {
    case safetensors, gguf, onnx, pytorch, npy, npz
  }
}

extension Checkpoint {
  /// Elements of the weights and biases that hold real numbers. Not counted: integer buffers, running
  /// statistics, scales and zero points, and ONNX's scalars, which are constants of the graph.
  public var parameterCount: Int {
    var count = 0
    for layer in layers {
      for index in [layer.weight, layer.bias].compactMap({ $0 }) where tensors[index].type.isFloatingPoint {
        if format == .onnx, tensors[index].shape.isEmpty { continue }
        count += tensors[index].count
      }
    }
    return count
  }
}
