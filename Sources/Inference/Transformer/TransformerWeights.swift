internal import Checkpoints
internal import FileAccess

/// A transformer's weights, ready to run: matrices as Floats, or decoded from the file each time they are used.
///
/// A value: replacing some shares all others with the original, so the compressed form of a model costs only what
/// differs.
public struct TransformerWeights: Sendable {
  /// By the checkpoint's layer.
  private(set) var matrices: [Int: [Float]]
  /// Norms and biases by the checkpoint's tensor, norms with their offset.
  private(set) var vectors: [Int: [Float]]
  private let normOffsets: [Int: Float]
  let checkpoint: Checkpoint
  /// Bytes that weights and a run may take together.
  public let memory: Int
  /// Bytes of the numbers in memory, with those that were replaced: their owners may hold them still.
  public private(set) var byteCount = 0

  init(_ model: Transformer, resident: Int, memory: Int?) throws(InferenceError) {
    checkpoint = model.checkpoint
    self.memory = memory ?? RunBudget.whole
    matrices = [:]
    vectors = [:]
    var offsets: [Int: Float] = [:]
    for norm in model.norms { offsets[norm.weight] = model.shape.normOffset }
    normOffsets = offsets
    do throws(CheckpointError) {
      for tensor in model.norms.flatMap({ [$0.weight, $0.bias].compactMap { $0 } }) + model.linears.compactMap(\.bias) {
        let offset = offsets[tensor] ?? 0
        let values = try checkpoint.floats(tensor: tensor)
        byteCount += 4 * values.count
        vectors[tensor] = offset == 0 ? values : values.map { $0 + offset }
      }
      var room = min(resident, self.memory)
      for linear in model.linears where matrices[linear.layer] == nil {
        let count = linear.layerOutputs.multipliedReportingOverflow(by: linear.inputs)
        let size = count.overflow || count.partialValue > .max / 4 ? .max : count.partialValue * 4
        // The biases of attention are small, and wanted whole.
        guard size <= room || linear.layer == model.relativeBias?.layer || linear.isVector else { continue }
        room = max(0, room - size)
        byteCount += size
        matrices[linear.layer] =
          linear.isVector
          ? try checkpoint.floats(tensor: checkpoint.layers[linear.layer].weight)
          : try checkpoint.matrix(layer: linear.layer)
      }
    } catch {
      throw InferenceError(error.file, error.tensor.map { "'\($0)' \(error.reason)" } ?? error.reason)
    }
  }

  /// The weights with a layer's weight replaced by a matrix of outputs by inputs, row after row, as
  /// `Checkpoint.readMatrix` gives it.
  ///
  /// - Precondition: the layer has a matrix, and it is of that size.
  public func replacing(layer index: Int, withMatrix floats: [Float]) -> TransformerWeights {
    let layer = checkpoint.layers[index]
    guard let matrix = layer.matrix else { preconditionFailure("the layer \(layer.name) has no matrix") }
    precondition(floats.count == matrix.rows * matrix.columns)
    var changed = self
    changed.matrices[index] = floats
    changed.byteCount += 4 * floats.count
    return changed
  }

  /// Bytes that weights and a run take together where nobody says: six tenths of the machine's.
  public static var standardMemory: Int { RunBudget.whole }

  /// - Parameter bytes: of what is to be made beside the weights.
  /// - Throws: where there is no room for it.
  package func checkRoom(for bytes: Int, _ what: String) throws(InferenceError) {
    let left = max(0, memory - byteCount)
    guard bytes > left else { return }
    throw InferenceError(
      checkpoint.path,
      "\(what) take \(bytes >> 20) MiB, where \(left >> 20) MiB are left of the \(memory >> 20) that a run may take "
        + "(--memory)"
    ).forLackOfMemory
  }

  /// The weights with one tensor replaced by Floats in its storage order.
  ///
  /// - Precondition: as many as the tensor has elements; it is no part of a packed weight.
  public func replacing(tensor index: Int, with floats: [Float]) -> TransformerWeights {
    precondition(floats.count == checkpoint.tensors[index].count)
    var changed = self
    changed.byteCount += 4 * floats.count
    if vectors[index] != nil {
      let offset = normOffsets[index] ?? 0
      changed.vectors[index] = offset == 0 ? floats : floats.map { $0 + offset }
    } else if let layer = checkpoint.layers.firstIndex(where: { $0.weight == index }) {
      precondition(checkpoint.layers[layer].packing == nil)
      if let matrix = checkpoint.layers[layer].matrix {
        changed.matrices[layer] = matrix.rowOrder(floats)
      } else if matrices[layer] != nil {
        changed.matrices[layer] = floats
      }
    }
    return changed
  }

  /// Whether two hold the very same numbers for a layer, without looking at them.
  func shares(_ layer: Int, with other: TransformerWeights) -> Bool {
    Self.areSame(matrices[layer], other.matrices[layer])
  }

  func sharesVectors(with other: TransformerWeights) -> Bool {
    vectors.allSatisfy { Self.areSame($0.value, other.vectors[$0.key]) }
  }

  private static func areSame(_ one: [Float]?, _ other: [Float]?) -> Bool {
    guard let one, let other else { return one == nil && other == nil }
    return one.withUnsafeBufferPointer { a in
      other.withUnsafeBufferPointer { b in a.baseAddress == b.baseAddress && a.count == b.count }
    }
  }
}

extension Transformer {
  /// Reads and decodes the weights: 4 bytes each.
  ///
  /// - Parameters:
  ///   - resident: Bytes that decoded matrices may take; those beyond are decoded from the file each time they are used,
  ///     tile by tile.
  ///   - memory: Bytes that weights and a run may take together; `nil` for six tenths of the machine's.
  /// - Throws: where a weight cannot be read.
  public func loadWeights(
    resident: Int = .max, memory: Int? = nil
  ) throws(InferenceError) -> TransformerWeights {
    try TransformerWeights(self, resident: resident, memory: memory)
  }

  /// All matrices in the order of their use, a tied one twice.
  var linears: [Linear] {
    [embedding, positionEmbedding, tokenTypes, relativeBias].compactMap { $0 }
      + blocks.flatMap(\.linears) + [head].compactMap { $0 }
  }

  var norms: [Norm] {
    [embeddingNorm, outputNorm].compactMap { $0 }
      + blocks.flatMap { block in
        [
          block.attentionNorm, block.queryNorm, block.keyNorm, block.afterAttention, block.feedForwardNorm,
          block.afterFeedForward,
        ].compactMap { $0 }
      }
  }

  /// The first block that computes something else with other weights; 0 where embeddings differ or norms or biases do,
  /// `shape.blocks` where only the head differs, or nothing does.
  public func firstDifference(_ one: TransformerWeights, _ other: TransformerWeights) -> Int {
    guard one.sharesVectors(with: other) else { return 0 }
    for linear in [embedding, positionEmbedding, tokenTypes, relativeBias].compactMap({ $0 })
    where !one.shares(linear.layer, with: other) {
      return 0
    }
    return blocks.firstIndex { block in block.layers.contains { !one.shares($0, with: other) } } ?? blocks.count
  }
}
