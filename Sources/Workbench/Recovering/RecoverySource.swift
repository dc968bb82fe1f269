import Checkpoints
import Compression
import Inference
import Recovery

/// The weights that codes are chosen for: the model's own, but where factors moved between layers.
struct RecoverySource {
  private let checkpoint: Checkpoint
  private let equalised: Equalisation?
  /// By a layer that moved with others: the first of all of them.
  private var roots: [Int: Int] = [:]
  private var owners: [Int: Int] = [:]
  /// By the layer and by the tensor.
  var matrices: [Int: [Float]] { equalised?.matrices ?? [:] }
  var biases: [Int: [Float]] { equalised?.biases ?? [:] }

  /// - Throws: where a weight cannot be read.
  init(_ session: Session, _ model: some Model, all isWhole: Bool) throws(CheckpointError) {
    checkpoint = session.checkpoint
    let (weights, vectors) = session.itemsByPlace
    let pairs = model.neighbours.filter { pair in
      guard let first = weights[pair.first], let second = weights[pair.second] else { return false }
      let moves = [first, second].allSatisfy {
        session.recipe[$0].by != .nearest && session.canEqualise($0, all: isWhole)
      }
      guard let bias = pair.bias else { return moves }
      let scheme = vectors[bias].map { session.recipe[$0] }
      return moves && (scheme?.by == .equalised || scheme?.by == .corrected)
    }
    guard !pairs.isEmpty else {
      equalised = nil
      return
    }
    var (matrices, columns): ([Int: [Float]], [Int: Int]) = ([:], [:])
    for layer in Set(pairs.flatMap { [$0.first, $0.second] }) {
      matrices[layer] = try checkpoint.matrix(layer: layer)
      columns[layer] = checkpoint.layers[layer].matrix?.columns
    }
    var biases: [Int: [Float]] = [:]
    for bias in pairs.compactMap(\.bias) { biases[bias] = try checkpoint.floats(tensor: bias) }
    equalised = Equalisation(pairs, matrices: matrices, columns: columns, biases: biases)
    for pair in pairs {
      let (one, other) = (roots[pair.first] ?? pair.first, roots[pair.second] ?? pair.second)
      roots[pair.first] = one
      roots[pair.second] = one
      for (layer, root) in roots where root == other { roots[layer] = one }
      if let bias = pair.bias { owners[bias] = pair.first }
    }
  }

  /// What a weight or a bias moved together with.
  func group(of item: Item) -> ChosenWeight.Moved? {
    let own = item.kind == .weight ? item.layerIndex : owners[item.id] ?? -1
    guard let root = roots[own] else { return nil }
    let count = roots.values.count { $0 == root } + owners.values.count { roots[$0] == root }
    return .init(group: Int32(clamping: root), count: Int32(clamping: count))
  }

  /// What codes of a weight are chosen for.
  func choice(_ scheme: Scheme, _ item: Item) throws -> LayerChoice {
    guard let values = matrices[item.layerIndex], item.kind == .weight else {
      return try LayerChoice(scheme, of: CheckpointWeights(checkpoint: checkpoint, item: item))
    }
    return try LayerChoice(
      scheme,
      of: ArrayWeights(rows: item.matrix.rows, columns: item.matrix.columns, values: values, shape: item.axes))
  }

  /// A bias before it is corrected.
  func bias(_ item: Item) throws(CheckpointError) -> [Float] {
    if let numbers = biases[item.id] { return numbers }
    return try checkpoint.floats(tensor: item.id)
  }
}
