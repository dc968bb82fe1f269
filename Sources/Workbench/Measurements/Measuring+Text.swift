import Checkpoints
import Compression
import Inference
import Numerics

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A text to score a language model with: UTF-8, or token ids in an `.npy`.
struct ScoredText {
  /// The whole text's tokens; of lines one list each.
  let texts: [[Int]]

  /// - Parameter byLine: for encoders: a text a line.
  /// - Throws: `WorkbenchError` for a text in no encoding, and for an empty one.
  init(_ path: String, _ model: Transformer, byLine: Bool) throws {
    if path.hasSuffix(".npy") {
      let file = try Checkpoint.open(path)
      guard let tensor = file.tensors.first, !tensor.type.isFloatingPoint else {
        throw WorkbenchError("\(path): whole numbers expected: token ids")
      }
      let ids = try file.integers(tensor).map { Int($0) }
      let rows = tensor.shape.count == 2 ? tensor.shape[0] : 1
      guard !ids.isEmpty else { throw WorkbenchError("\(path): holds no text") }
      let width = ids.count / max(1, rows)
      texts = byLine ? (0..<rows).map { Array(ids[$0 * width..<($0 + 1) * width]) } : [ids]
    } else {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw WorkbenchError("\(path): there is no such text, or it cannot be read")
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw WorkbenchError("\(path): is not UTF-8: a text, or token ids in an .npy, expected")
      }
      let tokenizer = try model.loadTokenizer()
      // As llama-perplexity: without the last line end, and `<s>` in a text is three characters.
      let lines =
        byLine ? text.split(whereSeparator: \.isNewline) : [text.hasSuffix("\n") ? text.dropLast() : text[...]]
      texts = lines.map { tokenizer.encode(String($0), parsingSpecials: false) }
    }
    guard texts.contains(where: { !$0.isEmpty }) else { throw WorkbenchError("\(path): holds no text") }
  }
}

extension Session {
  /// A language model's perplexity on a text as llama-perplexity computes it: windows of `context` tokens side by side,
  /// the second half of each scored. Beside it the uncompressed model's, the KL divergence from it and the share of
  /// tokens for which both would have put the same. Of an encoder the cosine between the embeddings of lines.
  func measuredText(
    _ request: MeasurementRequest, progress: (Int, Int) -> Bool, isCancelled: () -> Bool
  ) throws -> Measurement {
    let model = try Transformer(checkpoint)
    let isEncoder = !model.shape.isCausal
    let text = try ScoredText(request.data, model, byLine: isEncoder)
    let context = request.context ?? min(model.shape.context ?? 512, 512)
    var windows = TextWindows(context: context, firstScored: context / 2)
    // What is changed is held beside the original: of that, what there is room for.
    let memory = request.options.memory ?? TransformerWeights.standardMemory
    let changes = items.reduce(0) { $0 + (recipe[$1].isKeep ? 0 : 4 * $1.count) }
    let original = try model.loadWeights(
      resident: max(0, memory - changes - min(memory, model.scoringBytes(windows))), memory: memory)
    var changed = original
    for item in items where !recipe[item].isKeep {
      guard progress(0, 0), !isCancelled() else { throw InferenceError.cancelled }
      try changed.checkRoom(for: 4 * item.count, "the changed weights of \(item.name)")
      let values = try reconstruction(of: item)
      changed =
        item.kind == .weight
        ? changed.replacing(layer: item.layerIndex, withMatrix: values)
        : changed.replacing(tensor: item.id, with: values)
    }
    let isWhole = recipe.choices.values.allSatisfy(\.scheme.isKeep)
    var goesOn = true
    let told: (Int, Int) -> Void = { done, all in goesOn = progress(done, all) && goesOn }
    if isEncoder {
      return try embeddingMeasurement(model, text.texts, original, changed, request, told) { !goesOn || isCancelled() }
    }
    if !request.data.hasSuffix(".npy") { windows = .llama(context: context, try model.loadTokenizer()) }
    if isWhole {
      let found = try model.evaluate(
        text.texts[0], windows: windows, weights: original, progress: told, isCancelled: { !goesOn || isCancelled() })
      try Self.check(found, request.data)
      return measurement(
        [Self.perplexity(found, nil)], samples: found.count, seconds: found.seconds, data: request.data)
    }
    let both = try model.compare(
      text.texts[0], windows: windows, reference: original, changed: changed, progress: told,
      isCancelled: { !goesOn || isCancelled() })
    try Self.check(both.reference, request.data)
    try Self.check(both.changed, request.data)
    let n = Double(max(1, both.reference.count))
    let metrics: [Measurement.Metric] = [
      Self.perplexity(both.changed, both.reference),
      .init(
        name: "KL divergence", value: both.meanDivergence, standardError: both.standardErrorOfDivergence,
        baseline: nil),
      .init(
        name: "agreement", value: both.agreement,
        standardError: (both.agreement * (1 - both.agreement) / n).squareRoot(), baseline: nil, isShare: true),
      .init(
        name: "cross entropy", value: both.changed.meanLoss, standardError: both.changed.standardErrorOfLoss,
        baseline: both.reference.meanLoss),
    ]
    return measurement(metrics, samples: both.changed.count, seconds: both.changed.seconds, data: request.data)
  }

  /// - Throws: `WorkbenchError` that names the first token whose output is no number.
  private static func check(_ found: TokenScores, _ path: String) throws(WorkbenchError) {
    guard let bad = found.losses.firstIndex(where: { $0.isNaN }) else { return }
    throw WorkbenchError("\(path): token \(found.places[bad]) makes NaN in the model's output")
  }

  private static func perplexity(_ found: TokenScores, _ plain: TokenScores?) -> Measurement.Metric {
    .init(
      name: "perplexity", value: found.perplexity, standardError: found.standardError,
      baseline: (plain ?? found).perplexity)
  }

  private func embeddingMeasurement(
    _ model: Transformer, _ texts: [[Int]], _ original: TransformerWeights, _ changed: TransformerWeights,
    _ request: MeasurementRequest, _ progress: (Int, Int) -> Void, isCancelled: () -> Bool
  ) throws -> Measurement {
    let start = ContinuousClock.now
    var cosines: [Double] = []
    let longest = request.context ?? model.places ?? 512
    for (index, text) in texts.enumerated() where !text.isEmpty {
      let tokens = [Array(text.prefix(longest))]
      let plain = try model.embeddings(tokens, weights: original, isCancelled: isCancelled)[0]
      let other = try model.embeddings(tokens, weights: changed, isCancelled: isCancelled)[0]
      cosines.append(Self.cosine(plain, other))
      progress(index + 1, texts.count)
    }
    let parts = (ContinuousClock.now - start).components
    return measurement(
      [.init(mean: cosines, name: "cosine")], samples: cosines.count,
      seconds: Double(parts.seconds) + Double(parts.attoseconds) * 1e-18, data: request.data)
  }

  private static func cosine(_ one: [Float], _ other: [Float]) -> Double {
    var (dot, a, b) = (0.0, 0.0, 0.0)
    for (x, y) in zip(one, other) {
      dot += Double(x) * Double(y)
      a += Double(x) * Double(x)
      b += Double(y) * Double(y)
    }
    return a * b > 0 ? dot / (a * b).squareRoot() : 0
  }

  private func measurement(
    _ metrics: [Measurement.Metric], samples: Int, seconds: Double, data: String
  ) -> Measurement {
    let estimate = estimate
    return Measurement(
      recipe: recipe, metrics: metrics, samples: samples,
      samplesPerSecond: seconds > 0 ? Double(samples) / seconds : 0, peakBytes: Self.peakBytes,
      bytes: estimate.bytes, damage: estimate.damage, data: data)
  }
}
