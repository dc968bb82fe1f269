internal import Checkpoints

/// A graph's walk: before each layer the values that are alive, batch by batch.
public struct NetworkWalk: LayerWalk {
  private let network: Network
  private let original: Weights
  private let data: Dataset
  private let options: Network.RunOptions
  private let output: Graph.Value
  private let isSoftmax: Bool
  private var batches: [Batch] = []
  private var plain: Evaluation
  public private(set) var difference = OutputDifference.cosine
  public private(set) var layers: [Int] = []
  /// The step that first reads a layer's weight.
  private var steps: [Int: Int] = [:]

  private struct Batch {
    let samples: Range<Int>
    /// The first of them that is no repetition, where the model fixes how many it takes.
    let first: Int
    var snapshot: Network.Snapshot
    let reference: Value
  }

  public var count: Int { batches.reduce(0) { $0 + $1.samples.count - $1.first } }

  /// Runs the samples: some lie side by side, and such runs all over the data, so that data in the order of their classes
  /// have their say.
  init(
    _ network: Network, _ data: Dataset, samples: Int, weights: Weights, _ options: Network.RunOptions,
    isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.network, self.data, original, self.options) = (network, data, weights, options)
    output = try network.output(options.output)
    isSoftmax = network.lastOperator(of: output.name) == "Softmax"
    plain = Evaluation(labels: [])
    let wanted = max(1, min(samples, data.count))
    let size = data.fixedBatch ?? max(1, min(options.batch ?? (network.codesActivations ? 1 : 32), wanted / 8))
    guard size <= data.count else {
      throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
    }
    let runs = (wanted + size - 1) / size
    var start = 0
    var labels: [Int] = []
    for run in 0..<runs {
      // Evenly spread; the last ends with the data.
      let place = runs > 1 ? (data.count - size) * run / (runs - 1) : 0
      let first = max(place, start)
      guard first < data.count else { break }
      let last = min(data.count, first + size)
      try add(max(0, last - size)..<last, from: first, isCancelled)
      if !data.labels.isEmpty { labels += data.labels[first..<last] }
      start = last
    }
    plain = try evaluation(labels) { batch throws(InferenceError) in
      try Scores(batch.reference, output, batch.samples, data, isSoftmax: isSoftmax)
    }
    for (index, layer) in network.checkpoint.layers.enumerated() where layer.matrix != nil {
      if let step = network.firstStep(reading: layer.weight) { steps[index] = step }
    }
    layers = steps.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
  }

  private mutating func add(
    _ samples: Range<Int>, from first: Int, _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    let held = batches.reduce(0) { $0 + $1.snapshot.byteCount + $1.reference.byteCount }
    let made = try network.run(
      try data.batch(samples), weights: original, keeping: [0], memory: options.memory, beside: held,
      isCancelled: isCancelled)
    let reference = made.outputs[output.name] ?? Value([0], [])
    let scores = try Scores(reference, output, samples, data, isSoftmax: isSoftmax)
    difference = scores.kind != .numbers ? .kl : data.targets != nil ? .squaredError : .cosine
    let snapshot = made.snapshots[0] ?? Network.Snapshot(step: 0, values: [:])
    batches.append(
      Batch(samples: samples, first: first - samples.lowerBound, snapshot: snapshot, reference: reference))
  }

  public mutating func advance(to layer: Int, isCancelled: @escaping () -> Bool) throws(InferenceError) {
    guard let step = steps[layer] else { return }
    let held = batches.reduce(0) { $0 + $1.snapshot.byteCount + $1.reference.byteCount }
    for index in batches.indices {
      batches[index].snapshot = try network.advance(
        batches[index].snapshot, to: step, weights: original, memory: options.memory, beside: held,
        isCancelled: isCancelled)
    }
  }

  public func differences(
    of changed: Weights, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> [Double] {
    var comparison = OutputComparison()
    for batch in batches { try compare(batch, try scores(batch, changed, isCancelled), &comparison) }
    switch difference {
    case .kl: return comparison.divergences
    case .cosine: return comparison.cosines.map { 1 - $0 }
    case .squaredError: return comparison.squaredErrors
    }
  }

  public func metrics(of changed: Weights, isCancelled: @escaping () -> Bool) throws(InferenceError) -> [Metric] {
    var comparison = OutputComparison()
    let found = try evaluation(plain.labels) { batch throws(InferenceError) in
      let scores = try scores(batch, changed, isCancelled)
      try compare(batch, scores, &comparison)
      return scores
    }
    return try Metrics(found: found, plain: plain, comparison: comparison, isCancelled: isCancelled).all()
  }

  private func scores(
    _ batch: Batch, _ weights: Weights, _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> Scores {
    let outputs = try network.resume(
      from: batch.snapshot, weights: weights, memory: options.memory, isCancelled: isCancelled)
    return try Scores(outputs[output.name], output, batch.samples, data, isSoftmax: isSoftmax)
  }

  private func compare(
    _ batch: Batch, _ scores: Scores, _ comparison: inout OutputComparison
  ) throws(InferenceError) {
    let reference = try Scores(batch.reference, output, batch.samples, data, isSoftmax: isSoftmax)
    for sample in batch.first..<batch.samples.count {
      let range = sample * scores.width..<(sample + 1) * scores.width
      comparison.add(scores.numbers[range], reference.numbers[range], scores.kind)
    }
  }

  /// What the samples' outputs come to.
  private func evaluation(
    _ labels: [Int], _ scores: (Batch) throws(InferenceError) -> Scores
  ) throws(InferenceError) -> Evaluation {
    var found = Evaluation(labels: labels)
    for batch in batches {
      let scores = try scores(batch)
      for sample in batch.first..<batch.samples.count {
        try found.add(scores, sample, batch.samples.lowerBound + sample, data)
      }
    }
    return found
  }
}
