/// What labels and predictions say about a classifier: the confusion matrix and what follows from it.
public struct Classification: Sendable, Hashable {
  public let classCount: Int
  /// Samples with a label, by class.
  private let supports: [Int]
  /// Samples with a prediction, by class.
  private let predicted: [Int]
  /// Samples whose prediction is their label, by class.
  private let hits: [Int]
  /// The cells of the confusion matrix that are not 0, at label · classes + prediction: of many classes few are.
  private let cells: [Int: Int]

  /// Costs time and memory for the samples and the classes, not for their square.
  ///
  /// - Precondition: as many predictions as labels; all are in 0..<classes.
  public init(labels: [Int], predictions: [Int], classes: Int) {
    var cells: [Int: Int] = [:]
    for (label, prediction) in zip(labels, predictions) { cells[label * classes + prediction, default: 0] += 1 }
    let counts = Counts(labels: labels, predictions: predictions, samples: labels.indices, classes: classes)
    (classCount, self.cells) = (classes, cells)
    (supports, predicted, hits) = (counts.supports, counts.predicted, counts.hits)
  }

  /// All of it as one list: classes, their three counts each, then the cells that are not 0 with theirs.
  package var kept: [Int] {
    [classCount] + supports + predicted + hits + cells.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
  }

  /// - Returns: `nil` for what is no such list.
  package init?(kept: [Int]) {
    guard let classes = kept.first, classes >= 0, classes <= (kept.count - 1) / 3,
      kept.count % 2 == (1 + 3 * classes) % 2,
      kept.allSatisfy({ $0 >= 0 })
    else { return nil }
    classCount = classes
    supports = Array(kept[1..<1 + classes])
    predicted = Array(kept[1 + classes..<1 + 2 * classes])
    hits = Array(kept[1 + 2 * classes..<1 + 3 * classes])
    let rest = kept[(1 + 3 * classes)...]
    var cells: [Int: Int] = [:]
    for index in stride(from: rest.startIndex, to: rest.endIndex, by: 2) {
      guard rest[index] / max(1, classes) < classes else { return nil }
      cells[rest[index]] = rest[index + 1]
    }
    self.cells = cells
  }

  /// The most classes whose confusion matrix is made.
  public static let mostConfused = 1000

  /// Samples by label (row) and prediction (column); `nil` of more than `mostConfused` classes.
  public var confusion: [[Int]]? {
    guard classCount <= Self.mostConfused else { return nil }
    var matrix = [[Int]](repeating: [Int](repeating: 0, count: classCount), count: classCount)
    for (cell, count) in cells { matrix[cell / classCount][cell % classCount] = count }
    return matrix
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
    (0..<classCount).map { index in
      let figures = Self.figures(hits: hits[index], support: supports[index], predicted: predicted[index])
      return Class(support: supports[index], precision: figures.precision, recall: figures.recall, f1: figures.f1)
    }
  }

  private static func figures(hits: Int, support: Int, predicted: Int) -> (
    precision: Double, recall: Double, f1: Double
  ) {
    let precision = predicted > 0 ? Double(hits) / Double(predicted) : 0
    let recall = support > 0 ? Double(hits) / Double(support) : 0
    let sum = precision + recall
    return (precision, recall, sum > 0 ? 2 * precision * recall / sum : 0)
  }

  /// What some samples have of each class.
  private struct Counts {
    var supports: [Int]
    var predicted: [Int]
    var hits: [Int]

    init(labels: [Int], predictions: [Int], samples: some Sequence<Int>, classes: Int) {
      supports = .init(repeating: 0, count: classes)
      (predicted, hits) = (supports, supports)
      for sample in samples {
        let (label, prediction) = (labels[sample], predictions[sample])
        supports[label] += 1
        predicted[prediction] += 1
        if label == prediction { hits[label] += 1 }
      }
    }

    var macro: (precision: Double, recall: Double, f1: Double) {
      var (sums, present) = ((0.0, 0.0, 0.0), 0.0)
      for index in supports.indices where supports[index] > 0 || predicted[index] > 0 {
        let one = figures(hits: hits[index], support: supports[index], predicted: predicted[index])
        sums = (sums.0 + one.precision, sums.1 + one.recall, sums.2 + one.f1)
        present += 1
      }
      return present > 0 ? (sums.0 / present, sums.1 / present, sums.2 / present) : (0, 0, 0)
    }
  }

  /// `macro` of some samples, which may be named several times: for the bootstrap.
  public static func macro(labels: [Int], predictions: [Int], samples: [Int], classes: Int) -> (
    precision: Double, recall: Double, f1: Double
  ) {
    Counts(labels: labels, predictions: predictions, samples: samples, classes: classes).macro
  }

  /// The means over the classes that occur, among labels or predictions.
  public var macro: (precision: Double, recall: Double, f1: Double) {
    var counts = Counts(labels: [], predictions: [], samples: [], classes: 0)
    (counts.supports, counts.predicted, counts.hits) = (supports, predicted, hits)
    return counts.macro
  }
}

/// The standard error of a figure by drawing the samples again with replacement (Efron 1979); the same every time.
public enum Bootstrap {
  private static let draws = 200

  /// - Parameter figures: some figures of the samples with these numbers, always as many.
  /// - Returns: a standard error a figure.
  public static func standardErrors(
    samples: Int, count: Int, isCancelled: () -> Bool = { false }, _ figures: ([Int]) -> [Double]
  ) throws(InferenceError) -> [Double] {
    guard samples > 1 else { return .init(repeating: 0, count: count) }
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next() -> UInt64 {
      // SplitMix64 (Steele et al. 2014).
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
    var drawn: [[Double]] = []
    for _ in 0..<draws {
      if isCancelled() { throw .cancelled }
      drawn.append(figures((0..<samples).map { _ in Int(next().multipliedFullWidth(by: UInt64(samples)).high) }))
    }
    return (0..<count).map { figure in
      let mean = drawn.reduce(0) { $0 + $1[figure] } / Double(draws)
      let squares = drawn.reduce(0) { $0 + ($1[figure] - mean) * ($1[figure] - mean) }
      return (squares / Double(draws - 1)).squareRoot()
    }
  }
}
