import Checkpoints
import Compression
import FileAccess
import Numerics

/// A tensor as a person chooses for it: a layer's weight under the layer's name, or a bias, a norm or a buffer under
/// its own.
public struct Item: Sendable, Identifiable {
  /// The tensor's index in the checkpoint.
  public var id: Int { Int(tensor) }
  /// The layer's index in the checkpoint.
  var layerIndex: Int { Int(layerNumber) }
  private let model: Model
  private let tensor: Int32
  private let layerNumber: Int32
  /// The layer whose bytes these are too; −1 for none.
  private let owner: Int32
  public let kind: Kind
  /// Whether it is a view of a few numbers that stands for more than the file could hold.
  private let isRepeated: Bool
  /// Whether it is its layer's weight, and whether that is kept in several tensors.
  public let isLayersWeight: Bool
  private let isPacked: Bool
  /// Bytes as stored; a packed weight's with its scales and zero points, which are no items of their own.
  public let bytes: Int
  /// How much each input matters, once a file has said it.
  public internal(set) var importances: Importances? {
    get { added?.importances }
    set { added = Added(newValue, chosen) }
  }
  /// Codes that were chosen for it by more than the nearest level, once something did (`lathe recover`).
  public internal(set) var chosen: ChosenWeight? {
    get { added?.chosen }
    set { added = Added(importances, newValue) }
  }
  /// A place for both that is small where there is neither.
  private var added: Added?

  private final class Added: Sendable {
    let importances: Importances?
    let chosen: ChosenWeight?

    init?(_ importances: Importances?, _ chosen: ChosenWeight?) {
      if importances == nil, chosen == nil { return nil }
      (self.importances, self.chosen) = (importances, chosen)
    }
  }

  /// What an item is of: shared by all items of a checkpoint, so that each is small.
  private final class Model: Sendable {
    let layers: [Layer]
    let tensors: [Tensor]

    init(_ checkpoint: Checkpoint) { (layers, tensors) = (checkpoint.layers, checkpoint.tensors) }
  }

  public enum Kind: String, Sendable {
    /// A weight of two or more dimensions: patterns apply to it.
    case weight
    /// A bias, a norm or a vector: it stays as it is unless it is named.
    case vector
    /// Integers, indices, shapes, running statistics, a graph's constants: no parameter.
    case buffer
  }

  /// Whether its numbers can be read.
  public var isReadable: Bool { isPacked || type.isDecodable }

  /// Whether it is read for its figures.
  public var isSurveyed: Bool { isReadable && kind != .buffer }

  /// How a quantised checkpoint packs the weight; `nil` for other items.
  public var packing: Packing? { isPacked ? model.layers[layerIndex].packing : nil }
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

  /// What is to be said of it whatever is chosen and found.
  var ownNote: String? { (isPacked ? packing?.doubt : nil) ?? (kind == .weight ? closed : nil) }

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
    if kind == .weight, scheme == Scheme(.keep, by: scheme.by), scheme.by != .nearest {
      return closed ?? "by=\(scheme.by.rawValue) of numbers that are kept is for biases"
    }
    return closed ?? scheme.obstacle(to: form)
  }

  /// The dense size in a scheme; what is kept has its stored bytes.
  public func denseBytes(in scheme: Scheme) -> Int {
    scheme.denseBytes(of: form, storedBytes: bytes, storedBits: storedBits)
  }
}

extension Item {
  public var layer: Layer { model.layers[layerIndex] }
  public var role: Layer.Role { model.layers[layerIndex].role }
  /// The layer's name for its weight, the tensor's name for everything else.
  public var name: String { isLayersWeight ? model.layers[layerIndex].name : tensorName }
  public var tensorName: String { model.tensors[id].name }
  /// The name of the block that it stands in.
  public var blockName: String? { model.layers[layerIndex].blockName }
  /// How the tensor's numbers are stored; of a packed weight, its codes.
  public var type: ElementType { model.tensors[id].type }
  /// The weight's shape: a packed one has that of the matrix that it stands for.
  public var shape: [Int] { isPacked ? [matrix.rows, matrix.columns] : model.tensors[id].shape }
  public var count: Int { isPacked ? matrix.rows * matrix.columns : model.tensors[id].count }
  /// The weight as a matrix of output channels by inputs; a vector is one row.
  public var matrix: MatrixShape {
    (isLayersWeight ? model.layers[layerIndex].matrix : nil)
      ?? MatrixShape(rows: 1, columns: model.tensors[id].count)
  }
  /// The item whose bytes these are too (a head that is its embedding, saved as views of one storage): it is chosen for
  /// there, and takes no room of its own.
  public var sharedWith: String? { isShared ? model.layers[Int(owner)].name : nil }
  var isShared: Bool { owner >= 0 }

  /// Other modules that use its layer's weight, where it is that.
  public var layersTies: [String] { isLayersWeight ? model.layers[layerIndex].ties : [] }
  /// What the operator that it is the weight of is called; `nil` for none.
  public var operatorName: String? { isLayersWeight ? model.layers[layerIndex].operatorName : nil }

  /// All tensors of a checkpoint, layer by layer.
  static func all(of checkpoint: Checkpoint) -> [Item] {
    let model = Model(checkpoint)
    // Lent, not copied: a copy of each would take longer than all else here.
    let (allLayers, allTensors) = (checkpoint.layers, checkpoint.tensors)
    let layers = allLayers.span
    let tensors = allTensors.span
    let (ties, isGraph) = (checkpoint.ties, checkpoint.format == .onnx)
    // Layers by their weight, where some are tied to others.
    var owners: [Int: Int] = [:]
    if !ties.isEmpty {
      for index in layers.indices { owners[layers[index].weight] = index }
    }
    var items: [Item] = []
    items.reserveCapacity(tensors.count)
    for index in layers.indices {
      // One copy of each, however much is asked of it.
      let layer = layers[index]
      let weight = layer.weight
      let owner = ties.isEmpty ? nil : ties[weight].map { owners[$0] ?? -1 }
      items.append(Item(model, layer, tensors[weight], weight, index, isGraph: isGraph, owner: owner))
      if let bias = layer.bias {
        items.append(Item(model, layer, tensors[bias], bias, index, isGraph: isGraph))
      }
      guard !layer.isPacked else { continue }
      for id in layer.companions {
        items.append(Item(model, layer, tensors[id], id, index, isGraph: isGraph, isCompanion: true))
      }
    }
    return items
  }

  /// - Parameters:
  ///   - id: the index of `stored`, a tensor of the layer at `index`.
  ///   - owner: the layer that has the weight's very bytes before it.
  private init(
    _ model: Model, _ layer: Layer, _ stored: Tensor, _ id: Int, _ index: Int, isGraph: Bool,
    isCompanion: Bool = false, owner: Int? = nil
  ) {
    let isConstant = isGraph && stored.shape.isEmpty
    isLayersWeight = id == layer.weight
    isPacked = isLayersWeight && layer.isPacked
    let isParameter =
      isPacked
      || !layer.isQuantizationParameter && stored.type.isFloatingPoint && !isCompanion && !isConstant
    let isWeight =
      isLayersWeight && layer.hasMatrix && layer.role != .norm && !stored.isNamedBias
    tensor = Int32(clamping: id)
    self.model = model
    kind = !isParameter ? .buffer : isWeight ? .weight : .vector
    layerNumber = Int32(clamping: index)
    isRepeated =
      stored.count > Self.mostRepeated
      && zip(stored.layout.strides ?? [], stored.shape).contains { $0 == 0 && $1 > 1 }
    bytes =
      owner != nil
      ? 0
      : stored.byteCount
        + (isPacked ? layer.companions.reduce(0) { $0 + model.tensors[$1].byteCount } : 0)
    self.owner = Int32(clamping: owner ?? -1)
  }

  /// Numbers of a view with repetitions that are read: a row of it is held, whatever the file's size.
  private static let mostRepeated = 1 << 26
}
