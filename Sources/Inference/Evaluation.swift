internal import Checkpoints

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What a network made of a data set's samples.
public struct Evaluation: Sendable, Hashable {
  /// The class with the highest score a sample; −1 where a score is no number.
  public let predictions: [Int]
  /// Whether the prediction is the label, a sample.
  public let isCorrect: [Bool]
  /// −ln of the probability that the network gives the label, a sample (cross entropy, nats).
  public let losses: [Double]
  public let seconds: Double

  public var samples: Int { predictions.count }
  /// How many predictions are right.
  public let correct: Int
  /// The share of samples that are right (top-1), 0 to 1.
  public var accuracy: Double { samples == 0 ? 0 : Double(correct) / Double(samples) }
  /// The standard error of `accuracy`, √(p (1 − p) / n).
  public var standardError: Double {
    samples == 0 ? 0 : (accuracy * (1 - accuracy) / Double(samples)).squareRoot()
  }
  /// The mean of `losses`: it moves before `accuracy` does.
  public var meanCrossEntropy: Double { samples == 0 ? 0 : losses.reduce(0, +) / Double(samples) }
  public var samplesPerSecond: Double { seconds > 0 ? Double(samples) / seconds : 0 }

  init(predictions: [Int], losses: [Double], labels: [Int], seconds: Double) {
    self.predictions = predictions
    self.losses = losses
    self.seconds = seconds
    isCorrect = zip(predictions, labels).map { $0 == $1 }
    correct = isCorrect.count { $0 }
  }

  /// The share of samples, 0 to 1, that both networks put in the same class, right or wrong.
  ///
  /// - Precondition: both are of the same samples.
  public func agreement(with other: Evaluation) -> Double {
    precondition(samples == other.samples)
    let same = zip(predictions, other.predictions).count { $0 == $1 }
    return samples == 0 ? 1 : Double(same) / Double(samples)
  }

  /// The standard error of the difference of two accuracies on the same samples: the samples on which just one is
  /// right carry it (McNemar 1947).
  ///
  /// - Precondition: both are of the same samples.
  public func standardErrorOfDifference(to other: Evaluation) -> Double {
    precondition(samples == other.samples)
    guard samples > 0 else { return 0 }
    let n = Double(samples)
    let discordant = Double(zip(isCorrect, other.isCorrect).count { $0 != $1 })
    let difference = accuracy - other.accuracy
    return max(0, (discordant / n - difference * difference) / n).squareRoot()
  }
}

extension Network {
  /// Runs the network over a labelled data set and counts how often its highest score is the label's.
  ///
  /// - Parameters:
  ///   - weights: What `loadWeights` gave, some perhaps replaced.
  ///   - batchSize: Samples at a time; where the model fixes its batch, that many are taken.
  ///   - progress: Called after each batch with the samples done and all samples.
  ///   - isCancelled: Asked before each operator.
  /// - Throws: where the data set has no labels, a label is no class of the network (the message names the sample),
  ///   a node fails, and `InferenceError.cancelled`.
  public func evaluate(
    _ data: Dataset, weights: Weights, batchSize: Int = 32, progress: (Int, Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> Evaluation {
    guard !data.labels.isEmpty else {
      throw InferenceError(data.path, "has no array 'labels' to compare with")
    }
    guard let output = outputs.first else { throw InferenceError(checkpoint.path, "has no output") }
    let start = ContinuousClock.now
    let size = fixedBatch ?? max(1, batchSize)
    let givesProbabilities = lastOperator(of: output.name) == "Softmax"
    var predictions: [Int] = []
    var losses: [Double] = []
    while predictions.count < data.count {
      // A model of a fixed batch gets its last one filled up with samples from before.
      let last = min(predictions.count + size, data.count)
      let first = fixedBatch == nil ? predictions.count : max(0, last - size)
      guard last - first == size || fixedBatch == nil else {
        throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
      }
      let values = try run(try data.batch(first..<last), weights: weights, isCancelled: isCancelled)
      let classes = try Self.classes(values[output.name], output.name, last - first, data.path)
      let scores = values[output.name]?.floats ?? []
      let known = predictions.count - first
      try checkLabels(first..<last, classes, data)
      for sample in known..<last - first {
        let row = scores[sample * classes..<(sample + 1) * classes]
        predictions.append(Self.highest(row))
        losses.append(Self.loss(row, data.labels[first + sample], givesProbabilities))
      }
      progress(predictions.count, data.count)
    }
    let elapsed = (ContinuousClock.now - start).components
    let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
    return Evaluation(predictions: predictions, losses: losses, labels: data.labels, seconds: seconds)
  }

  /// The batch that the first input's shape fixes.
  private var fixedBatch: Int? {
    guard case .fixed(let size)? = inputs.first?.shape?.first, size > 0 else { return nil }
    return size
  }

  private static func classes(
    _ value: Value?, _ name: String, _ samples: Int, _ path: String
  ) throws(InferenceError) -> Int {
    guard let value, value.floats != nil, value.shape.first == samples, value.count > 0 else {
      throw InferenceError(
        path,
        "the output '\(name)' has the shape \(value?.shape ?? []); scores of \(samples) samples expected")
    }
    return value.count / samples
  }

  private func checkLabels(_ samples: Range<Int>, _ classes: Int, _ data: Dataset) throws(InferenceError) {
    if let sample = samples.first(where: { data.labels[$0] >= classes }) {
      throw InferenceError(
        data.path,
        "sample \(sample) has the label \(data.labels[sample]), but the network has \(classes) classes")
    }
  }

  /// The operator that makes a value, through those that only pass it on.
  private func lastOperator(of name: String) -> String {
    var name = name
    while let node = steps.last(where: { $0.node.outputs.contains(name) })?.node {
      guard ["Identity", "Flatten", "Reshape", "Squeeze"].contains(node.operatorName) else {
        return node.operatorName
      }
      name = node.inputs.first ?? ""
    }
    return ""
  }

  /// The class of the highest score; of equal ones the first; −1 where one is no number.
  private static func highest(_ row: ArraySlice<Float>) -> Int {
    var best = row.startIndex
    for index in row.indices {
      if row[index].isNaN { return -1 }
      if row[index] > row[best] { best = index }
    }
    return best - row.startIndex
  }

  private static func loss(_ row: ArraySlice<Float>, _ label: Int, _ isProbability: Bool) -> Double {
    let score = Double(row[row.startIndex + label])
    if isProbability { return -log(max(score, 1e-30)) }
    let largest = Double(row.max() ?? 0)
    return log(row.reduce(0) { $0 + exp(Double($1) - largest) }) + largest - score
  }
}
