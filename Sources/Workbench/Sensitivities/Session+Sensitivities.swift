import Checkpoints
import Compression
import Inference

extension Session {
  /// Measures what each layer's compression does to the outputs: every weight alone at two, three and four bits, and in the
  /// scheme that the recipe has for it where t² says little about that (pruned, or worse than two bits); then some
  /// recipes as wholes.
  ///
  /// Costs, for L layers, about 1.5 · L runs of the model on the samples (of each layer's three, what comes after it), and a run a
  /// recipe. With a cache, what was measured before is not run again. Memory: the weights (of a transformer those that there is room for), one layer more, one cut through the
  /// model.
  ///
  /// - Parameters:
  ///   - progress: `false` calls it off.
  ///   - isCancelled: asked many times a run.
  /// - Returns: `nil` where it was called off.
  /// - Throws: `WorkbenchError`: no model to run, data that do not fit.
  public func sensitivities(
    _ request: SensitivityRequest, progress: (SensitivityProgress) -> Bool = { _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> Sensitivities? {
    let key = keptKey(of: request)
    if let key, let kept = keptSensitivities(key) { return kept }
    do {
      let found = try sensitivities(of: try checkpoint.model(), request, progress, isCancelled)
      if let key { keep(found, of: request, under: key) }
      return found
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    } catch is Cancelled {
      return nil
    }
  }

  private func sensitivities<Runnable: Model>(
    of model: Runnable, _ request: SensitivityRequest, _ progress: (SensitivityProgress) -> Bool,
    _ isCancelled: @escaping () -> Bool
  ) throws -> Sensitivities {
    let measurement = request.measurement
    let data = try model.data(measurement)
    let largest = items.map { $0.kind == .weight ? $0.count : 0 }.max() ?? 0
    let samples = request.samples ?? model.fewSamples(of: data)
    let wantsGradients = request.method.map { $0 == .gradients } ?? (checkpoint.graph != nil)
    let probes = wantsGradients ? model.probeBytes(data, samples: samples) : 0
    let weights = try model.loadWeights(
      for: data, beside: max(8 * largest, min(probes, .max / 4)), memory: measurement.options.memory)
    var walk = try model.walk(
      data, samples: samples, weights: weights, measurement, isCancelled: isCancelled)
    var byLayer: [Int: Item] = [:]
    for item in items where item.kind == .weight && item.isLayersWeight && item.closed == nil {
      byLayer[item.layerIndex] = item
    }
    let asked = walk.layers.compactMap { byLayer[$0] }
    guard !asked.isEmpty else {
      throw WorkbenchError("\(printablePath): no weight that a run reads can be compressed")
    }
    var found = Sensitivities(
      model: lastPart(checkpoint.path), fingerprint: checkpoint.fingerprint,
      data: .init(name: data.selfMadeTitle ?? lastPart(measurement.data), count: samples, outputs: walk.count),
      difference: walk.difference, method: .anchors, layers: [:])
    let all = asked.reduce(0) { $0 + anchors(of: $1).count }
    var done = 0
    for item in asked {
      try walk.advance(to: item.layerIndex, isCancelled: isCancelled)
      var points: [LayerSensitivity.Point] = []
      let plain = try matrix(of: item)
      for scheme in anchors(of: item) {
        guard progress(.init(done: done, of: all, what: "layers")), !isCancelled() else {
          throw InferenceError.cancelled
        }
        let values = try reconstruction(of: item, in: scheme)
        let changed = try weights.replacing(layer: item.layerIndex, withMatrix: values)
        let effects = try walk.differences(of: changed, isCancelled: isCancelled)
        points.append(.init(scheme: scheme, error: Self.relativeError(values, plain), effects: effects))
        done += 1
      }
      found.layers[item.name] = LayerSensitivity(shape: item.shape, points: points)
    }
    if wantsGradients {
      try addGradients(
        to: &found, of: model, data, weights, byLayer, request, progress: progress, isCancelled: isCancelled)
    }
    for item in byLayer.values where found.layers[item.name] == nil {
      found.layers[item.name] = LayerSensitivity(shape: item.shape, points: [])
    }
    if request.recipes > 0 {
      do {
        found.trials = try trials(
          request.recipes, of: model, data, weights, found, samples: 8 * samples, measurement, progress, isCancelled)
      } catch let error as InferenceError where error.lacksMemory {
        found.notes.append("no recipe was measured as a whole: \(error)")
      }
    }
    return found
  }

  /// The schemes that a weight is measured in alone.
  func anchors(of item: Item) -> [Scheme] {
    var schemes = [2, 3, 4].compactMap { Self.integers($0, for: item) }
    let chosen = recipe[item].withoutCoding
    // With a target, the numbers are its tool's.
    let made = made(chosen, of: item).withoutCoding
    if !made.isKeep, made.isComputed, !schemes.contains(made), made.sparsity != .none || isCoarse(made, item) {
      schemes.append(made)
    }
    return schemes
  }

  /// Whether a scheme's error lies beyond what two bits make.
  private func isCoarse(_ scheme: Scheme, _ item: Item) -> Bool {
    guard let two = Self.integers(2, for: item), let error = relativeError(of: item, inExactly: scheme),
      let anchor = relativeError(of: item, inExactly: two)
    else { return false }
    return error > anchor
  }

  /// `intN` in groups of 32 where rows divide so, else a scale an output.
  static func integers(_ bits: Int, for item: Item) -> Scheme? {
    let all = [Granularity.group(32), .channel].map { Scheme(.uniform(UniformScheme(bits: bits, granularity: $0))) }
    return all.first { item.obstacle(to: $0) == nil }
  }

  /// A weight as outputs by inputs.
  func matrix(of item: Item) throws -> [Float] {
    var values = [Float](repeating: 0, count: item.count)
    let source = CheckpointWeights(checkpoint: checkpoint, item: item)
    try values.withUnsafeMutableBufferPointer { try source.read(row: 0, into: $0) }
    return values
  }

  /// t²; numbers that are not finite count as zero.
  static func relativeError(_ values: [Float], _ plain: [Float]) -> Double {
    var (error, norm) = (0.0, 0.0)
    for (value, weight) in zip(values, plain) where weight.isFinite {
      let difference = Double(value) - Double(weight)
      error += difference * difference
      norm += Double(weight) * Double(weight)
    }
    return norm > 0 ? error / norm : 0
  }

  private var printablePath: String { lastPart(checkpoint.path) }
}

extension Scheme {
  /// The same numbers, however their codes are packed.
  var withoutCoding: Scheme { Scheme(format, sparsity: sparsity) }
}

extension LayerSensitivity.Point {
  init(scheme: Scheme, error: Double, effects: [Double]) {
    let n = Double(max(1, effects.count))
    let mean = effects.reduce(0, +) / n
    let squares = effects.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(
      scheme: scheme, error: error, effect: max(0, mean),
      standardError: n > 1 ? (squares / (n * (n - 1))).squareRoot() : 0)
  }
}
