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

extension Draws {
  /// A token with the probability that its logit gives it.
  fileprivate mutating func token(_ logits: [Float]) -> Int {
    let chances = OutputKind.logits.logProbabilities(logits[...])
    var left = next()
    for (token, chance) in chances.enumerated() {
      left -= exp(chance)
      if left <= 0 { return token }
    }
    return highest(logits[...])
  }
}
