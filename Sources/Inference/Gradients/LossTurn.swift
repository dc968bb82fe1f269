internal import Checkpoints

/// What the batches of one call have in common.
struct LossTurn {
  let network: Network
  let data: Dataset
  let loss: DistillationLoss
  let output: Graph.Value
  let outputNumber: Int
  let isSoftmax: Bool
  let memory: Int?
  /// Ranges that the changed weights' run codes its activations in.
  var activations: ActivationRanges?
  let isCancelled: () -> Bool
  /// By the number of a weight's value: layers.
  let sources: [Int: [Int]]

  init(
    _ network: Network, _ data: Dataset, _ loss: DistillationLoss, _ layers: Set<Int>,
    _ activations: ActivationRanges?, _ request: MeasurementRequest, _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.network, self.data, self.loss, self.activations) = (network, data, loss, activations)
    self.isCancelled = isCancelled
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
    _ samples: [Int], of all: Int, _ original: Weights, _ changed: Weights, _ kept: TeacherOutputs?,
    to gradients: inout [Int: [Float]]
  ) throws(InferenceError) -> Double {
    let filler = filler(samples)
    let inputs = try data.batch(filled(samples))
    let teacher: Value
    if let known = try keptOutput(samples, original, beside: changed.byteCount, kept) {
      teacher = known
    } else {
      teacher = try output(inputs, original, beside: changed.byteCount)
    }
    if sources.isEmpty {
      let made = try network.run(
        inputs, weights: changed, activations: activations, memory: memory, beside: original.byteCount,
        isCancelled: isCancelled)[output.name]
      return try measured(made ?? teacher, teacher, samples, filler, all, nil)
    }
    return try back(
      network, outputNumber, try network.filled(changed, inputs), held: changed.byteCount + original.byteCount,
      activations, to: &gradients
    ) { made, slopes throws(InferenceError) in try measured(made, teacher, samples, filler, all, &slopes) }
  }

  /// A fixed batch is filled up with samples that do not count.
  private func filler(_ samples: [Int]) -> Int { max(0, (data.fixedBatch ?? 0) - samples.count) }

  private func filled(_ samples: [Int]) -> [Int] {
    samples + .init(repeating: samples[samples.count - 1], count: filler(samples))
  }

  /// What the original makes.
  private func output(
    _ inputs: [String: Value], _ original: Weights, beside: Int
  ) throws(InferenceError) -> Value {
    let made = try network.run(
      inputs, weights: original, memory: memory, beside: beside, isCancelled: isCancelled)[output.name]
    guard let made, made.floats != nil else {
      throw InferenceError(network.checkpoint.path, "makes no floating-point numbers of '\(output.name)'")
    }
    return made
  }

  /// The same of samples that were run before, or are run now for all later ones; `nil` where nothing is kept.
  private func keptOutput(
    _ samples: [Int], _ original: Weights, beside: Int, _ kept: TeacherOutputs?
  ) throws(InferenceError) -> Value? {
    let found = try kept?.rows(samples, of: data.count, together: data.fixedBatch ?? Self.keptAtOnce) {
      part throws(InferenceError) in
      let made = try output(try data.batch(filled(part)), original, beside: beside)
      guard made.shape.first == part.count + filler(part), let floats = made.floats else { return ([], []) }
      let width = floats.count / made.shape[0]
      return (part.indices.map { Array(floats[$0 * width..<($0 + 1) * width]) }, Array(made.shape.dropFirst()))
    }
    guard let (rows, shape) = found, let last = rows.last else { return nil }
    let all = rows + .init(repeating: last, count: filler(samples))
    return Value([all.count] + shape, all.flatMap { $0 })
  }

  /// Samples of a free batch that the original runs together.
  private static let keptAtOnce = 32

  /// Runs a network or a part of it from values on, then back, and adds the gradients of the layers' weights.
  ///
  /// - Parameters:
  ///   - held: bytes of weights.
  ///   - measure: gives the loss of what the run made, and fills its gradients.
  /// - Returns: the loss.
  func back(
    _ part: Network, _ output: Int, _ values: [Value?], held: Int, _ activations: ActivationRanges?,
    to gradients: inout [Int: [Float]], _ measure: (Value, inout [Float]) throws(InferenceError) -> Double
  ) throws(InferenceError) -> Double {
    var way = try Backpropagation(part, from: Set(sources.keys), to: output, activations: activations)
    var (sum, found): (Double, [Int: Value]) = (0, [:])
    try way.run(
      values,
      budget: { () throws(InferenceError) in try network.budget(memory, held, values, isCancelled) },
      direction: { made throws(InferenceError) in
        var slopes = [Float](repeating: 0, count: made.count)
        sum = try measure(made, &slopes)
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
  func measured(
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
