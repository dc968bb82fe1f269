import Checkpoints
import Compression
import Inference

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Session {
  /// Runs the recipe as it stands on a labelled data set, and the model as it is beside it.
  ///
  /// The metrics are `top-1`, the share of samples whose highest score is the label's, with its standard error and the
  /// uncompressed model's figure; and `agreement`, the share that both put in the same class.
  ///
  /// - Parameters:
  ///   - data: an `.npz` whose arrays are named as the graph's inputs, and `labels`.
  ///   - progress: hears of samples done and of all; `false` calls the measurement off.
  /// - Returns: `nil` when it was called off.
  /// - Throws: `WorkbenchError`: no graph, an operator that is not there, data that do not fit, a
  ///   scheme whose reconstruction this version does not compute.
  public func measure(data path: String, progress: (Int, Int) -> Bool = { _, _ in true }) throws
    -> Measurement?
  {
    do {
      return try measured(path, progress: progress)
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    }
  }

  private func measured(_ path: String, progress: (Int, Int) -> Bool) throws -> Measurement {
    let network = try Network(checkpoint)
    let data = try Dataset(path, for: network)
    let original = try network.loadWeights()
    let isWhole = recipe.choices.values.allSatisfy(\.scheme.isKeep)
    let all = isWhole ? data.count : 2 * data.count
    var goesOn = true
    let compressed = isWhole ? original : try weights(replacing: original)
    let found = try network.evaluate(
      data, weights: compressed, progress: { done, _ in goesOn = progress(done, all) && goesOn },
      isCancelled: { !goesOn })
    if isWhole { return measurement(found, found) }
    let plain = try network.evaluate(
      data, weights: original, progress: { done, _ in goesOn = progress(data.count + done, all) && goesOn },
      isCancelled: { !goesOn })
    return measurement(found, plain)
  }

  private func measurement(_ found: Evaluation, _ plain: Evaluation) -> Measurement {
    let agreement = found.agreement(with: plain)
    let estimate = estimate
    return Measurement(
      recipe: recipe,
      metrics: [
        .init(
          name: "top-1", value: found.accuracy, standardError: found.standardError, baseline: plain.accuracy),
        .init(
          name: "agreement", value: agreement,
          standardError: (agreement * (1 - agreement) / Double(max(1, found.samples))).squareRoot(),
          baseline: nil),
      ],
      samples: found.samples, samplesPerSecond: found.samplesPerSecond, peakBytes: Self.peakBytes,
      bytes: estimate.bytes, damage: estimate.damage)
  }

  /// The weights with every chosen item in its compressed form.
  private func weights(replacing original: Weights) throws -> Weights {
    var weights = original
    for item in items {
      let scheme = recipe[item]
      guard !scheme.isKeep else { continue }
      var values = [Float](repeating: 0, count: item.count)
      let source = CheckpointWeights(checkpoint: checkpoint, item: item)
      let isComputed = try values.withUnsafeMutableBufferPointer {
        try Assessment.reconstruct(source, scheme: scheme, into: $0)
      }
      guard isComputed else {
        throw WorkbenchError(
          "\(printable(item.name)): \(scheme) is not yet computed, so it cannot be measured")
      }
      weights =
        item.kind == .weight
        ? weights.replacing(layer: item.layerIndex, withMatrix: values)
        : weights.replacing(tensor: item.id, with: values)
    }
    return weights
  }

  /// The most memory that this process has held, in bytes.
  private static var peakBytes: Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #endif
  }
}
