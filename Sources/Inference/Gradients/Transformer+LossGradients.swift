internal import Checkpoints
internal import Synchronization

extension Transformer {
  /// - Throws: where some are asked for: only graphs run with integer activations.
  public func askedRanges(
    _ request: MeasurementRequest, weights: TransformerWeights, isCancelled: @escaping () -> Bool
  ) throws -> ActivationRanges? {
    guard request.activations == nil else {
      throw InferenceError(checkpoint.path, "is a transformer: only graphs of operators run with coded activations")
    }
    return nil
  }

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
    _ loss: DistillationLoss, ofLayers layers: Set<Int>, activations: ActivationRanges?, teacher: TeacherOutputs?,
    _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    func texts(_ samples: [Int]) throws(InferenceError) -> [[Int]] {
      try trainingTexts(data, samples, original, request, isCancelled)
    }
    let own = try texts(samples)
    let count = teacher == nil ? 0 : try trainingSamples(data)
    guard shape.isCausal else {
      func made(_ own: [[Int]]) throws(InferenceError) -> [[Float]] {
        try embeddings(own, weights: original, isCancelled: isCancelled)
      }
      let kept = try teacher?.rows(samples, of: count, together: data.stepSamples) { part throws(InferenceError) in
        (try made(try texts(part)), [])
      }
      return try encoderLoss(own, try kept?.rows ?? made(own), changed, layers, isCancelled)
    }
    func made(_ own: [[Int]]) throws(InferenceError) -> Activations {
      try run(try embed(own, weights: original), weights: original, isCancelled: isCancelled)
    }
    let kept = try teacher?.rows(samples, of: count, together: data.stepSamples) { part throws(InferenceError) in
      let state = try made(try texts(part))
      return (state.texts.map { state.rows($0, of: shape.hidden) }, [])
    }
    let state =
      try kept.map { Activations(joining: $0.rows, hidden: shape.hidden, nextBlock: blocks.count) } ?? made(own)
    let logits = TeacherLogits(self, original, state, Self.scoredRows(own), isCancelled)
    return try textLoss(own, logits, changed, loss, layers, isCancelled)
  }

  /// The tokens of some samples.
  func trainingTexts(
    _ data: ScoredText, _ samples: [Int], _ original: TransformerWeights, _ request: MeasurementRequest,
    _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> [[Int]] {
    guard shape.isCausal else {
      let lines = data.texts.filter { !$0.isEmpty }
      let longest = request.context ?? places ?? 512
      return samples.map { Array(lines[$0].prefix(longest)) }
    }
    let tokens = try data.tokens(of: self, original, isCancelled: isCancelled)
    let context = data.windows.context
    return samples.map { sample in
      var text = Array(tokens[sample * context..<(sample + 1) * context])
      if let start = data.windows.start { text[0] = start }
      return text
    }
  }

  /// All tokens' rows but each text's last, of texts of one length.
  static func scoredRows(_ texts: [[Int]]) -> [Int] {
    let length = texts.first?.count ?? 0
    return texts.indices.flatMap { text in (0..<max(0, length - 1)).map { text * length + $0 } }
  }

  private func textLoss(
    _ texts: [[Int]], _ teacher: TeacherLogits, _ changed: TransformerWeights, _ loss: DistillationLoss,
    _ layers: Set<Int>, _ isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let rows = Self.scoredRows(texts)
    let losses = RowLosses(
      loss, teacher, texts.flatMap { $0.dropFirst() }, length: texts.first?.count ?? 1)
    if layers.isEmpty {
      let done = try run(try embed(texts, weights: changed), weights: changed, isCancelled: isCancelled)
      return try losses.found(self, done, rows, changed, isCancelled)
    }
    let found = try gradients(
      .logits(rows: rows) { row, logits, v in losses.add(row, logits, into: v) }, texts, changed, layers, isCancelled)
    return try losses.result(found)
  }

  /// - Parameter teacher: the original's embeddings of the texts.
  private func encoderLoss(
    _ texts: [[Int]], _ teacher: [[Float]], _ changed: TransformerWeights, _ layers: Set<Int>,
    _ isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
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
