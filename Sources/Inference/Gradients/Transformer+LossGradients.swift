internal import Checkpoints
internal import Synchronization

extension Transformer {
  /// Windows of a text, lines of others that are not empty.
  public func trainingSamples(_ data: ScoredText) throws -> Int {
    if let selfMade = data.selfMade { return selfMade.count }
    guard shape.isCausal else { return data.texts.count { !$0.isEmpty } }
    let count = (data.texts.first?.count ?? 0) / max(1, data.windows.context)
    guard count > 0 else {
      throw InferenceError(
        data.path,
        "has \(data.texts.first?.count ?? 0) tokens, less than a window of \(data.windows.context)")
    }
    return count
  }

  /// A position of a window a unit, all but the last; a line of an encoder's.
  ///
  /// Costs a forward run of the original, and three of the changed weights; without layers one of each. Memory as
  /// `TransformerWayBack`, and beside it the original's states and logits of 16 MiB.
  ///
  /// - Throws: as `run`; where there is no room.
  public func lossGradients(
    _ data: ScoredText, samples: [Int], original: TransformerWeights, changed: TransformerWeights,
    _ loss: DistillationLoss, ofLayers layers: Set<Int>, _ request: MeasurementRequest,
    isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    guard shape.isCausal else {
      let lines = data.texts.filter { !$0.isEmpty }
      let longest = request.context ?? places ?? 512
      return try encoderLoss(
        samples.map { Array(lines[$0].prefix(longest)) }, original, changed, layers, isCancelled)
    }
    let tokens = try data.tokens(of: self, original, isCancelled: isCancelled)
    let context = data.windows.context
    var texts: [[Int]] = []
    var labels: [Int] = []
    for sample in samples {
      var text = Array(tokens[sample * context..<(sample + 1) * context])
      if let start = data.windows.start { text[0] = start }
      labels += text.dropFirst()
      texts.append(text)
    }
    let rows = texts.indices.flatMap { text in (0..<context - 1).map { text * context + $0 } }
    return try textLoss(texts, rows, labels, original, changed, loss, layers, isCancelled)
  }

  private func textLoss(
    _ texts: [[Int]], _ rows: [Int], _ labels: [Int], _ original: TransformerWeights, _ changed: TransformerWeights,
    _ loss: DistillationLoss, _ layers: Set<Int>, _ isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let teacher = TeacherLogits(
      self, original, try run(try embed(texts, weights: original), weights: original, isCancelled: isCancelled), rows,
      isCancelled)
    let losses = Mutex([Double](repeating: 0, count: rows.count))
    // A window's rows lie side by side: each has one less than tokens.
    let length = max(1, texts.first?.count ?? 1)
    let scale = 1 / Double(max(1, rows.count))
    @Sendable func place(_ row: Int) -> Int { row / length * (length - 1) + row % length }
    if layers.isEmpty {
      let done = try run(try embed(texts, weights: changed), weights: changed, isCancelled: isCancelled)
      try eachLogits(done, rows: rows, weights: changed, isCancelled: isCancelled) {
        row, logits throws(InferenceError) in
        let place = place(row)
        let own = teacher.with(place) {
          loss.ofLogits(UnsafeBufferPointer(logits), teacher: $0, label: labels[place], into: nil)
        }
        losses.withLock { $0[place] = own }
      }
      try teacher.check()
      return LossGradients(loss: losses.withLock { $0.reduce(0, +) } * scale, units: rows.count, gradients: [:])
    }
    let found = try gradients(
      .logits(rows: rows) { row, logits, v in
        let place = place(row)
        let own = teacher.with(place) {
          loss.ofLogits(logits, teacher: $0, label: labels[place], scale: scale, into: v)
        }
        losses.withLock { $0[place] = own }
      }, texts, changed, layers, isCancelled)
    try teacher.check()
    return LossGradients(loss: losses.withLock { $0.reduce(0, +) } * scale, units: rows.count, gradients: found)
  }

  private func encoderLoss(
    _ texts: [[Int]], _ original: TransformerWeights, _ changed: TransformerWeights, _ layers: Set<Int>,
    _ isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let teacher = try embeddings(texts, weights: original, isCancelled: isCancelled)
    let scale = 1 / Double(max(1, texts.count))
    var sum = 0.0
    if layers.isEmpty {
      for (s, t) in zip(try embeddings(texts, weights: changed, isCancelled: isCancelled), teacher) {
        sum += DistillationLoss.ofEmbedding(s, teacher: t).loss
      }
      return LossGradients(loss: sum * scale, units: texts.count, gradients: [:])
    }
    let pooling: Hyperparameters.Pooling = shape.pooling == .none ? .mean : shape.pooling
    // Called once, before `gradients` comes back.
    let losses = Mutex(0.0)
    let found = try gradients(
      .states { state throws(InferenceError) in
        var sum = 0.0
        let all = pooledDirections(state, pooling) { number, pooled in
          let own = DistillationLoss.ofEmbedding(pooled, teacher: teacher[number])
          sum += own.loss
          return own.gradient.map { Float(scale * Double($0)) }
        }
        losses.withLock { $0 = sum }
        return all
      }, texts, changed, layers, isCancelled)
    return LossGradients(loss: losses.withLock { $0 } * scale, units: texts.count, gradients: found)
  }

  /// The gradients of some layers, of the others none.
  private func gradients(
    _ ending: TransformerWayBack.Ending, _ texts: [[Int]], _ weights: TransformerWeights, _ layers: Set<Int>,
    _ isCancelled: @escaping () -> Bool
  ) throws -> [Int: [Float]] {
    var found: [Int: [Float]] = [:]
    let way = TransformerWayBack(model: self, weights: weights, texts: texts, isCancelled: isCancelled)
    try way.run(ending, progress: { _, _ in }) { layer, rows in
      guard let first = rows.first, layers.contains(layer) else { return }
      let held = found.values.reduce(0) { $0 + 4 * $1.count }
      try weights.checkRoom(for: held + 4 * first.weightCount, "gradients")
      var sum = [Float](repeating: 0, count: first.weightCount)
      for part in rows { try part.addGradient(to: &sum) }
      found[layer] = sum
    }
    return found
  }
}

/// What the original makes of rows, some at a time: they are asked for one after another.
private final class TeacherLogits: Sendable {
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
