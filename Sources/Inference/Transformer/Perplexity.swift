internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// How a long text is cut for scoring: windows side by side, each standing alone; a last one that is not full is left
/// out.
public struct TextWindows: Sendable, Hashable {
  /// Tokens of a window.
  public var context: Int
  /// The first token of a window whose successor is scored.
  public var firstScored: Int
  /// What stands for each window's first token; `nil` for itself.
  public var start: Int?

  public init(context: Int, firstScored: Int = 0, start: Int? = nil) {
    (self.context, self.firstScored, self.start) = (context, firstScored, start)
  }

  /// As llama-perplexity does: the second half of each window is scored, the start token, where the model has one,
  /// takes the place of its first.
  public static func llama(context: Int, _ tokenizer: Tokenizer) -> TextWindows {
    TextWindows(context: context, firstScored: context / 2, start: tokenizer.start)
  }
}

/// What a model made of each scored token of a text.
public struct TokenScores: Sendable, Hashable {
  /// −ln of the probability that the model gave the token, in nats.
  public var losses: [Float] = []
  /// The token that it gave the most.
  public var topTokens: [Int32] = []
  /// The token's place in the text.
  public var places: [Int] = []
  public var seconds: Double = 0

  public var count: Int { losses.count }
  /// The mean of `losses`.
  public var meanLoss: Double { count == 0 ? 0 : losses.reduce(0) { $0 + Double($1) } / Double(count) }
  /// exp of `meanLoss`.
  public var perplexity: Double { exp(meanLoss) }
  /// The standard error of `meanLoss`, tokens taken as independent (llama-perplexity's).
  public var standardErrorOfLoss: Double {
    guard count > 1 else { return 0 }
    let squares = losses.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
    return max(0, (squares - meanLoss * meanLoss) / Double(count - 1)).squareRoot()
  }
  /// The standard error of `perplexity`, to the first order.
  public var standardError: Double { perplexity * standardErrorOfLoss }
}

/// Two models' scores of the same text, and how far their predictions are apart.
public struct ScoreComparison: Sendable, Hashable {
  public var reference = TokenScores()
  public var changed = TokenScores()
  /// Σ p ln(p / q), in nats, a scored token: p the reference's probabilities, q the changed model's.
  public var divergences: [Float] = []

  public var meanDivergence: Double {
    divergences.isEmpty ? 0 : divergences.reduce(0) { $0 + Double($1) } / Double(divergences.count)
  }
  /// The standard error of `meanDivergence`.
  public var standardErrorOfDivergence: Double {
    guard divergences.count > 1 else { return 0 }
    let squares = divergences.reduce(0) { $0 + ($1.isNaN ? 0 : Double($1) * Double($1)) } / Double(divergences.count)
    return max(0, (squares - meanDivergence * meanDivergence) / Double(divergences.count - 1)).squareRoot()
  }
  /// The share of tokens, 0 to 1, for which both would have put the same.
  public var agreement: Double {
    let same = zip(reference.topTokens, changed.topTokens).count { $0 == $1 }
    return reference.count == 0 ? 1 : Double(same) / Double(reference.count)
  }
  /// The standard error of the difference of the mean losses: of the same tokens, so smaller than that of either.
  public var standardErrorOfLossDifference: Double {
    let count = Double(reference.count)
    guard count > 1 else { return 0 }
    let differences = zip(changed.losses, reference.losses).map { Double($0) - Double($1) }
    let mean = differences.reduce(0, +) / count
    return (differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count * (count - 1))).squareRoot()
  }
}

extension Transformer {
  /// Scores a text: the model's loss at each token that the windows say.
  ///
  /// - Parameters:
  ///   - tokens: The text, as the model's tokenizer gives it.
  ///   - progress: Called after each batch of windows with the windows done and all of them.
  ///   - isCancelled: Asked before each half of a block.
  /// - Throws: where the text has not two tokens a window or none full, a token is none of the vocabulary's, for an
  ///   encoder, and `InferenceError.cancelled`.
  public func evaluate(
    _ tokens: [Int], windows: TextWindows, weights: TransformerWeights, progress: (Int, Int) -> Void = { _, _ in },
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> TokenScores {
    let clock = ContinuousClock.now
    var scores = TokenScores()
    try eachBatch(tokens, windows, progress) { texts, rows, targets, places throws(InferenceError) in
      var next = 0
      try eachLogits(try embed(texts, weights: weights), rows: rows, weights: weights, isCancelled: isCancelled) {
        _, logits throws(InferenceError) in
        _ = scores.add(logits, targets[next], places[next])
        next += 1
      }
    }
    scores.seconds = Self.seconds(since: clock)
    return scores
  }

  /// Scores a text with two sets of weights, window by window; no more than some rows of logits of each are held.
  ///
  /// Blocks before the first that differs are run once.
  ///
  /// - Parameter running: Hears of the scores as far as they have come, after each batch.
  /// - Throws: as `evaluate`.
  public func compare(
    _ tokens: [Int], windows: TextWindows, reference: TransformerWeights, changed: TransformerWeights,
    progress: (Int, Int) -> Void = { _, _ in }, running: (ScoreComparison) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> ScoreComparison {
    let clock = ContinuousClock.now
    let shared = firstDifference(reference, changed)
    var result = ScoreComparison()
    try eachBatch(tokens, windows, progress) { texts, rows, targets, places throws(InferenceError) in
      let (one, two): (Activations, Activations)
      if shared == 0 {
        one = try run(try embed(texts, weights: reference), weights: reference, isCancelled: isCancelled)
        two = try run(try embed(texts, weights: changed), weights: changed, isCancelled: isCancelled)
      } else {
        let common = try hiddenStates(beforeBlock: shared, of: texts, weights: reference, isCancelled: isCancelled)
        one = try run(common, weights: reference, isCancelled: isCancelled)
        two = try run(common, weights: changed, isCancelled: isCancelled)
      }
      try compare(
        one, reference, two, changed, rows: rows, targets: targets, places: places, isCancelled: isCancelled, &result)
      running(result)
    }
    result.reference.seconds = Self.seconds(since: clock)
    result.changed.seconds = result.reference.seconds
    return result
  }

  /// Adds the scores of two runs of the same tokens: some rows of the one, then the same of the other.
  ///
  /// - Parameters:
  ///   - one, two: after all blocks.
  ///   - rows: scored tokens; `targets` what follows each, `places` where that stands in the text.
  func compare(
    _ one: Activations, _ reference: TransformerWeights, _ two: Activations, _ changed: TransformerWeights, rows: [Int],
    targets: [Int], places: [Int], isCancelled: () -> Bool, _ result: inout ScoreComparison
  ) throws(InferenceError) {
    let step = max(1, min(rows.count, Self.logitsAtATime / vocabularySize))
    try changed.checkRoom(for: Self.product([step, vocabularySize, 4]), "\(step) rows of logits")
    let kept = Scratch(step * vocabularySize)
    var sums = [Double](repeating: 0, count: step)
    for first in stride(from: 0, to: rows.count, by: step) {
      let part = first..<min(first + step, rows.count)
      var next = first
      try eachLogits(one, rows: Array(rows[part]), weights: reference, isCancelled: isCancelled) {
        _, logits throws(InferenceError) in
        sums[next - first] = result.reference.add(logits, targets[next], places[next])
        (kept.start + (next - first) * vocabularySize).update(from: logits.baseAddress!, count: vocabularySize)
        next += 1
      }
      next = first
      try eachLogits(two, rows: Array(rows[part]), weights: changed, isCancelled: isCancelled) {
        _, logits throws(InferenceError) in
        let sum = result.changed.add(logits, targets[next], places[next])
        let divergence = lathe_divergence(
          kept.start + (next - first) * vocabularySize, sums[next - first], logits.baseAddress!, sum, vocabularySize)
        result.divergences.append(Float(divergence))
        next += 1
      }
    }
  }

  /// Tokens that are run at a time.
  static let batchTokens = 1024

  /// - Throws: where windows or text hold nothing to score, or a token is none of the vocabulary's.
  func check(_ tokens: [Int], _ windows: TextWindows) throws(InferenceError) {
    guard windows.context >= 2, windows.firstScored >= 0, windows.firstScored < windows.context - 1 else {
      throw InferenceError(
        "windows", "of \(windows.context) tokens scored from \(windows.firstScored) on hold nothing to score")
    }
    guard tokens.count >= windows.context else {
      throw InferenceError("text", "has \(tokens.count) tokens, less than a window of \(windows.context)")
    }
    if let at = tokens.firstIndex(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw InferenceError("text", "has the token \(tokens[at]) at \(at), but the model has \(vocabularySize) tokens")
    }
  }

  private func eachBatch(
    _ tokens: [Int], _ windows: TextWindows, _ progress: (Int, Int) -> Void,
    _ body: (_ texts: [[Int]], _ rows: [Int], _ targets: [Int], _ places: [Int]) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    try check(tokens, windows)
    let all = tokens.count / windows.context
    let batch = max(1, Self.batchTokens / windows.context)
    for first in stride(from: 0, to: all, by: batch) {
      let last = min(first + batch, all)
      var texts: [[Int]] = []
      var (rows, targets, places): ([Int], [Int], [Int]) = ([], [], [])
      for window in first..<last {
        let start = window * windows.context
        var text = Array(tokens[start..<start + windows.context])
        for index in windows.firstScored..<windows.context - 1 {
          rows.append((window - first) * windows.context + index)
          targets.append(text[index + 1])
          places.append(start + index + 1)
        }
        if let token = windows.start { text[0] = token }
        texts.append(text)
      }
      try body(texts, rows, targets, places)
      progress(last, all)
    }
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = (ContinuousClock.now - start).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }
}

extension TokenScores {
  /// Adds a token's score.
  ///
  /// - Returns: ln Σ exp of the logits.
  mutating func add(_ logits: UnsafeMutableBufferPointer<Float>, _ target: Int, _ place: Int) -> Double {
    let sum = lathe_log_sum_exp(logits.baseAddress!, logits.count)
    losses.append(Float(sum - Double(logits[target])))
    topTokens.append(Int32(lathe_greatest(logits.baseAddress!, logits.count)))
    places.append(place)
    return sum
  }
}
