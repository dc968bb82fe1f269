import Inference

/// What a training goes down: a loss of weights on samples, with its gradients.
protocol TrainedLoss {
  associatedtype Weights: ModelWeights

  /// The ranges that activations are to be coded in with some weights; `nil` where they stay plain.
  func ranges(_ weights: Weights) throws -> ActivationRanges?

  /// Codes them so from here on.
  mutating func code(in ranges: ActivationRanges?)

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
  var activations: ActivationRanges?
  let teacher: TeacherOutputs?
  let isCancelled: () -> Bool

  func ranges(_ weights: Runnable.Weights) throws -> ActivationRanges? {
    try model.askedRanges(request, weights: weights, isCancelled: isCancelled)
  }

  mutating func code(in ranges: ActivationRanges?) { activations = ranges }

  func found(_ samples: [Int], _ weights: Runnable.Weights, ofLayers layers: Set<Int>) throws -> LossGradients {
    try model.lossGradients(
      data, samples: samples, original: original, changed: weights, loss, ofLayers: layers, activations: activations,
      teacher: teacher, request, isCancelled: isCancelled)
  }
}

/// The loss of what the stretch makes that a walk has come to.
struct StretchLoss<Runnable: Model>: TrainedLoss {
  let model: Runnable
  var walk: Runnable.Stretches
  let request: MeasurementRequest
  let isCancelled: () -> Bool

  func ranges(_ weights: Runnable.Weights) throws -> ActivationRanges? {
    try model.askedRanges(request, weights: weights, isCancelled: isCancelled)
  }

  mutating func code(in ranges: ActivationRanges?) { walk.code(in: ranges) }

  func found(_ samples: [Int], _ weights: Runnable.Weights, ofLayers layers: Set<Int>) throws -> LossGradients {
    try walk.lossGradients(samples, changed: weights, ofLayers: layers, isCancelled: isCancelled)
  }
}
