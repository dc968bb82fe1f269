internal import Checkpoints

/// A transformer's walk: what stands before a block, for all tokens.
public struct TransformerWalk: LayerWalk {
  private let model: Transformer
  private let original: TransformerWeights
  private let texts: [[Int]]
  /// Scored tokens, by their places among all tokens.
  private let rows: [Int]
  /// What follows each of them.
  private let targets: [Int]
  private var before: Activations
  /// What the original makes of the texts: after all blocks, or an embedding a text.
  private let reference: Activations
  /// The original's logits of the scored tokens, where there is room for them.
  private let kept: ReferenceLogits?
  private let embeddings: [[Float]]
  public let layers: [Int]
  private let embeddingLayers: Set<Int>
  private var layer = -1

  public var difference: OutputDifference { model.shape.isCausal ? .kl : .cosine }
  public var count: Int { model.shape.isCausal ? rows.count : texts.count }

  /// - Parameter samples: windows of text, or texts, evenly spread.
  init(
    _ model: Transformer, _ data: ScoredText, samples: Int, longest: Int, weights: TransformerWeights,
    isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.model, original) = (model, weights)
    var (texts, rows, targets): ([[Int]], [Int], [Int]) = ([], [], [])
    if model.shape.isCausal {
      let tokens = try data.tokens(of: model, weights, isCancelled: isCancelled)
      for window in try model.windows(of: tokens, data.windows, most: samples) {
        for index in data.windows.firstScored..<window.count - 1 {
          rows.append(texts.count * window.count + index)
          targets.append(window[index + 1])
        }
        texts.append(window)
      }
    } else {
      let all = data.texts.filter { !$0.isEmpty }
      let count = max(1, min(samples, all.count))
      texts = (0..<count).map { Array(all[$0 * all.count / count].prefix(longest)) }
    }
    (self.texts, self.rows, self.targets) = (texts, rows, targets)
    let tables = [model.embedding, model.positionEmbedding, model.tokenTypes, model.relativeBias].compactMap {
      $0?.layer
    }
    embeddingLayers = Set(tables)
    var seen = Set<Int>()
    layers = (tables + model.blocks.flatMap(\.layers) + [model.head?.layer].compactMap { $0 }).filter {
      seen.insert($0).inserted
    }
    before = try model.embed(texts, weights: weights)
    let done = try model.run(before, weights: weights, isCancelled: isCancelled)
    embeddings = model.shape.isCausal ? [] : model.pooled(done)
    reference = model.shape.isCausal ? done : Activations(values: [], texts: [], nextBlock: model.blocks.count)
    kept =
      model.shape.isCausal
      ? try model.keptLogits(done, weights, rows: rows, targets: targets, isCancelled: isCancelled) : nil
  }

  public mutating func advance(to layer: Int, isCancelled: @escaping () -> Bool) throws(InferenceError) {
    self.layer = layer
    guard !embeddingLayers.contains(layer) else { return }
    before = try model.run(
      before, upTo: model.firstBlock(using: layer), weights: original, isCancelled: isCancelled)
  }

  public func differences(
    of changed: TransformerWeights, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> [Double] {
    let done = try run(changed, isCancelled)
    guard model.shape.isCausal else {
      return zip(model.pooled(done), embeddings).map { 1 - Transformer.cosine($0, $1) }
    }
    return try compare(done, changed, isCancelled).divergences.map(Double.init)
  }

  public func metrics(
    of changed: TransformerWeights, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> [Metric] {
    let done = try run(changed, isCancelled)
    guard model.shape.isCausal else {
      let cosines = zip(model.pooled(done), embeddings).map { Transformer.cosine($0, $1) }
      return [Metric(mean: cosines, name: "cosine")]
    }
    return Transformer.metrics(of: try compare(done, changed, isCancelled))
  }

  /// The rest of the run, after all blocks.
  private func run(
    _ changed: TransformerWeights, _ isCancelled: () -> Bool
  ) throws(InferenceError) -> Activations {
    // Before the walk began, anything may have changed.
    let isWhole = layer < 0 || embeddingLayers.contains(layer)
    let start = isWhole ? try model.embed(texts, weights: changed) : before
    return try model.run(start, weights: changed, isCancelled: isCancelled)
  }

  private func compare(
    _ done: Activations, _ changed: TransformerWeights, _ isCancelled: () -> Bool
  ) throws(InferenceError) -> ScoreComparison {
    var both = ScoreComparison()
    if let kept {
      both = try model.compare(kept, done, changed, rows: rows, targets: targets, isCancelled: isCancelled)
    } else {
      try model.compare(
        reference, original, done, changed, rows: rows, targets: targets, places: rows, isCancelled: isCancelled, &both)
    }
    guard let bad = both.divergences.firstIndex(where: \.isNaN) else { return both }
    throw InferenceError(
      model.checkpoint.path, "token \(rows[bad]) of the samples makes NaN in the model's output")
  }
}

extension Transformer {
  /// Windows of a text, evenly spread, at most so many.
  fileprivate func windows(
    of tokens: [Int], _ windows: TextWindows, most: Int
  ) throws(InferenceError) -> [[Int]] {
    try check(tokens, windows)
    let all = tokens.count / windows.context
    let count = max(1, min(most, all))
    return (0..<count).map { index in
      let start = index * all / count * windows.context
      var text = Array(tokens[start..<start + windows.context])
      if let token = windows.start { text[0] = token }
      return text
    }
  }
}
