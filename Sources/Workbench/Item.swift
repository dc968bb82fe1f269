import Checkpoints
import Compression
import Numerics

/// A tensor as a person chooses for it: a layer's weight under the layer's name, or a bias, a norm or a buffer under
/// its own.
public struct Item: Sendable, Identifiable {
  /// The tensor's index in the checkpoint.
  public let id: Int
  /// The layer's name for its weight, the tensor's name for everything else.
  public let name: String
  public let tensorName: String
  public let kind: Kind
  /// How the tensor's numbers are stored; of a packed weight, its codes.
  public let type: ElementType
  /// The weight's shape: a packed one has that of the matrix that it stands for.
  public let shape: [Int]
  public let count: Int
  /// Bytes as stored; a packed weight's with its scales and zero points, which are no items of their own.
  public let bytes: Int
  public let layer: Layer
  /// The layer's index in the checkpoint.
  let layerIndex: Int
  /// Whether it is a view of a few numbers that stands for more than the file could hold.
  private let isRepeated: Bool
  /// The weight as a matrix of output channels by inputs; a vector is one row.
  public let matrix: MatrixShape
  /// The item whose bytes these are too (a head that is its embedding, saved as views of one storage): it is chosen for
  /// there, and takes no room of its own.
  public let sharedWith: String?
  /// How much each input matters, once a file has said it.
  public internal(set) var importances: Importances?

  public enum Kind: String, Sendable {
    /// A weight of two or more dimensions: patterns apply to it.
    case weight
    /// A bias, a norm or a vector: it stays as it is unless it is named.
    case vector
    /// Integers, indices, shapes, running statistics, a graph's constants: no parameter.
    case buffer
  }

  /// Whether its numbers can be read.
  public var isReadable: Bool { packing != nil || type.isDecodable }

  /// How a quantised checkpoint packs the weight; `nil` for other items.
  public var packing: Packing? { id == layer.weight ? layer.packing : nil }
  /// What its numbers are stored as: `F16`, `Q4_K`, `GPTQ int4 g128`.
  public var storage: String { packing?.description ?? type.name }
  /// Bits of a stored number.
  public var storedBits: Double { packing.map { Double($0.bits) } ?? type.bits }

  /// Why no scheme can be chosen at all, `nil` where one can.
  public var closed: String? {
    if kind == .buffer { return "it is no weight" }
    if let sharedWith { return "its numbers are those of \(printable(sharedWith)): choose there" }
    if !isReadable { return "\(type.name) is not yet decoded" }
    if isRepeated { return "it is a view that repeats a few numbers \(count) times" }
    return nil
  }

  /// The axes as schemes count them: outputs first. Where the file stores inputs first, the matrix alone is known.
  var axes: [Int] {
    kind == .weight && matrix.isRowMajor && shape.first == matrix.rows && shape.reduce(1, *) == count
      ? shape : [matrix.rows, matrix.columns]
  }

  /// What schemes ask about.
  public var form: WeightForm {
    WeightForm(rows: matrix.rows, columns: matrix.columns, shape: axes, hasImportances: importances != nil)
  }

  /// Why the scheme cannot be taken, `nil` where it can.
  public func obstacle(to scheme: Scheme) -> String? {
    if scheme.isKeep { return nil }
    return closed ?? scheme.obstacle(to: form)
  }

  /// The dense size in a scheme; what is kept has its stored bytes.
  public func denseBytes(in scheme: Scheme) -> Int {
    scheme.denseBytes(of: form, storedBytes: bytes, storedBits: storedBits)
  }
}

extension Item {
  /// All tensors of a checkpoint, layer by layer.
  static func all(of checkpoint: Checkpoint) -> [Item] {
    checkpoint.layers.enumerated().flatMap { index, layer in
      var members = [layer.weight]
      if let bias = layer.bias { members.append(bias) }
      if layer.packing == nil { members += layer.companions }
      return members.map { id in Item(checkpoint, id: id, layer: layer, index: index) }
    }
  }

  private init(_ checkpoint: Checkpoint, id: Int, layer: Layer, index: Int) {
    let tensor = checkpoint.tensors[id]
    let isConstant = checkpoint.format == .onnx && tensor.shape.isEmpty
    let isPacked = id == layer.weight && layer.packing != nil
    let isParameter =
      isPacked
      || !layer.isQuantizationParameter && tensor.type.isFloatingPoint && !layer.companions.contains(id) && !isConstant
    let isWeight =
      id == layer.weight && layer.matrix != nil && layer.role != .norm && !Self.isBias(tensor.name)
    self.id = id
    name = id == layer.weight ? layer.name : tensor.name
    tensorName = tensor.name
    kind = !isParameter ? .buffer : isWeight ? .weight : .vector
    layerIndex = index
    isRepeated =
      tensor.count > Self.mostRepeated
      && zip(tensor.layout.strides ?? [], tensor.shape).contains { $0 == 0 && $1 > 1 }
    type = tensor.type
    matrix = (id == layer.weight ? layer.matrix : nil) ?? MatrixShape(rows: 1, columns: tensor.count)
    shape = isPacked ? [matrix.rows, matrix.columns] : tensor.shape
    count = isPacked ? matrix.rows * matrix.columns : tensor.count
    let isShared = id == layer.weight && checkpoint.ties[id] != nil
    bytes =
      isShared
      ? 0 : tensor.byteCount + (isPacked ? layer.companions.reduce(0) { $0 + checkpoint.tensors[$1].byteCount } : 0)
    self.layer = layer
    let owner = id == layer.weight ? checkpoint.ties[id] : nil
    sharedWith = owner.flatMap { tensor in checkpoint.layers.first { $0.weight == tensor }?.name }
  }

  /// Numbers of a view with repetitions that are read: a row of it is held, whatever the file's size.
  private static let mostRepeated = 1 << 26

  private static func isBias(_ name: String) -> Bool {
    name == "bias" || name.hasSuffix(".bias") || name.hasSuffix("_bias") || name.hasSuffix("/bias")
  }
}
