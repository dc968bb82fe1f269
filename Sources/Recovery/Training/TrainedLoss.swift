import Inference

/// What a training goes down: a loss of weights on samples, with its gradients.
protocol TrainedLoss {
  associatedtype Weights: ModelWeights

  /// The mean over the samples' units, and its gradients by some layers' weights; of none it alone.
  func found(_ samples: [Int], _ weights: Weights, ofLayers layers: Set<Int>) throws -> LossGradients
}

/// The loss of the whole model's outputs.
struct WholeLoss<Runnable: Model>: TrainedLoss {
  let model: Runnable
  let data: Runnable.Data
  let original: Runnable.Weights
  let loss: DistillationLoss
  let request: MeasurementRequest
  let activations: ActivationRanges?
  let teacher: TeacherOutputs?
  let isCancelled: () -> Bool

  func found(_ samples: [Int], _ weights: Runnable.Weights, ofLayers layers: Set<Int>) throws -> LossGradients {
    try model.lossGradients(
      data, samples: samples, original: original, changed: weights, loss, ofLayers: layers, activations: activations,
      teacher: teacher, request, isCancelled: isCancelled)
  }
}

/// The loss of what the stretch makes that a walk has come to.
struct StretchLoss<Walk: StretchWalk>: TrainedLoss {
  let walk: Walk
  let isCancelled: () -> Bool

  func found(_ samples: [Int], _ weights: Walk.Weights, ofLayers layers: Set<Int>) throws -> LossGradients {
    try walk.lossGradients(samples, changed: weights, ofLayers: layers, isCancelled: isCancelled)
  }
}
