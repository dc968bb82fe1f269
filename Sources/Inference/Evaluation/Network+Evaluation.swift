internal import Checkpoints

extension Network {
  /// How samples are run.
  public struct RunOptions: Sendable {
    /// Samples at a time; `nil` for 32, or 1 where the activations of a batch are coded together. Where the model fixes its
    /// batch, that many are taken.
    public var batch: Int?
    /// The output that is looked at; `nil` for the first.
    public var output: String?
    /// Bytes that weights and arrays may take at a time; see `run`.
    public var memory: Int?
    /// Whether what the last candidate makes is kept.
    public var keepsOutputs = false

    public init(batch: Int? = nil, output: String? = nil, memory: Int? = nil, keepsOutputs: Bool = false) {
      (self.batch, self.output, self.memory, self.keepsOutputs) = (batch, output, memory, keepsOutputs)
    }
  }

  /// Weights to run with, and how activations are coded.
  public struct Candidate: Sendable {
    public var weights: Weights
    public var activations: ActivationRanges?

    public init(weights: Weights, activations: ActivationRanges? = nil) {
      self.weights = weights
      self.activations = activations
    }
  }

  /// What candidates made of the same samples.
  public struct Compared {
    /// One a candidate.
    public var evaluations: [Evaluation]
    /// One of each candidate but the first, with the first.
    public var comparisons: [OutputComparison]
    /// All outputs of the last candidate, where they are kept.
    public var outputs: [String: Value] = [:]
  }

  /// Runs the network over a data set and counts how often its highest score is the label's.
  ///
  /// - Parameters:
  ///   - weights: What `loadWeights` gave, some perhaps replaced.
  ///   - progress: Called after each batch with the samples done and all samples.
  ///   - isCancelled: Asked before each operator, and within long ones.
  /// - Throws: where a label is no class of the network or an output is no number (the message names the sample),
  ///   a node fails, and `InferenceError.cancelled`.
  public func evaluate(
    _ data: Dataset, weights: Weights, batchSize: Int? = nil, activations: ActivationRanges? = nil,
    progress: (Int, Int) -> Void = { _, _ in }, isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> Evaluation {
    try compare(
      data, [Candidate(weights: weights, activations: activations)], RunOptions(batch: batchSize), progress: progress,
      isCancelled: isCancelled
    ).evaluations[0]
  }

  /// Runs several candidates over the same samples, batch by batch; each but the first is compared with the first.
  ///
  /// A batch that there is no memory for is run in halves.
  ///
  /// - Parameter running: hears of what was found so far, after each batch.
  /// - Throws: as `evaluate`.
  public func compare(
    _ data: Dataset, _ candidates: [Candidate], _ options: RunOptions = RunOptions(),
    progress: (Int, Int) -> Void = { _, _ in }, running: (Compared) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> Compared {
    let output = try output(options.output)
    var size = data.fixedBatch ?? max(1, options.batch ?? (codesActivations ? 1 : 32))
    let softmax = lastOperator(of: output.name) == "Softmax"
    var found = Compared(
      evaluations: candidates.map { _ in Evaluation(labels: data.labels) },
      comparisons: candidates.dropFirst().map { _ in OutputComparison() })
    var kept = KeptOutputs(outputs)
    var done = 0
    // Each candidate's weights hold those that they were made from.
    let held = candidates.map(\.weights.byteCount).max() ?? 0
    while done < data.count {
      // A model of a fixed batch gets its last one filled up with samples from before.
      let last = min(done + size, data.count)
      let first = data.fixedBatch == nil ? done : max(0, last - size)
      guard last - first == size || data.fixedBatch == nil else {
        throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
      }
      var made: [(values: [String: Value], seconds: Double)] = []
      do throws(InferenceError) {
        let batch = try data.batch(first..<last)
        for candidate in candidates {
          let start = ContinuousClock.now
          let values = try run(
            batch, weights: candidate.weights, activations: candidate.activations, memory: options.memory,
            beside: held - candidate.weights.byteCount, isCancelled: isCancelled)
          made.append((values, (ContinuousClock.now - start).inSeconds))
        }
      } catch {
        guard error.lacksMemory, data.fixedBatch == nil, size > 1 else { throw error }
        size /= 2
        continue
      }
      var reference: [Float] = []
      for index in candidates.indices {
        let start = ContinuousClock.now
        let scores = try Scores(made[index].values[output.name], output, first..<last, data, isSoftmax: softmax)
        for sample in done..<last { try found.evaluations[index].add(scores, sample - first, sample, data) }
        if done == 0, let note = scores.note(data) { found.evaluations[index].notes.append(note) }
        if index == 0 {
          reference = scores.numbers
        } else {
          for sample in done - first..<last - first {
            let range = sample * scores.width..<(sample + 1) * scores.width
            found.comparisons[index - 1].add(scores.numbers[range], reference[range], scores.kind)
          }
        }
        found.evaluations[index].seconds += made[index].seconds + (ContinuousClock.now - start).inSeconds
      }
      if options.keepsOutputs, let values = made.last?.values {
        try kept.add(values, from: done - first, of: last - first, checkpoint.path)
      }
      done = last
      running(found)
      progress(done, data.count)
    }
    found.outputs = kept.joined()
    return found
  }

  /// - Throws: where there is no such output; the message names those that are.
  func output(_ name: String?) throws(InferenceError) -> Graph.Value {
    guard let first = outputs.first else { throw InferenceError(checkpoint.path, "has no output") }
    guard let name else { return first }
    guard let output = outputs.first(where: { $0.name == name }) else {
      let names = outputs.prefix(12).map { "'\($0.name)'" }.joined(separator: ", ")
      throw InferenceError(checkpoint.path, "has no output '\(name)'; it has \(names)")
    }
    return output
  }

  /// Whether activations get a scale that all samples of a batch share, so that a sample's outputs depend on its
  /// neighbours.
  var codesActivations: Bool {
    steps.contains {
      ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"].contains($0.node.operatorName)
    }
  }

  /// The operator that makes a value, through those that only pass it on.
  func lastOperator(of name: String) -> String {
    var name = name
    while let node = steps.last(where: { $0.node.outputs.contains(name) })?.node {
      guard ["Identity", "Flatten", "Reshape", "Squeeze"].contains(node.operatorName) else {
        return node.operatorName
      }
      name = node.inputs.first ?? ""
    }
    return ""
  }
}

/// What a network made, batch after batch.
private struct KeptOutputs {
  private let outputs: [Graph.Value]
  private var parts: [String: [Value]] = [:]

  init(_ outputs: [Graph.Value]) { self.outputs = outputs }

  /// Adds the samples from `first` on of a batch of `count`.
  mutating func add(_ values: [String: Value], from first: Int, of count: Int, _ path: String) throws(InferenceError) {
    for output in outputs {
      guard let value = values[output.name] else { continue }
      let samples = try value.bySample(count, output, path)
      parts[output.name, default: []].append(first == 0 ? samples : samples.taking(Array(first..<count), axis: 0))
    }
  }

  /// Samples along the first axis; an output whose samples are of different shapes is left out.
  func joined() -> [String: Value] {
    parts.compactMapValues { parts in
      let rest = parts[0].shape.dropFirst()
      guard parts.allSatisfy({ $0.shape.dropFirst() == rest }) else { return nil }
      let shape = [parts.reduce(0) { $0 + $1.shape[0] }] + rest
      if parts[0].floats != nil { return Value(shape, parts.flatMap { $0.floats ?? [] }, type: parts[0].type) }
      return Value(shape, integers: parts.flatMap { $0.integers ?? [] }, type: parts[0].type)
    }
  }
}
