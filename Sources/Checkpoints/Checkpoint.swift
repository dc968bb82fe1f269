public import FileAccess
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
  public internal(set) var layers: [Layer]
  /// The nodes of the network where the format has them (ONNX).
  public let graph: Graph?
  /// Tied weights: for each tensor whose numbers are the very bytes of an earlier one, that one's index.
  public let ties: [Int: Int]

  /// What lies beside the model's files.
  public let folderFiles: FolderFiles

  let streams = InflateStreams()

  public enum Format: String, Sendable, Codable {
    case safetensors, gguf, onnx, pytorch, npy, npz
  }

  init(
    path: String, format: Format, files: [MappedFile], metadata: [(key: String, value: String)], tensors: [Tensor],
    layers: [Layer], graph: Graph?, ties: [Int: Int]? = nil
  ) {
    self.path = path
    self.format = format
    self.files = files
    self.metadata = metadata
    self.tensors = tensors
    self.layers = layers
    self.graph = graph
    self.ties = ties ?? Self.ties(tensors)
    folderFiles = FolderFiles(besides: files.first?.path ?? path)
  }

  /// Where a tensor begins, and how many numbers it has: those of ties are the same.
  private typealias Place = (file: Int, offset: Int, count: Int, index: Int)

  private static func place(_ index: Int, in tensors: [Tensor]) -> Place? {
    guard tensors[index].count > 0, case .file(let file, let offset) = tensors[index].location else { return nil }
    return (file, offset, tensors[index].count, index)
  }

  /// - Complexity: O(tensors) where they lie in their order, as nearly always; otherwise a sort.
  private static func ties(_ tensors: [Tensor]) -> [Int: Int] {
    var (last, isInOrder) = ((file: -1, offset: 0), true)
    for index in tensors.indices {
      guard isInOrder, let place = place(index, in: tensors) else { continue }
      isInOrder = last < (place.file, place.offset)
      last = (place.file, place.offset)
    }
    return isInOrder ? [:] : ties(tensors.indices.compactMap { place($0, in: tensors) }.sorted(by: <), tensors)
  }

  private static func ties(_ places: [Place], _ tensors: [Tensor]) -> [Int: Int] {
    var ties: [Int: Int] = [:]
    // The first tensors of each type and view at a place: not many, whatever the file.
    var owners: [Place] = []
    for place in places {
      if let owner = owners.first, (owner.file, owner.offset, owner.count) != (place.file, place.offset, place.count) {
        owners.removeAll(keepingCapacity: true)
      }
      let owner = owners.first { owner in
        tensors[owner.index].type == tensors[place.index].type
          && tensors[owner.index].layout.view == tensors[place.index].layout.view
      }
      if let owner { ties[place.index] = owner.index } else { owners.append(place) }
    }
    return ties
  }
}

extension Checkpoint {
  /// Elements of the weights and biases that hold real numbers, or codes that stand for some; tied ones once. Not
  /// counted: integer buffers, running statistics, scales and zero points, optimisers' state, and ONNX's scalars,
  /// which are constants of the graph.
  public var parameterCount: Int {
    var count = 0
    func add(_ index: Int) {
      guard ties[index] == nil, tensors[index].type.isFloatingPoint,
        !(format == .onnx && tensors[index].shape.isEmpty)
      else { return }
      count += tensors[index].count
    }
    for place in layers.indices where !layers[place].isQuantizationParameter {
      let weight = layers[place].weight
      if layers[place].isPacked, let matrix = layers[place].matrix {
        if ties[weight] == nil { count += matrix.rows * matrix.columns }
      } else {
        add(weight)
      }
      if let bias = layers[place].bias { add(bias) }
    }
    return count
  }
}
