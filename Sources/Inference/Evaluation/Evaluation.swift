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
  /// The class with the highest score a sample; empty where the output is no list of classes' scores.
  public internal(set) var predictions: [Int] = []
  /// The labels of the samples; empty where the data have none.
  public let labels: [Int]
  /// Whether the label is among the five highest scores, a sample; empty without labels.
  public internal(set) var isAmongFive: [Bool] = []
  /// −ln of the probability that the network gives the label, a sample (cross entropy, nats); empty without labels.
  public internal(set) var losses: [Double] = []
  /// The mean squared difference between outputs and targets, a sample; empty where the data have no targets.
  public internal(set) var targetErrors: [Double] = []
  public internal(set) var samples = 0
  /// Classes, or numbers of an output.
  public internal(set) var classes = 0
  public internal(set) var seconds = 0.0

  /// Whether the prediction is the label, a sample.
  public var isCorrect: [Bool] { zip(predictions, labels).map { $0 == $1 } }
  /// How many predictions are right.
  public var correct: Int { isCorrect.count { $0 } }
  /// The share of samples that are right (top-1), 0 to 1.
  public var accuracy: Double { samples == 0 ? 0 : Double(correct) / Double(samples) }
  /// The standard error of `accuracy`, √(p (1 − p) / n).
  public var standardError: Double {
    samples == 0 ? 0 : (accuracy * (1 - accuracy) / Double(samples)).squareRoot()
  }
  /// The mean of `losses`: it moves before `accuracy` does.
  public var meanCrossEntropy: Double { losses.isEmpty ? 0 : losses.reduce(0, +) / Double(losses.count) }
  public var samplesPerSecond: Double { seconds > 0 ? Double(samples) / seconds : 0 }

  /// Precision, recall and confusion; `nil` without labels.
  public var classification: Classification? {
    guard !labels.isEmpty, predictions.count == labels.count else { return nil }
    return Classification(labels: labels, predictions: predictions, classes: max(classes, (labels.max() ?? 0) + 1))
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
  /// Runs the network over a data set and counts how often its highest score is the label's.
  ///
  /// - Parameters:
  ///   - weights: What `loadWeights` gave, some perhaps replaced.
  ///   - batchSize: Samples at a time; where the model fixes its batch, that many are taken.
  ///   - progress: Called after each batch with the samples done and all samples.
  ///   - isCancelled: Asked before each operator.
  /// - Throws: where a label is no class of the network or an output is no number (the message names the sample),
  ///   a node fails, and `InferenceError.cancelled`.
  public func evaluate(
    _ data: Dataset, weights: Weights, batchSize: Int = 32, activations: ActivationRanges? = nil,
    progress: (Int, Int) -> Void = { _, _ in }, isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> Evaluation {
    try compare(
      data, [Candidate(weights: weights, activations: activations)], batchSize: batchSize, progress: progress,
      isCancelled: isCancelled
    ).evaluations[0]
  }

  /// Weights to run with, and how activations are coded.
  public struct Candidate: Sendable {
    public var weights: Weights
    public var activations: ActivationRanges?

    public init(weights: Weights, activations: ActivationRanges? = nil) {
      self.weights = weights
      self.activations = activations
    }
  }

  /// Runs several candidates over the same samples, batch by batch; each but the first is compared with the first.
  ///
  /// - Returns: an evaluation a candidate, and a comparison of each but the first.
  /// - Throws: as `evaluate`.
  public func compare(
    _ data: Dataset, _ candidates: [Candidate], batchSize: Int = 32,
    progress: (Int, Int) -> Void = { _, _ in }, isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> (evaluations: [Evaluation], comparisons: [OutputComparison]) {
    guard let output = outputs.first else { throw InferenceError(checkpoint.path, "has no output") }
    let size = fixedBatch ?? max(1, batchSize)
    let softmax = lastOperator(of: output.name) == "Softmax"
    var evaluations = candidates.map { _ in Evaluation(labels: data.labels) }
    var comparisons = candidates.dropFirst().map { _ in OutputComparison() }
    var done = 0
    while done < data.count {
      // A model of a fixed batch gets its last one filled up with samples from before.
      let last = min(done + size, data.count)
      let first = fixedBatch == nil ? done : max(0, last - size)
      guard last - first == size || fixedBatch == nil else {
        throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
      }
      let batch = try data.batch(first..<last)
      var reference: [Float] = []
      for (index, candidate) in candidates.enumerated() {
        let start = ContinuousClock.now
        let values = try run(
          batch, weights: candidate.weights, activations: candidate.activations, isCancelled: isCancelled)
        let scores = try Scores(values[output.name], output.name, first..<last, data, isSoftmax: softmax)
        for sample in done..<last { try evaluations[index].add(scores, sample - first, sample, data) }
        if index == 0 {
          reference = scores.numbers
        } else {
          for sample in done - first..<last - first {
            let range = sample * scores.width..<(sample + 1) * scores.width
            comparisons[index - 1].add(scores.numbers[range], reference[range], scores.kind)
          }
        }
        evaluations[index].seconds += (ContinuousClock.now - start).inSeconds
      }
      done = last
      progress(done, data.count)
    }
    return (evaluations, comparisons)
  }

  /// The batch that the first input's shape fixes.
  private var fixedBatch: Int? {
    guard case .fixed(let size)? = inputs.first?.shape?.first, size > 0 else { return nil }
    return size
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
}

/// A batch's outputs, a row of numbers a sample.
private struct Scores {
  let numbers: [Float]
  let width: Int
  let kind: OutputKind

  init(
    _ value: Value?, _ name: String, _ samples: Range<Int>, _ data: Dataset, isSoftmax: Bool
  ) throws(InferenceError) {
    let count = samples.count
    guard let value, let floats = value.floats, value.count > 0, value.shape.first == count || count == 1 else {
      throw InferenceError(
        data.path,
        "the output '\(name)' has the shape \(value?.shape ?? []); numbers of \(count) samples expected")
    }
    numbers = floats
    width = floats.count / count
    if let bad = floats.firstIndex(where: { $0.isNaN }) {
      throw InferenceError(data.path, "sample \(samples.lowerBound + bad / width) makes NaN in the output '\(name)'")
    }
    let isList = value.shape.count == 2 && width > 1 || !data.labels.isEmpty
    kind = !isList ? .numbers : isSoftmax ? .probabilities : .logits
  }
}

extension Evaluation {
  fileprivate mutating func add(
    _ scores: Scores, _ row: Int, _ sample: Int, _ data: Dataset
  ) throws(InferenceError) {
    let row = scores.numbers[row * scores.width..<(row + 1) * scores.width]
    samples += 1
    classes = scores.width
    if let targets = data.targets {
      guard targets.width == scores.width else {
        throw InferenceError(
          data.path, "has \(targets.width) targets a sample, but the network's output has \(scores.width) numbers")
      }
      let wanted = targets.numbers[sample * scores.width..<(sample + 1) * scores.width]
      targetErrors.append(
        zip(row, wanted).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) } / Double(scores.width))
    }
    guard scores.kind != .numbers else { return }
    predictions.append(highest(row))
    guard !data.labels.isEmpty else { return }
    let label = data.labels[sample]
    guard label < scores.width else {
      throw InferenceError(
        data.path, "sample \(sample) has the label \(label), but the network has \(scores.width) classes")
    }
    let own = row[row.startIndex + label]
    isAmongFive.append(row.count { $0 > own } < 5)
    losses.append(-scores.kind.logProbabilities(row)[label])
  }
}

extension Duration {
  var inSeconds: Double {
    let parts = components
    return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
  }
}
