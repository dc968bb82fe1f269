internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Text that a language model makes itself, for calibration without data: windows from its start token on, each token
/// drawn with the probability that the model gives it (temperature 1). The same every time.
///
/// Made once, when it is first asked for: it takes a run of the model a token.
final class SelfMadeText: Sendable {
  let context: Int
  /// Tokens in all, about: what tells one layer's effect from another's.
  static let tokens = 1024
  private let windows = Mutex<[[Int]]>([])

  init(context: Int) { self.context = max(2, context) }

  var count: Int { max(1, min(Self.tokens, 1 << 20) / context) }

  /// - Throws: what a run throws, and `InferenceError.cancelled`.
  func windows(
    of model: Transformer, _ weights: TransformerWeights, start: Int, isCancelled: () -> Bool
  ) throws(InferenceError) -> [[Int]] {
    let known = windows.withLock { $0 }
    if !known.isEmpty { return known }
    var random = Draws(state: 0x5E1F)
    var made: [[Int]] = []
    for _ in 0..<count {
      var cache = model.makeCache(capacity: context)
      var window = [start]
      while window.count < context {
        if isCancelled() { throw .cancelled }
        let logits = try model.append(
          [window[window.count - 1]], to: &cache, weights: weights, isCancelled: isCancelled)
        window.append(random.token(logits))
      }
      made.append(window)
    }
    let all = made
    windows.withLock { $0 = all }
    return made
  }
}

/// Numbers by chance (SplitMix64, Steele et al. 2014).
private struct Draws {
  var state: UInt64

  /// 0 to 1.
  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ z >> 31) >> 11) / 0x1p53
  }

  /// A token with the probability that its logit gives it.
  mutating func token(_ logits: [Float]) -> Int {
    let chances = OutputKind.logits.logProbabilities(logits[...])
    var left = next()
    for (token, chance) in chances.enumerated() {
      left -= exp(chance)
      if left <= 0 { return token }
    }
    return highest(logits[...])
  }
}
