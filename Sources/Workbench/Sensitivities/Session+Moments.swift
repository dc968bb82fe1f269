import Checkpoints
import Inference

extension Session {
  /// Runs the model on data and sums up how large the inputs of its layers are: llama.cpp's importance matrix.
  ///
  /// - Parameters:
  ///   - samples: at most so many windows or samples; `nil` for all.
  ///   - progress: `false` calls it off.
  /// - Returns: `nil` where it was called off.
  /// - Throws: `WorkbenchError`: no model to run, data that do not fit.
  public func importanceMatrix(
    _ request: MeasurementRequest, samples: Int? = nil, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> ImportanceMatrix? {
    var (name, window) = (lastPart(request.data), 1)
    func moments<Runnable: Model>(of model: Runnable) throws -> [InputMoments] {
      let data = try model.data(request)
      name = data.selfMadeTitle ?? name
      window = data.windowLength
      let weights = try model.loadWeights(for: data, beside: 0, memory: request.options.memory)
      var goesOn = true
      return try model.inputMoments(
        data, samples: samples, weights: weights, request,
        progress: { goesOn = progress($0, $1) && goesOn }, isCancelled: { !goesOn || isCancelled() })
    }
    do {
      let found = try moments(of: try checkpoint.model())
      return ImportanceMatrix(
        found, of: checkpoint, dataset: name,
        chunkSize: window)
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    }
  }
}
