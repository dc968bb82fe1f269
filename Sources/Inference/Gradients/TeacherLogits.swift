internal import Synchronization

/// What the original makes of rows, some at a time: they are asked for one after another.
final class TeacherLogits: Sendable {
  private struct Part: Sendable {
    var first = 0
    var values: [Float] = []
    var failure: InferenceError?
  }

  private let model: Transformer
  private let weights: TransformerWeights
  private let state: Activations
  private let rows: [Int]
  private let isCancelled: @Sendable () -> Bool
  private let part = Mutex(Part())

  /// - Parameter state: after all blocks.
  init(
    _ model: Transformer, _ weights: TransformerWeights, _ state: Activations, _ rows: [Int],
    _ isCancelled: @escaping () -> Bool
  ) {
    (self.model, self.weights, self.state, self.rows) = (model, weights, state, rows)
    // Asked by the thread that makes it alone.
    nonisolated(unsafe) let asks = isCancelled
    self.isCancelled = { asks() }
  }

  /// Gives `body` the logits of one of the rows, by its place among them; of all zeros where they could not be made.
  func with<Result>(_ place: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
    let width = model.vocabularySize
    let (first, values) = part.withLock { part -> (Int, [Float]) in
      if part.values.isEmpty || !(part.first..<part.first + part.values.count / width).contains(place) {
        part.first = place
        part.values = []
        let most = max(1, Transformer.logitsAtATime / max(1, width))
        do throws(InferenceError) {
          let own = Array(rows[place..<min(rows.count, place + most)])
          try model.eachLogits(state, rows: own, weights: weights, isCancelled: isCancelled) { _, logits in
            part.values += logits
          }
        } catch {
          part.failure = part.failure ?? error
          part.values = .init(repeating: 0, count: width)
        }
      }
      return (part.first, part.values)
    }
    return values.withUnsafeBufferPointer { values in
      body(UnsafeBufferPointer(rebasing: values[(place - first) * width..<(place - first + 1) * width]))
    }
  }

  /// - Throws: why some could not be made.
  func check() throws(InferenceError) { if let failure = part.withLock({ $0.failure }) { throw failure } }
}

/// The losses of windows' rows against a teacher's logits, found one after another.
final class RowLosses: Sendable {
  private let loss: DistillationLoss
  private let teacher: TeacherLogits
  private let labels: [Int]
  private let length: Int
  private let scale: Double
  private let losses: Mutex<[Double]>

  /// - Parameters:
  ///   - labels: of each row the token that follows.
  ///   - length: tokens of a window; its rows lie side by side, one less than tokens.
  init(_ loss: DistillationLoss, _ teacher: TeacherLogits, _ labels: [Int], length: Int) {
    (self.loss, self.teacher, self.labels, self.length) = (loss, teacher, labels, max(1, length))
    scale = 1 / Double(max(1, labels.count))
    losses = Mutex(.init(repeating: 0, count: labels.count))
  }

  /// Finds a row's loss, and where `v` is given the mean's gradient by its logits.
  func add(_ row: Int, _ logits: UnsafeBufferPointer<Float>, into v: UnsafeMutablePointer<Float>?) {
    let place = row / length * (length - 1) + row % length
    let own = teacher.with(place) {
      loss.ofLogits(logits, teacher: $0, label: labels[place], scale: scale, into: v)
    }
    losses.withLock { $0[place] = own }
  }

  /// The loss of all rows, with gradients that were found.
  ///
  /// - Throws: why the teacher's logits could not be made.
  func result(_ gradients: [Int: [Float]]) throws(InferenceError) -> LossGradients {
    try teacher.check()
    let sum = losses.withLock { $0.reduce(0, +) }
    return LossGradients(loss: sum * scale, units: labels.count, gradients: gradients)
  }

  /// The loss of what stands after all blocks.
  func found(
    _ model: Transformer, _ state: Activations, _ rows: [Int], _ weights: TransformerWeights,
    _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> LossGradients {
    try model.eachLogits(state, rows: rows, weights: weights, isCancelled: isCancelled) { row, logits in
      add(row, UnsafeBufferPointer(logits), into: nil)
    }
    return try result([:])
  }
}
