/// What labels and predictions say about a classifier: the confusion matrix and what follows from it.
public struct Classification: Sendable, Hashable {
  /// Samples by label (row) and prediction (column).
  public let confusion: [[Int]]

  /// - Precondition: as many predictions as labels; all are in 0..<classes.
  public init(labels: [Int], predictions: [Int], classes: Int) {
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    for (label, prediction) in zip(labels, predictions) { confusion[label][prediction] += 1 }
    self.confusion = confusion
  }

  public struct Class: Sendable, Hashable {
    /// Samples with this label.
    public let support: Int
    /// Of those predicted, the share that is right; 0 where none was predicted (scikit-learn's zero_division = 0).
    public let precision: Double
    /// Of those with the label, the share that was found; 0 where there are none.
    public let recall: Double
    /// The harmonic mean of both.
    public let f1: Double
  }

  public var classes: [Class] {
    confusion.indices.map { index in
      let hits = confusion[index][index]
      let support = confusion[index].reduce(0, +)
      let predicted = confusion.reduce(0) { $0 + $1[index] }
      let precision = predicted > 0 ? Double(hits) / Double(predicted) : 0
      let recall = support > 0 ? Double(hits) / Double(support) : 0
      let sum = precision + recall
      return Class(
        support: support, precision: precision, recall: recall, f1: sum > 0 ? 2 * precision * recall / sum : 0)
    }
  }

  /// The means over the classes that occur, among labels or predictions.
  public var macro: (precision: Double, recall: Double, f1: Double) {
    let all = classes
    let present = all.indices.filter { index in all[index].support > 0 || confusion.contains { $0[index] > 0 } }
    guard !present.isEmpty else { return (0, 0, 0) }
    func mean(_ figure: (Class) -> Double) -> Double {
      present.reduce(0) { $0 + figure(all[$1]) } / Double(present.count)
    }
    return (mean(\.precision), mean(\.recall), mean(\.f1))
  }
}

/// The standard error of a figure by drawing the samples again with replacement (Efron 1979); the same every time.
public enum Bootstrap {
  private static let draws = 200

  /// - Parameter figure: of the samples with these numbers.
  public static func standardError(samples: Int, _ figure: ([Int]) -> Double) -> Double {
    guard samples > 1 else { return 0 }
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next() -> UInt64 {
      // SplitMix64 (Steele et al. 2014).
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
    let figures = (0..<draws).map { _ in
      figure((0..<samples).map { _ in Int(next().multipliedFullWidth(by: UInt64(samples)).high) })
    }
    let mean = figures.reduce(0, +) / Double(draws)
    return (figures.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)).squareRoot()
  }
}
