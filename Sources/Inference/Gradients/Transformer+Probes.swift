internal import Checkpoints

extension Transformer {
  /// A scored position of a text a unit, its KL divergence; of an encoder a text, and 1 − cosine of its embedding.
  ///
  /// Windows of text, or lines, are taken evenly; all are run at a time, forward and back once. A position's part is what
  /// goes through its own row; rows that are not scored count for those that are, place by place. See
  /// `LayerProbe.groups` for what goes through several.
  ///
  /// - Throws: where there is no room for what stands before each block and one block's own numbers: `probeBytes` beside
  ///   the weights.
  public func probes(
    _ data: ScoredText, samples: Int, weights: TransformerWeights, seed: UInt64, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool, visit: (LayerProbe) throws -> Void
  ) throws {
    if shape.isCausal {
      try positionProbes(data, samples, weights, seed, progress, isCancelled, visit)
    } else {
      try textProbes(
        data, samples, weights, seed, longest: request.context ?? places ?? 512, progress, isCancelled, visit)
    }
  }

  /// For so many windows or lines.
  public func probeBytes(_ data: ScoredText, samples: Int) -> Int {
    let length =
      shape.isCausal
      ? data.windows.context : min(places ?? 512, data.texts.map(\.count).max() ?? 0)
    let (kept, once) = TransformerWayBack.bytes(self, .init(repeating: length, count: max(1, min(samples, 1 << 20))))
    let sum = kept.addingReportingOverflow(once)
    return sum.overflow ? .max : sum.partialValue
  }

  private func positionProbes(
    _ data: ScoredText, _ samples: Int, _ weights: TransformerWeights, _ seed: UInt64, _ progress: (Int, Int) -> Void,
    _ isCancelled: @escaping () -> Bool, _ visit: (LayerProbe) throws -> Void
  ) throws {
    let windows = data.windows
    let texts = try windows.chosen(samples, of: try data.tokens(of: self, weights, isCancelled: isCancelled))
    let context = windows.context
    let scored = windows.firstScored..<context - 1
    let rows = texts.indices.flatMap { text in scored.map { text * context + $0 } }
    // A window's positions side by side; those that are not scored fall on those that are.
    let units = (0..<texts.count * context).map { row in
      row / context * scored.count + row % context % scored.count
    }
    let groups = texts.indices.map { $0 * scored.count..<($0 + 1) * scored.count }
    let way = TransformerWayBack(model: self, weights: weights, texts: texts, isCancelled: isCancelled)
    let direction: TransformerWayBack.Ending = .logits(rows: rows) { row, logits, v in
      var signs = RandomSigns(seed: seed, sample: row)
      OutputDirection.logits(logits, &signs, into: v)
    }
    try way.run(direction, progress: progress) { layer, parts in
      try visit(Self.probe(layer, parts, units: units, count: rows.count, groups: groups))
    }
  }

  private func textProbes(
    _ data: ScoredText, _ samples: Int, _ weights: TransformerWeights, _ seed: UInt64, longest: Int,
    _ progress: (Int, Int) -> Void, _ isCancelled: @escaping () -> Bool, _ visit: (LayerProbe) throws -> Void
  ) throws {
    let lines = data.texts.filter { !$0.isEmpty }
    let count = max(0, min(samples, lines.count))
    guard count > 0 else { return }
    let texts = (0..<count).map { Array(lines[$0 * lines.count / count].prefix(longest)) }
    let units = texts.enumerated().flatMap { text, tokens in tokens.map { _ in text } }
    let way = TransformerWayBack(model: self, weights: weights, texts: texts, isCancelled: isCancelled)
    let pooling: Hyperparameters.Pooling = shape.pooling == .none ? .mean : shape.pooling
    let ending: TransformerWayBack.Ending = .states { state throws(InferenceError) in
      pooledDirections(state, pooling) { number, pooled in
        var signs = RandomSigns(seed: seed, sample: number)
        return pooled.withUnsafeBufferPointer { OutputDirection.cosine($0, &signs) }
      }
    }
    try way.run(ending, progress: progress) { layer, parts in
      try visit(Self.probe(layer, parts, units: units, count: count, groups: nil))
    }
  }

  /// The gradients of tokens' last states, (tokens, hidden), from those of what is pooled of each text's.
  func pooledDirections(
    _ state: Activations, _ pooling: Hyperparameters.Pooling, _ direction: (_ text: Int, _ pooled: [Float]) -> [Float]
  ) -> [Float] {
    let hidden = shape.hidden
    var gradient = [Float](repeating: 0, count: state.values.count)
    for (number, text) in state.texts.enumerated() {
      let rows: Range<Int> =
        switch pooling {
        case .first: text.prefix(1)
        case .last: text.suffix(1)
        case .mean, .none: text
        }
      let share = 1 / Float(max(1, rows.count))
      var pooled = [Float](repeating: 0, count: hidden)
      for row in rows { for index in 0..<hidden { pooled[index] += share * state.values[row * hidden + index] } }
      let v = direction(number, pooled)
      for row in rows { for index in 0..<hidden { gradient[row * hidden + index] = share * v[index] } }
    }
    return gradient
  }

  private static func probe(
    _ layer: Int, _ parts: [LayerRows], units: [Int], count: Int, groups: [Range<Int>]?
  ) -> LayerProbe {
    LayerProbe(layer: layer, units: count, groups: groups) { delta throws(InferenceError) in
      var sums = [Double](repeating: 0, count: count)
      for part in parts { try part.eachProjection(onto: delta) { row, part in sums[units[row]] += part } }
      return sums.map { Float($0) }
    }
  }
}

extension TextWindows {
  /// Some of a text's windows, evenly taken, as they are scored.
  ///
  /// - Throws: where the text is shorter than a window.
  func chosen(_ samples: Int, of tokens: [Int]) throws(InferenceError) -> [[Int]] {
    guard context >= 2, firstScored >= 0, firstScored < context - 1 else {
      throw InferenceError("windows", "of \(context) tokens scored from \(firstScored) on hold nothing to score")
    }
    let all = tokens.count / context
    guard all > 0 else {
      throw InferenceError("text", "has \(tokens.count) tokens, less than a window of \(context)")
    }
    let count = max(1, min(samples, all))
    return (0..<count).map { number in
      let first = number * all / count * context
      var text = Array(tokens[first..<first + context])
      if let start { text[0] = start }
      return text
    }
  }
}
