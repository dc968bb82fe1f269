internal import Checkpoints

extension Transformer: Model {
  public static var codesActivations: Bool { false }

  public func data(_ request: MeasurementRequest) throws -> ScoredText {
    let context = request.context ?? min(shape.context ?? 512, 512)
    if request.data == ScoredText.selfMadePath {
      guard shape.isCausal else {
        throw InferenceError(checkpoint.path, "reads texts and makes none: give it some (--data TEXT)")
      }
      return ScoredText(selfMadeBy: self, context: max(2, min(context, 256)))
    }
    var text = try ScoredText(request.data, self, byLine: !shape.isCausal)
    text.windows = TextWindows(context: context, firstScored: context / 2)
    if shape.isCausal, !request.data.hasSuffix(".npy") { text.windows = .llama(context: context, try loadTokenizer()) }
    return text
  }

  /// What is changed is held beside the original: of that, what there is room for.
  public func loadWeights(
    for data: ScoredText, beside: Int, memory: Int?
  ) throws(InferenceError) -> TransformerWeights {
    let memory = memory ?? TransformerWeights.standardMemory
    let run = min(memory, scoringBytes(data.windows))
    return try loadWeights(resident: max(0, memory - beside - run), memory: memory)
  }

  /// 1,024 tokens in two windows at least; eight lines.
  public func fewSamples(of data: ScoredText) -> Int {
    guard shape.isCausal else { return min(8, data.texts.count) }
    if let selfMade = data.selfMade { return selfMade.count }
    return max(1, min(data.texts[0].count / data.windows.context, max(2, 1024 / data.windows.context)))
  }

  public func walk(
    _ data: ScoredText, samples: Int, weights: TransformerWeights, _ request: MeasurementRequest,
    isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> TransformerWalk {
    try TransformerWalk(
      self, data, samples: samples, longest: request.context ?? places ?? 512, weights: weights,
      isCancelled: isCancelled)
  }

  /// A language model's perplexity as llama-perplexity computes it: windows side by side, the second half of each scored.
  /// With changed weights the KL divergence from the original and the share of tokens for which both would have put the
  /// same. Of an encoder the cosine between both models' embeddings of lines.
  public func score(
    _ text: ScoredText, original: TransformerWeights, changed: TransformerWeights?, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool
  ) throws -> Score {
    guard text.selfMade == nil else {
      throw InferenceError(text.path, "is for calibration: what the model made itself scores nothing")
    }
    guard shape.isCausal else {
      return try embeddingScore(
        text.texts, original, changed ?? original, longest: request.context ?? places ?? 512, progress, isCancelled)
    }
    guard let changed else {
      let found = try evaluate(
        text.texts[0], windows: text.windows, weights: original, progress: progress, isCancelled: isCancelled)
      try Self.check(found, text.path)
      return Score(metrics: [Self.perplexity(found, found)], samples: found.count, seconds: found.seconds)
    }
    let both = try compare(
      text.texts[0], windows: text.windows, reference: original, changed: changed, progress: progress,
      running: { request.running?(Self.perplexity($0.changed, $0.reference)) }, isCancelled: isCancelled)
    try Self.check(both.reference, text.path)
    try Self.check(both.changed, text.path)
    return Score(metrics: Self.metrics(of: both), samples: both.changed.count, seconds: both.changed.seconds)
  }

  /// What a comparison says, the most telling first.
  static func metrics(of both: ScoreComparison) -> [Metric] {
    let n = Double(max(1, both.reference.count))
    var lossMetric = Metric(
      name: "cross entropy", value: both.changed.meanLoss, standardError: both.changed.standardErrorOfLoss,
      baseline: both.reference.meanLoss)
    lossMetric.paired = Metric.Paired(
      difference: both.changed.meanLoss - both.reference.meanLoss, standardError: both.standardErrorOfLossDifference)
    return [
      Self.perplexity(both.changed, both.reference),
      Metric(
        name: "KL divergence", value: both.meanDivergence, standardError: both.standardErrorOfDivergence,
        baseline: nil),
      Metric(
        name: "agreement", value: both.agreement,
        standardError: (both.agreement * (1 - both.agreement) / n).squareRoot(), baseline: nil, isShare: true),
      lossMetric,
    ]
  }

  /// - Throws: where an output is no number: names the first token.
  private static func check(_ found: TokenScores, _ path: String) throws(InferenceError) {
    guard let bad = found.losses.firstIndex(where: { $0.isNaN }) else { return }
    throw InferenceError(path, "token \(found.places[bad]) makes NaN in the model's output")
  }

  private static func perplexity(_ found: TokenScores, _ plain: TokenScores) -> Metric {
    var metric = Metric(
      name: "perplexity", value: found.perplexity, standardError: found.standardError, baseline: plain.perplexity)
    // Of the logarithm token by token, and from there to first order.
    if let losses = Metric.Paired(found.losses.map(Double.init), plain.losses.map(Double.init)) {
      metric.paired = Metric.Paired(
        difference: found.perplexity - plain.perplexity, standardError: found.perplexity * losses.standardError)
    }
    return metric
  }

  private func embeddingScore(
    _ texts: [[Int]], _ original: TransformerWeights, _ changed: TransformerWeights, longest: Int,
    _ progress: (Int, Int) -> Void, _ isCancelled: () -> Bool
  ) throws -> Score {
    let start = ContinuousClock.now
    var cosines: [Double] = []
    for (index, text) in texts.enumerated() where !text.isEmpty {
      let tokens = [Array(text.prefix(longest))]
      let plain = try embeddings(tokens, weights: original, isCancelled: isCancelled)[0]
      let other = try embeddings(tokens, weights: changed, isCancelled: isCancelled)[0]
      cosines.append(Self.cosine(plain, other))
      progress(index + 1, texts.count)
    }
    return Score(
      metrics: [Metric(mean: cosines, name: "cosine")], samples: cosines.count,
      seconds: (ContinuousClock.now - start).inSeconds)
  }

  static func cosine(_ one: [Float], _ other: [Float]) -> Double {
    var (dot, a, b) = (0.0, 0.0, 0.0)
    for (x, y) in zip(one, other) {
      dot += Double(x) * Double(y)
      a += Double(x) * Double(x)
      b += Double(y) * Double(y)
    }
    return a * b > 0 ? dot / (a * b).squareRoot() : 0
  }
}

extension TransformerWeights: ModelWeights {
  public func checkRoom(forNumbers count: Int, of name: String) throws(InferenceError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 4)
    try checkRoom(for: overflow ? .max : bytes, "the changed weights of \(name)")
  }
}
