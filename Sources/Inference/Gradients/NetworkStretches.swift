internal import Checkpoints

extension Network {
  /// Stretches between arrays that everything goes through (`StretchCuts`); samples go in batches that stay together.
  ///
  /// Samples that fill no batch of a network that takes a fixed number of them are left out.
  public func stretches(
    _ data: Dataset, batch: Int, original: Weights, changed: Weights, layers: Set<Int>, _ loss: DistillationLoss,
    activations: ActivationRanges?, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws -> NetworkStretches {
    let turn = try LossTurn(self, data, loss, layers, activations, request, isCancelled)
    // One batch at least is held out, and one is learnt from.
    let size = data.fixedBatch ?? max(1, min(batch, data.count / 10))
    let count = data.fixedBatch == nil ? (data.count + size - 1) / size : data.count / size
    guard count > 0 else {
      throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
    }
    // Neighbours, which may be of one class, go to different batches.
    let groups = (0..<count).map { first in
      Array(stride(from: first, to: data.fixedBatch == nil ? data.count : count * size, by: count))
    }
    return try NetworkStretches(turn, groups, original: original, changed: changed, layers, request)
  }
}

/// A network walked stretch by stretch over batches of samples.
public struct NetworkStretches: StretchWalk {
  public let stretches: [Stretch]
  public var count: Int { groups.count }
  public var batch: Int { 1 }
  private let network: Network
  private var turn: LossTurn
  private let parts: [StretchCuts.Part]
  private let groups: [[Int]]
  private let original: Weights
  private let request: MeasurementRequest
  private var states: [State]
  private var place = 0

  /// What is alive before a stretch, of the changed network and of the original, and what the original makes there.
  private struct State: Sendable {
    var changed: Network.Snapshot
    var plain: Network.Snapshot
    var target: Value?

    var byteCount: Int { changed.byteCount + plain.byteCount + (target?.byteCount ?? 0) }
  }

  init(
    _ turn: LossTurn, _ groups: [[Int]], original: Weights, changed: Weights, _ layers: Set<Int>,
    _ request: MeasurementRequest
  ) throws(InferenceError) {
    (self.turn, self.original, self.request, self.groups) = (turn, original, request, groups)
    let network = turn.network
    self.network = network
    parts = StretchCuts(network, layers, output: turn.outputNumber).parts
    stretches = parts.map { Stretch(name: network.valueNames[$0.output], layers: $0.layers) }
    states = []
    for samples in groups {
      let inputs = try network.filled(changed, try turn.data.batch(samples))
      var alive: [Int: Value] = [:]
      for (number, value) in inputs.enumerated() where network.weightTensors[number] == nil { alive[number] = value }
      let start = Network.Snapshot(step: 0, values: alive)
      states.append(State(changed: start, plain: start, target: nil))
    }
  }

  public mutating func code(in ranges: ActivationRanges?) { turn.activations = ranges }

  public mutating func advance(to stretch: Int, changed: Weights, isCancelled: @escaping () -> Bool) throws {
    let part = parts[stretch]
    let memory = request.options.memory
    for index in states.indices {
      let held = states.reduce(0) { $0 + $1.byteCount }
      var state = states[index]
      state.target = nil
      state.changed = try network.advance(
        state.changed, to: part.steps.lowerBound, weights: changed, activations: turn.activations, memory: memory,
        beside: held, isCancelled: isCancelled)
      state.plain = try network.advance(
        state.plain, to: part.steps.lowerBound, weights: original, memory: memory, beside: held,
        isCancelled: isCancelled)
      // It goes on from there, so that each stretch is run once.
      let end = try network.advance(
        state.plain, to: part.steps.upperBound, weights: original, memory: memory, beside: held,
        isCancelled: isCancelled)
      state.plain = end
      state.target = end.values[part.output]
      guard state.target?.floats != nil else {
        throw InferenceError(
          network.checkpoint.path, "makes no floating-point numbers of '\(network.valueNames[part.output])'"
        ).forLackOfGradient
      }
      states[index] = state
    }
    place = stretch
  }

  public func lossGradients(
    _ samples: [Int], changed: Weights, ofLayers layers: Set<Int>, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    var (sum, units) = (0.0, 0)
    var found: [Int: [Float]] = [:]
    for layer in layers {
      guard let matrix = network.checkpoint.layers[layer].matrix else { continue }
      found[layer] = .init(repeating: 0, count: matrix.rows * matrix.columns)
    }
    let all = samples.reduce(0) { $0 + groups[$1].count }
    for sample in samples {
      if isCancelled() { throw InferenceError.cancelled }
      sum += try add(sample, of: all, changed, layers, to: &found, isCancelled)
      units += groups[sample].count
    }
    return LossGradients(loss: sum / Double(max(1, units)), units: units, gradients: found)
  }

  /// The sum of a batch's losses; its part of the gradients of the mean over `all` samples is added.
  private func add(
    _ index: Int, of all: Int, _ changed: Weights, _ layers: Set<Int>, to found: inout [Int: [Float]],
    _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> Double {
    let (part, state, samples) = (parts[place], states[index], groups[index])
    guard let target = state.target else { return 0 }
    let isLast = part.output == turn.outputNumber
    func measure(_ made: Value, _ slopes: inout [Float], _ wantsSlopes: Bool) throws(InferenceError) -> Double {
      if isLast {
        return try slopes.withUnsafeMutableBufferPointer { slopes throws(InferenceError) in
          try turn.measured(made, target, samples, 0, all, wantsSlopes ? slopes.baseAddress : nil)
        }
      }
      guard let s = made.floats, let t = target.floats, s.count == t.count else {
        throw InferenceError(
          network.checkpoint.path, "makes '\(network.valueNames[part.output])' of shape \(made.shape) now")
      }
      let own = RelativeError.found(s, t, rows: 1)
      let share = Float(samples.count) / Float(max(1, all))
      if wantsSlopes { slopes = own.gradient.map { share * $0 } }
      return own.loss * Double(samples.count)
    }
    if layers.isEmpty {
      let end = try network.advance(
        state.changed, to: part.steps.upperBound, weights: changed, activations: turn.activations,
        memory: request.options.memory, isCancelled: isCancelled)
      var none: [Float] = []
      return try measure(end.values[part.output] ?? target, &none, false)
    }
    let stretch = Network(network, steps: part.steps, making: part.output)
    return try turn.back(
      stretch, part.output, network.filled(changed, at: state.changed), held: changed.byteCount + original.byteCount,
      turn.activations?.of(part.steps), to: &found
    ) { made, slopes throws(InferenceError) in try measure(made, &slopes, true) }
  }
}
