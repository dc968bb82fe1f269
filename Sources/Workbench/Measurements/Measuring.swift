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

extension ActivationOptions {
  /// `int8`, `int8,percentile=99.9`.
  ///
  /// - Throws: `WorkbenchError` that says what is expected.
  public init(spec: String, calibration: String) throws(WorkbenchError) {
    let parts = spec.split(separator: ",").map(String.init)
    guard let word = parts.first, word.hasPrefix("int"), let bits = Int(word.dropFirst(3)), (2...16).contains(bits)
    else {
      throw WorkbenchError("activations \"\(spec)\": expected int2 to int16, as in int8,percentile=99.9")
    }
    self.init(bits: bits, calibration: calibration)
    for part in parts.dropFirst() {
      guard part.hasPrefix("percentile="), let percentile = Double(part.dropFirst(11)), percentile > 50,
        percentile <= 100
      else { throw WorkbenchError("activations \"\(spec)\": expected percentile=P, above 50 and up to 100") }
      self.percentile = percentile
    }
  }
}

extension Session {
  /// Runs the recipe as it stands on data, and the model as it is beside it; see `Model.score` for what is measured. With a
  /// cache, what was measured before is not run again.
  ///
  /// - Parameters:
  ///   - progress: hears of samples done and of all; `false` calls the measurement off.
  ///   - isCancelled: asked many times a batch; `true` calls it off too.
  /// - Returns: `nil` when it was called off.
  /// - Throws: `WorkbenchError`: no model to run, an operator that is not there, data that do not fit.
  public func measure(
    _ request: MeasurementRequest, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> Measurement? {
    try requireRecovered()
    let key = keptKey(of: request)
    if let key, let kept = keptMeasurement(key) { return kept }
    do {
      let model = try checkpoint.model()
      var found = try measured(by: model, request, progress, isCancelled)
      found.notes += request.unused(by: checkpoint)
      if let key { keep(found, of: request, under: key) }
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

  private func measured<Runnable: Model>(
    by model: Runnable, _ request: MeasurementRequest, _ progress: (Int, Int) -> Bool,
    _ isCancelled: @escaping () -> Bool
  ) throws -> Measurement {
    guard request.activations == nil || Runnable.codesActivations else {
      throw WorkbenchError("integer activations are simulated in ONNX models alone")
    }
    let data = try model.data(request)
    let changes = items.filter { !recipe[$0].isKeep }
    let original = try model.loadWeights(
      for: data, beside: changes.reduce(0) { $0 + 4 * $1.count }, memory: request.options.memory)
    var changed: Runnable.Weights?
    for item in changes {
      guard progress(0, data.count), !isCancelled() else { throw InferenceError.cancelled }
      changed = try replaced(item, in: changed ?? original)
    }
    var goesOn = true
    let score = try model.score(
      data, original: original, changed: changed, request,
      progress: { done, all in goesOn = progress(done, all) && goesOn }, isCancelled: { !goesOn || isCancelled() })
    let estimate = estimate
    return Measurement(
      recipe: recipe, metrics: score.metrics, samples: score.samples,
      samplesPerSecond: score.seconds > 0 ? Double(score.samples) / score.seconds : 0, peakBytes: Self.peakBytes,
      bytes: estimate.bytes, damage: estimate.damage, classification: score.classification, data: request.data,
      notes: score.notes, outputs: score.outputs, classNames: score.classNames)
  }

  /// The weights with an item in the form that a scheme gives it; in the recipe's where none is said.
  func replaced<Weights: ModelWeights>(
    _ item: Item, in weights: Weights, by scheme: Scheme? = nil
  ) throws -> Weights {
    try weights.checkRoom(forNumbers: item.count, of: item.name)
    return try replaced(item, in: weights, with: reconstruction(of: item, in: scheme ?? made(recipe[item], of: item)))
  }

  /// The weights with an item's numbers replaced, a weight's as outputs by inputs.
  func replaced<Weights: ModelWeights>(
    _ item: Item, in weights: Weights, with values: [Float]
  ) throws -> Weights {
    try item.kind == .weight || item.packing != nil
      ? weights.replacing(layer: item.layerIndex, withMatrix: values)
      : weights.replacing(tensor: item.id, with: values)
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
