public import Checkpoints

/// A model that runs: a graph of operators or a transformer. What stands above asks for its weights, changes some, and
/// scores both on data; it never asks which of the two it is.
///
/// A value: running it changes nothing, and several threads may run it at once.
public protocol Model: Sendable {
  associatedtype Weights: ModelWeights
  associatedtype Data: ScoredData
  associatedtype Walk: LayerWalk where Walk.Weights == Weights
  associatedtype Stretches: StretchWalk where Stretches.Weights == Weights

  var checkpoint: Checkpoint { get }

  /// Whether it can be run with its activations coded in few bits.
  static var codesActivations: Bool { get }

  /// Opens what it is to be scored on.
  ///
  /// - Throws: where the data do not fit the model; the message names file and sample.
  func data(_ request: MeasurementRequest) throws -> Data

  /// Reads and decodes its weights, ready to run on data: 4 bytes each, 8 for integers.
  ///
  /// - Parameters:
  ///   - beside: bytes of the changed weights that are to be held beside them.
  ///   - memory: bytes that weights and a run may take together; `nil` for six tenths of the machine's.
  /// - Throws: where there is no room for them, or a weight cannot be read.
  func loadWeights(for data: Data, beside: Int, memory: Int?) throws(InferenceError) -> Weights

  /// Runs it on data.
  ///
  /// - Parameters:
  ///   - changed: weights to run too, which are then the ones that are scored; `nil` to score the original.
  ///   - progress: called with what is done and all.
  ///   - isCancelled: asked many times a batch.
  /// - Throws: where an output is no number, and `InferenceError.cancelled`.
  func score(
    _ data: Data, original: Weights, changed: Weights?, _ request: MeasurementRequest, progress: (Int, Int) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws -> Score

  /// Random projections of the outputs of some samples, layer by layer: what changes of weights cost, to second order.
  ///
  /// Layers with a matrix come in the order of the way back, each once with all samples; what a probe holds is freed when
  /// nobody has it any longer.
  ///
  /// - Parameters:
  ///   - samples: at most so many of the data's.
  ///   - seed: the same gives the same projections.
  ///   - progress: called with what is done and all.
  ///   - visit: called with each layer's probe.
  /// - Throws: where no gradient goes through the model (`InferenceError.lacksGradient`), where there is no room,
  ///   `InferenceError.cancelled`, and what `visit` throws.
  func probes(
    _ data: Data, samples: Int, weights: Weights, seed: UInt64, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool, visit: (LayerProbe) throws -> Void
  ) throws

  /// Bytes that `probes` takes beside the weights, at least: room for `loadWeights` to leave. 0 where it does with what
  /// there is.
  func probeBytes(_ data: Data, samples: Int) -> Int

  /// How large the inputs of its layers are, one for each layer that has a matrix and is given rows of numbers.
  ///
  /// - Parameter samples: at most so many of the data's, evenly taken; `nil` for all.
  /// - Throws: as `score`.
  func inputMoments(
    _ data: Data, samples: Int?, weights: Weights, _ request: MeasurementRequest, progress: (Int, Int) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws -> [InputMoments]

  /// Chooses weights layer by layer, each by what it is given once all before it are chosen.
  ///
  /// - Parameters:
  ///   - samples: at most so many of the data's, evenly taken; `nil` for all, of a text for 128 windows, of lines for 2,048.
  ///   - changed: the weights to begin with.
  ///   - layers: the checkpoint's that are to be chosen; those that are given no rows of numbers are left out.
  ///   - comparesWithOriginal: whether the difference to what the original's weights make of the samples is asked for.
  ///   - progress: called with what is done and all.
  ///   - choose: gives what a layer becomes; `nil` to leave it as it is.
  /// - Returns: the weights with all that were chosen.
  /// - Throws: what a run throws, and what `choose` throws.
  func chooseWeights(
    _ data: Data, samples: Int?, original: Weights, changed: Weights, layers: Set<Int>, comparesWithOriginal: Bool,
    _ request: MeasurementRequest, progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool,
    choose: (InputProducts) throws -> LayerChange?
  ) throws -> Weights

  /// Layers between which factors can be moved.
  var neighbours: [Neighbours] { get }

  /// By the checkpoint's layer: the tensor that it adds to its outputs, a number each, and that nothing else reads.
  var correctableBiases: [Int: Int] { get }

  /// The loss of changed weights on some samples against what the original makes of them, and its gradients by the weights
  /// of some layers.
  ///
  /// - Parameters:
  ///   - samples: places among `trainingSamples`, in any order.
  ///   - layers: the checkpoint's, with a matrix; of none the loss alone is found, with no way back.
  ///   - activations: ranges that the changed weights' run codes its activations in (`askedRanges`). Gradients go
  ///     straight through the rounding; there are none of what lies beyond a range.
  ///   - teacher: keeps what the original makes; `nil` to run it anew.
  /// - Throws: where no gradient goes through the model or a layer's weight (`InferenceError.lacksGradient`), where data do
  ///   not fit, what a run throws, `InferenceError.cancelled`. Outputs that are no numbers make a loss that is none.
  /// - Precondition: the samples are among the data's.
  func lossGradients(
    _ data: Data, samples: [Int], original: Weights, changed: Weights, _ loss: DistillationLoss,
    ofLayers layers: Set<Int>, activations: ActivationRanges?, teacher: TeacherOutputs?, _ request: MeasurementRequest,
    isCancelled: @escaping () -> Bool
  ) throws -> LossGradients

  /// The ranges of activations that a request asks for, found on its calibration data with some weights; `nil` where it
  /// asks for none.
  ///
  /// - Throws: where the model knows no coded activations, or the data do not fit.
  func askedRanges(
    _ request: MeasurementRequest, weights: Weights, isCancelled: @escaping () -> Bool
  ) throws -> ActivationRanges?

  /// Begins a walk over its stretches on all training samples.
  ///
  /// - Parameters:
  ///   - batch: samples that a step takes, about.
  ///   - changed: what the model is before any of the layers learns.
  ///   - layers: those that learn.
  ///   - loss: of the last stretch, which makes the outputs.
  /// - Throws: where no gradient goes through a layer's weight; as `lossGradients`.
  func stretches(
    _ data: Data, batch: Int, original: Weights, changed: Weights, layers: Set<Int>, _ loss: DistillationLoss,
    activations: ActivationRanges?, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws -> Stretches

  /// How many samples there are to train on: samples of arrays, windows of text, lines.
  ///
  /// - Throws: where there is not one.
  func trainingSamples(_ data: Data) throws -> Int

  /// So few of the data as tell one layer's effect from another's.
  func fewSamples(of data: Data) -> Int

  /// Begins a walk over its layers on some of the data.
  ///
  /// - Parameter samples: at most so many, evenly spread: samples of arrays, windows of text, lines.
  /// - Throws: what a run throws.
  func walk(
    _ data: Data, samples: Int, weights: Weights, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> Walk
}

extension Model {
  /// The same with plain activations, and nothing kept.
  public func lossGradients(
    _ data: Data, samples: [Int], original: Weights, changed: Weights, _ loss: DistillationLoss,
    ofLayers layers: Set<Int>, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    try lossGradients(
      data, samples: samples, original: original, changed: changed, loss, ofLayers: layers, activations: nil,
      teacher: nil, request, isCancelled: isCancelled)
  }
}

/// A model's weights, ready to run. A value: replacing some shares all others with the original, so the compressed form
/// of a model costs only what differs.
public protocol ModelWeights: Sendable {
  /// The weights with a layer's weight replaced by a matrix of outputs by inputs, row after row, as
  /// `Checkpoint.readMatrix` gives it.
  ///
  /// - Throws: where a quantised weight's scales cannot be read.
  /// - Precondition: the layer has a matrix, and it is of that size.
  func replacing(layer: Int, withMatrix floats: [Float]) throws(InferenceError) -> Self

  /// The weights with one tensor replaced by Floats in its storage order.
  ///
  /// - Precondition: as many as the tensor has elements; it is no part of a packed weight.
  func replacing(tensor: Int, with floats: [Float]) -> Self

  /// - Throws: where there is no room for so many numbers more.
  func checkRoom(forNumbers count: Int, of name: String) throws(InferenceError)
}

/// What a model is scored on.
public protocol ScoredData: Sendable {
  /// Samples; 0 where that is not known before they are run.
  var count: Int { get }
  /// Of data that nobody gave how they were made; `nil` where they have a name.
  var selfMadeTitle: String? { get }
  /// Tokens of a window of text; 1 of data that are no text.
  var windowLength: Int { get }
  /// Samples, windows or lines that a step of training takes where nobody says: 32, and windows of 1,024 tokens in all.
  var stepSamples: Int { get }

  /// The same, which keeps what it has to decode, as far as that takes no more than so many bytes.
  func keepingDecoded(bytes: Int) -> Self
}

/// What a model made of data.
public struct Score: Sendable {
  /// The most telling first; beside each the original's figure, where one can be given.
  public var metrics: [Metric]
  public var samples: Int
  public var seconds: Double
  /// Of a classifier with labels.
  public var classification: Classification?
  /// What a person should know of the figures.
  public var notes: [String] = []
  /// What the model gave, by the outputs' names, samples along the first axis; empty where nobody asked.
  public var outputs: [String: Value] = [:]
  /// Names of the classes, in the order of the labels, where the data have some.
  public var classNames: [String] = []
}

extension Checkpoint {
  /// The model that is in it. Reads no weights.
  ///
  /// - Throws: where it holds none that can be run; the message names the operator, or what is missing.
  public func model() throws(InferenceError) -> any Model {
    if graph != nil { return try Network(self) }
    return try Transformer(self)
  }
}
