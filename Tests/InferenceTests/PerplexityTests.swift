import Checkpoints
import Foundation
import Inference
import Support
import Testing

struct PerplexityTests {
  /// transformers' figures of the sample; made by Tests/Peers/make_shakespeare_outputs.py.
  struct Expected: Decodable {
    struct Run: Decodable {
      let perplexity: Double
      let windowLosses: [Double]
      let lastLogits: [Float]
    }
    let tokens: Int
    let firstWindow: [Int]
    let original: Run
    let quantised: Run
  }

  static let expected = try! Fixtures.decode(Expected.self, from: "shakespeare-llama-transformers.json")
  static let window = 256

  let folder: Transformer
  let tokens: [Int]
  let weights: TransformerWeights

  init() throws {
    folder = try Transformer(try Checkpoint.open(sample("shakespeare-llama")))
    weights = try folder.loadWeights()
    let text = try Data(contentsOf: URL(fileURLWithPath: sample("shakespeare-test.txt")))
    tokens = try folder.loadTokenizer().encode(Array(text), addingSpecials: false)
  }

  /// int4, group 32, symmetric: scale max|w| / 7 rounded to half precision, codes −7…7.
  private func quantised(_ row: [Float]) -> [Float] {
    stride(from: 0, to: row.count, by: 32).flatMap { start in
      let group = row[start..<start + 32]
      let scale = Float(Float16(group.map { abs($0) }.max()! / 7))
      // By the reciprocal, as the peer does: F16 weights often lie just between two codes.
      let inverse = scale == 0 ? 0 : 1 / scale
      return group.map { min(7, max(-7, ($0 * inverse).rounded(.toNearestOrEven))) * scale }
    }
  }

  private func allQuantised() throws -> TransformerWeights {
    var changed = weights
    for (index, layer) in folder.checkpoint.layers.enumerated() where layer.matrix != nil {
      changed = changed.replacing(layer: index, withMatrix: quantised(try folder.checkpoint.matrix(layer: index)))
    }
    return changed
  }

  private func windowLosses(_ scores: TokenScores) -> [Double] {
    let size = Self.window - 1
    return (0..<scores.count / size).map { window in
      scores.losses[window * size..<(window + 1) * size].reduce(0) { $0 + Double($1) } / Double(size)
    }
  }

  @Test func tokensAreTheTrainings() {
    #expect(tokens.count == Self.expected.tokens)
    #expect(Array(tokens.prefix(Self.window)) == Self.expected.firstWindow)
  }

  /// Losses of a window are means of 255; Float differs from Float in the seventh digit.
  @Test func lossesAreTransformersBeforeAndAfterQuantising() throws {
    let count = 12 * Self.window
    let part = Array(tokens.prefix(count))
    let found = try folder.compare(
      part, windows: TextWindows(context: Self.window), reference: weights, changed: try allQuantised())
    for (scores, expected) in [(found.reference, Self.expected.original), (found.changed, Self.expected.quantised)] {
      let losses = windowLosses(scores)
      #expect(losses.count == 12)
      let worst = zip(losses, expected.windowLosses).map { abs($0 - $1) / $1 }.max()
      #expect(try #require(worst) < 2e-6)
    }
    #expect(found.meanDivergence > 0.01 && found.meanDivergence < 0.2 && found.agreement > 0.7 && found.agreement < 1)
    #expect(found.standardErrorOfLossDifference < found.reference.standardErrorOfLoss / 3)
    #expect(
      found.changed
        == (try folder.evaluate(part, windows: .init(context: 256), weights: allQuantised())).timed(found.changed))
  }

  @Test func theGGUFGivesTheSameLosses() throws {
    let model = try Transformer(try Checkpoint.open(sample("shakespeare-llama-f16.gguf")))
    let part = Array(tokens.prefix(8 * Self.window))
    #expect(try model.loadTokenizer().encode("Be not afeard") == folder.loadTokenizer().encode("Be not afeard"))
    let found = try model.evaluate(part, windows: .init(context: Self.window), weights: try model.loadWeights())
    #expect(zip(windowLosses(found), Self.expected.original.windowLosses).allSatisfy { abs($0 - $1) < 2e-6 * $1 })
  }

  /// llama-perplexity of llama.cpp prints 33.8435 +/- 0.54465 for the sample in F32 (`-c 256`).
  @Test func theFigureIsLlamaPerplexitys() throws {
    var text = try Data(contentsOf: URL(fileURLWithPath: sample("shakespeare-test.txt")))
    // It takes a text without its last line end.
    if text.last == 10 { text.removeLast() }
    let tokenizer = try folder.loadTokenizer()
    let scores = try folder.evaluate(
      try tokenizer.encode(Array(text), parsingSpecials: false), windows: .llama(context: 256, tokenizer),
      weights: weights)
    #expect(abs(scores.perplexity - 33.8435) < 1e-4 && abs(scores.standardError - 0.54465) < 1e-5)
    #expect(scores.count == 168 * 127)
  }

  @Test func lastLogitsAreTransformers() throws {
    let start = try folder.embed([Self.expected.firstWindow], weights: weights)
    let logits = try folder.logits(start, rows: 255..<256, weights: weights)
    let worst = zip(logits, Self.expected.original.lastLogits).map { abs($0 - $1) }.max()
    #expect(try #require(worst) < 2e-5)
  }

  @Test func comparedWithItselfNothingDiffers() throws {
    let found = try folder.compare(
      Array(tokens.prefix(600)), windows: .init(context: 64), reference: weights, changed: weights)
    #expect(found.agreement == 1 && found.divergences.allSatisfy { abs($0) < 1e-6 })
    #expect(found.reference.losses == found.changed.losses && found.reference.count == 9 * 63)
    #expect(found.reference.places.first == 1 && found.reference.places.last == 9 * 64 - 1)
  }

  /// The definition, in Double, on one token's logits.
  @Test func theDivergenceIsItsDefinition() throws {
    let changed = try allQuantised()
    let text = Array(tokens.prefix(32))
    let found = try folder.compare(text, windows: .init(context: 32), reference: weights, changed: changed)
    let one = try folder.logits(try folder.embed([text], weights: weights), weights: weights)
    let two = try folder.logits(try folder.embed([text], weights: changed), weights: changed)
    func logs(_ row: ArraySlice<Float>) -> [Double] {
      let sum = log(row.reduce(0) { $0 + exp(Double($1)) })
      return row.map { Double($0) - sum }
    }
    for index in 0..<31 {
      let (p, q) = (logs(one[index * 1024..<(index + 1) * 1024]), logs(two[index * 1024..<(index + 1) * 1024]))
      let divergence = zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      #expect(abs(Double(found.divergences[index]) - divergence) < 1e-5)
      #expect(abs(Double(found.changed.losses[index]) + q[text[index + 1]]) < 1e-5)
    }
  }

  @Test func whatCannotBeScoredIsNamed() throws {
    func message(_ tokens: [Int], _ windows: TextWindows) -> String {
      do {
        _ = try folder.evaluate(tokens, windows: windows, weights: weights)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message([1, 2, 3], .init(context: 4)).contains("has 3 tokens"))
    #expect(message([], .init(context: 4)).contains("has 0 tokens"))
    #expect(message([1, 2, 1024, 4], .init(context: 4)).contains("token 1024 at 2"))
    #expect(message([1, -2, 3, 4], .init(context: 4)).contains("token -2 at 1"))
    #expect(message([1, 2, 3, 4], .init(context: 1)).contains("hold nothing"))
    #expect(message([1, 2, 3, 4], .init(context: 4, firstScored: 3)).contains("hold nothing"))
    #expect(message([1, 2, 3, 4], .init(context: 4, start: 9999)).contains("token 9999"))
  }

  @Test func progressIsToldAndCancellationHeard() throws {
    var steps: [Int] = []
    _ = try folder.evaluate(
      Array(tokens.prefix(2600)), windows: .init(context: 256), weights: weights,
      progress: { done, _ in steps.append(done) })
    #expect(steps == [4, 8, 10])
    var asked = 0
    let isCancelled = {
      asked += 1
      return asked > 3
    }
    #expect(throws: InferenceError.cancelled) {
      try folder.evaluate(tokens, windows: .init(context: 256), weights: weights, isCancelled: isCancelled)
    }
    // Once a text that is left, and once a half of the block.
    #expect((4..<12).contains(asked))
  }
}

extension TokenScores {
  /// With the time of another.
  fileprivate func timed(_ other: TokenScores) -> TokenScores {
    var changed = self
    changed.seconds = other.seconds
    return changed
  }
}
