internal import Checkpoints

extension Network {
  public func trainingSamples(_ data: Dataset) -> Int { data.count }

  /// A sample a unit. Samples run together, of a network of a fixed batch as many as it takes.
  ///
  /// Costs a forward run of the original, and three of the changed weights; without layers one of each.
  ///
  /// - Throws: where a layer's weight is coded in the file, or an operator between a weight and the output has no gradient
  ///   (`lacksGradient`); where labels or targets do not fit the output; as `run`.
  public func lossGradients(
    _ data: Dataset, samples: [Int], original: Weights, changed: Weights, _ loss: DistillationLoss,
    ofLayers layers: Set<Int>, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let turn = try LossTurn(self, data, loss, layers, request, isCancelled)
    let size = data.fixedBatch ?? Self.trainedAtOnce
    var (sum, found): (Double, [Int: [Float]]) = (0, [:])
    for layer in layers {
      guard let matrix = checkpoint.layers[layer].matrix else { continue }
      found[layer] = .init(repeating: 0, count: matrix.rows * matrix.columns)
    }
    for first in stride(from: 0, to: samples.count, by: size) {
      if isCancelled() { throw InferenceError.cancelled }
      let own = Array(samples[first..<min(samples.count, first + size)])
      sum += try turn.add(own, of: samples.count, original, changed, to: &found)
    }
    return LossGradients(loss: sum / Double(max(1, samples.count)), units: samples.count, gradients: found)
  }

  /// Samples of a free batch that run together.
  private static let trainedAtOnce = 128
}

/// What the batches of one call have in common.
private struct LossTurn {
  let network: Network
  let data: Dataset
  let loss: DistillationLoss
  let output: Graph.Value
  let outputNumber: Int
  let isSoftmax: Bool
  let memory: Int?
  let isCancelled: () -> Bool
  /// By the number of a weight's value: layers.
  let sources: [Int: [Int]]

  init(
    _ network: Network, _ data: Dataset, _ loss: DistillationLoss, _ layers: Set<Int>, _ request: MeasurementRequest,
    _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.network, self.data, self.loss, self.isCancelled) = (network, data, loss, isCancelled)
    output = try network.output(request.options.output)
    let name = output.name
    guard let place = network.outputs.firstIndex(where: { $0.name == name }) else {
      throw InferenceError(network.checkpoint.path, "has no output '\(name)'")
    }
    outputNumber = network.outputNumbers[place]
    isSoftmax = network.lastOperator(of: name) == "Softmax"
    memory = request.options.memory
    var sources: [Int: [Int]] = [:]
    for index in layers.sorted() {
      let layer = network.checkpoint.layers[index]
      guard layer.matrix != nil, layer.packing == nil else {
        throw InferenceError(
          network.checkpoint.path, "the weight of '\(layer.name)' is coded in the file: it has no gradient"
        ).forLackOfGradient
      }
      for (number, tensor) in network.weightTensors where tensor == layer.weight {
        sources[number, default: []].append(index)
      }
    }
    self.sources = sources
  }

  /// Runs some samples together, adds their part of the gradients, and gives the sum of their losses.
  func add(
    _ samples: [Int], of all: Int, _ original: Weights, _ changed: Weights, to gradients: inout [Int: [Float]]
  ) throws(InferenceError) -> Double {
    // A fixed batch is filled up with samples that do not count.
    let filler = max(0, (data.fixedBatch ?? 0) - samples.count)
    let inputs = try data.batch(samples + .init(repeating: samples[samples.count - 1], count: filler))
    let teacher = try network.run(
      inputs, weights: original, memory: memory, beside: changed.byteCount, isCancelled: isCancelled)[output.name]
    guard let teacher, teacher.floats != nil else {
      throw InferenceError(network.checkpoint.path, "makes no floating-point numbers of '\(output.name)'")
    }
    if sources.isEmpty {
      let made = try network.run(
        inputs, weights: changed, memory: memory, beside: original.byteCount, isCancelled: isCancelled)[output.name]
      return try measured(made ?? teacher, teacher, samples, filler, all, nil)
    }
    var way = try Backpropagation(network, from: Set(sources.keys), to: outputNumber)
    let values = try network.filled(changed, inputs)
    var (sum, found): (Double, [Int: Value]) = (0, [:])
    try way.run(
      values,
      budget: { () throws(InferenceError) in
        try network.budget(memory, changed.byteCount + original.byteCount, values, isCancelled)
      },
      direction: { made throws(InferenceError) in
        var slopes = [Float](repeating: 0, count: made.count)
        sum = try measured(made, teacher, samples, filler, all, &slopes)
        return Value(made.shape, slopes)
      }
    ) { number, gradient, _ in found[number] = gradient }
    for (number, gradient) in found.sorted(by: { $0.key < $1.key }) {
      for layer in sources[number] ?? [] {
        guard let matrix = network.checkpoint.layers[layer].matrix, let floats = gradient.floats,
          floats.count == matrix.rows * matrix.columns
        else { continue }
        let own = matrix.rowOrder(floats)
        own.withUnsafeBufferPointer { own in
          gradients[layer]?.withUnsafeMutableBufferPointer { sum in
            for index in 0..<own.count { sum[index] += own[index] }
          }
        }
      }
    }
    return sum
  }

  /// The sum of the samples' losses, and their gradients over all by the output, where they are wanted.
  private func measured(
    _ made: Value, _ teacher: Value, _ samples: [Int], _ filler: Int, _ all: Int, _ slopes: UnsafeMutablePointer<Float>?
  ) throws(InferenceError) -> Double {
    let rows = samples.count + filler
    guard let s = made.floats, let t = teacher.floats, made.shape == teacher.shape, !s.isEmpty,
      rows == 1 || made.shape.first == rows
    else {
      throw InferenceError(
        network.checkpoint.path,
        "makes '\(output.name)' of shape \(made.shape), its \(rows) samples not along the first axis: no gradient is taken"
      ).forLackOfGradient
    }
    let width = s.count / rows
    let shape = made.shape.first == rows ? Array(made.shape.dropFirst()) : made.shape
    let kind = Scores.kind(shape, width, hasLabels: !data.labels.isEmpty, isSoftmax: isSoftmax)
    var sum = 0.0
    for (row, sample) in samples.enumerated() {
      let own = row * width..<(row + 1) * width
      var label: Int?
      if kind != .numbers, loss.usesLabels, !data.labels.isEmpty {
        guard data.labels[sample] < width else {
          throw InferenceError(
            data.path, "sample \(sample) has the label \(data.labels[sample]), but the network has \(width) classes")
        }
        label = data.labels[sample]
      }
      var targets: ArraySlice<Float>?
      if kind == .numbers, loss.usesLabels, let all = data.targets {
        guard all.width == width else {
          throw InferenceError(
            data.path, "has \(all.width) targets a sample, but the network's output has \(width) numbers")
        }
        targets = all.numbers[sample * width..<(sample + 1) * width]
      }
      let target = slopes.map { $0 + own.lowerBound }
      let scale = 1 / Double(max(1, all))
      sum += s.withUnsafeBufferPointer { s in
        t.withUnsafeBufferPointer { t in
          let (s, t) = (UnsafeBufferPointer(rebasing: s[own]), UnsafeBufferPointer(rebasing: t[own]))
          return switch kind {
          case .logits: loss.ofLogits(s, teacher: t, label: label, scale: scale, into: target)
          case .probabilities: loss.ofProbabilities(s, teacher: t, label: label, scale: scale, into: target)
          case .numbers: loss.ofNumbers(s, teacher: t, targets: targets, scale: scale, into: target)
          }
        }
      }
    }
    return sum
  }
}
