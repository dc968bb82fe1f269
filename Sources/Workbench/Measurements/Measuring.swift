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

/// What a measurement runs on, and how.
public struct MeasurementRequest: Sendable {
  /// Arrays in a file (`.npz`, `.safetensors`), a folder or a list of images; for a language model a text, or token ids
  /// (`.npy`).
  public var data: String
  /// Tokens of a window of text; `nil` for the model's own, at most 512.
  public var context: Int?
  public var images: ImageOptions
  /// How activations are coded; `nil` for plain numbers.
  public var activations: ActivationOptions?
  /// How samples of an ONNX model are run.
  public var options = Network.RunOptions()

  public init(
    data: String, images: ImageOptions = ImageOptions(), activations: ActivationOptions? = nil, context: Int? = nil
  ) {
    self.data = data
    self.context = context
    self.images = images
    self.activations = activations
  }
}

/// Simulated integer activations: `int8`, `int8,percentile=99.9`.
public struct ActivationOptions: Sendable, Hashable {
  public var bits: Int
  public var percentile = 100.0
  /// What ranges are found on; other data than those that score.
  public var calibration: String

  /// - Throws: `WorkbenchError` that says what is expected.
  public init(spec: String, calibration: String) throws(WorkbenchError) {
    let parts = spec.split(separator: ",").map(String.init)
    guard let word = parts.first, word.hasPrefix("int"), let bits = Int(word.dropFirst(3)), (2...16).contains(bits)
    else {
      throw WorkbenchError("activations \"\(spec)\": expected int2 to int16, as in int8,percentile=99.9")
    }
    self.bits = bits
    self.calibration = calibration
    for part in parts.dropFirst() {
      guard part.hasPrefix("percentile="), let percentile = Double(part.dropFirst(11)), percentile > 50,
        percentile <= 100
      else { throw WorkbenchError("activations \"\(spec)\": expected percentile=P, above 50 and up to 100") }
      self.percentile = percentile
    }
  }
}

extension Session {
  /// Runs the recipe as it stands on data, and the model as it is beside it.
  ///
  /// With labels: `top-1`, `top-5`, macro `precision`, `recall` and `F1`, `cross entropy`. With targets: `mean squared
  /// error`. Always how far the outputs lie from the uncompressed model's: `agreement` of the highest score, `KL
  /// divergence`, `cosine`, and `output error`, the mean squared difference.
  ///
  /// - Parameters:
  ///   - progress: hears of samples done and of all; `false` calls the measurement off.
  ///   - isCancelled: asked many times a batch; `true` calls it off too.
  /// - Returns: `nil` when it was called off.
  /// - Throws: `WorkbenchError`: no graph, an operator that is not there, data that do not fit.
  public func measure(
    _ request: MeasurementRequest, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> Measurement? {
    do {
      if checkpoint.graph == nil {
        guard request.activations == nil else {
          throw WorkbenchError("integer activations are simulated in ONNX models alone")
        }
      }
      var found =
        checkpoint.graph == nil
        ? try measuredText(request, progress: progress, isCancelled: isCancelled)
        : try measured(request, progress: progress, isCancelled: isCancelled)
      found.notes += request.unused(by: checkpoint)
      return found
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    }
  }

  /// The same on a file of arrays.
  public func measure(data path: String, progress: (Int, Int) -> Bool = { _, _ in true }) throws -> Measurement? {
    try measure(MeasurementRequest(data: path), progress: progress)
  }

  private func measured(
    _ request: MeasurementRequest, progress: (Int, Int) -> Bool, isCancelled: @escaping () -> Bool
  ) throws -> Measurement {
    let network = try Network(checkpoint)
    let data = try Dataset(request.data, for: network, images: request.images)
    let memory = request.options.memory
    let original = try network.loadWeights(memory: memory)
    let isWhole = recipe.choices.values.allSatisfy(\.scheme.isKeep) && request.activations == nil
    var goesOn = true
    var candidates = [Network.Candidate(weights: original)]
    if !isWhole {
      let compressed = try weights(replacing: original, memory: memory) { progress(0, data.count) && !isCancelled() }
      var ranges: ActivationRanges?
      if let wanted = request.activations {
        let calibration = try Dataset(wanted.calibration, for: network, images: request.images)
        ranges = try network.activationRanges(
          calibration, weights: compressed, bits: wanted.bits, percentile: wanted.percentile, isCancelled: isCancelled)
      }
      candidates.append(Network.Candidate(weights: compressed, activations: ranges))
    }
    let compared = try network.compare(
      data, candidates, request.options, progress: { done, all in goesOn = progress(done, all) && goesOn },
      isCancelled: { !goesOn || isCancelled() })
    let found = compared.evaluations
    let metrics = Metrics(
      found: found[found.count - 1], plain: found[0], comparison: compared.comparisons.first,
      isCancelled: { !goesOn || isCancelled() })
    let all = try metrics.all()
    let note = metrics.found.notes.first
    guard !all.isEmpty || request.options.keepsOutputs else {
      throw WorkbenchError(
        "\(request.data): there is nothing to measure: "
          + (note ?? "it has no labels and no targets") + ", and no choice was made whose outputs could be compared")
    }
    let estimate = estimate
    return Measurement(
      recipe: recipe, metrics: all, samples: metrics.found.samples,
      samplesPerSecond: metrics.found.samplesPerSecond, peakBytes: Self.peakBytes, bytes: estimate.bytes,
      damage: estimate.damage, classification: metrics.found.classification, data: request.data,
      notes: metrics.found.notes, outputs: compared.outputs,
      classNames: metrics.found.labels.isEmpty ? [] : data.classNames)
  }

  /// The weights with every chosen item in its compressed form.
  private func weights(
    replacing original: Weights, memory: Int?, proceed: () -> Bool
  ) throws -> Weights {
    var weights = original
    for item in items {
      let scheme = recipe[item]
      guard !scheme.isKeep else { continue }
      guard proceed() else { throw InferenceError.cancelled }
      try weights.checkRoom(for: item.count, memory: memory)
      let values = try reconstruction(of: item)
      weights =
        item.kind == .weight || item.packing != nil
        ? try weights.replacing(layer: item.layerIndex, withMatrix: values)
        : weights.replacing(tensor: item.id, with: values)
    }
    return weights
  }

  /// The most memory that this process has held, in bytes.
  static var peakBytes: Int {
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
