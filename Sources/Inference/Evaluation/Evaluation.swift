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
  /// What a person should know of the figures.
  public internal(set) var notes: [String] = []

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

extension Duration {
  var inSeconds: Double {
    let parts = components
    return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
  }
}
