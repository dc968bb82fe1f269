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
    func moments<Runnable: Model>(of model: Runnable) throws -> [InputMoments] {
      let data = try model.data(request)
      let weights = try model.loadWeights(for: data, beside: 0, memory: request.options.memory)
      var goesOn = true
      return try model.inputMoments(
        data, samples: samples, weights: weights, request,
        progress: { goesOn = progress($0, $1) && goesOn }, isCancelled: { !goesOn || isCancelled() })
    }
    do {
      return ImportanceMatrix(
        try moments(of: try checkpoint.model()), of: checkpoint, dataset: lastPart(request.data),
        chunkSize: request.context ?? 512)
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    }
  }
}
