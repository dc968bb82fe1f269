internal import Checkpoints

extension Network {
  /// Layer by layer in the order of the graph: what is alive before a layer's step is kept for all samples. A layer that
  /// several steps use is chosen by the first.
  ///
  /// Costs a run of the changed weights, another of the original's where both are compared, and what windows see. Memory:
  /// one cut through the network for all samples.
  public func chooseWeights(
    _ data: Dataset, samples: Int?, original: Weights, changed: Weights, layers: Set<Int>, comparesWithOriginal: Bool,
    _ request: MeasurementRequest, progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool,
    choose: (InputProducts) throws -> LayerChange?
  ) throws -> Weights {
    let uses = WeightUses(self)
    let places = layers.compactMap { layer -> (layer: Int, use: WeightUses.Use)? in
      let own = (uses.values[layer] ?? []).flatMap { uses.uses[$0] ?? [] }
      return own.min { $0.step < $1.step }.map { (layer, $0) }
    }.sorted { ($0.use.step, $0.layer) < ($1.use.step, $1.layer) }
    let memory = request.options.memory
    let biases = correctableBiases
    var changed = changed
    var walks = try batches(data, samples).map { batch throws(InferenceError) in
      let inputs = try filled(changed, try data.batch(batch))
      var alive: [Int: Value] = [:]
      for (number, value) in inputs.enumerated() where weightTensors[number] == nil { alive[number] = value }
      let start = Snapshot(step: 0, values: alive)
      return (changed: start, original: start)
    }
    for (index, (layer, use)) in places.enumerated() {
      guard let columns = checkpoint.layers[layer].matrix?.columns else { continue }
      var products: InputProducts?
      for number in walks.indices {
        if isCancelled() { throw InferenceError.cancelled }
        let held = walks.reduce(0) { $0 + $1.changed.byteCount + (comparesWithOriginal ? $1.original.byteCount : 0) }
        func move(_ snapshot: inout Snapshot, _ weights: Weights) throws(InferenceError) {
          snapshot = try advance(
            snapshot, to: use.step, weights: weights, memory: memory, beside: held, isCancelled: isCancelled)
        }
        try move(&walks[number].changed, changed)
        var plain: [[Float]] = []
        if comparesWithOriginal {
          try move(&walks[number].original, original)
          try rows(use, columns, walks[number].original, original, isCancelled) { rows, _ in plain.append(Array(rows)) }
        }
        var place = 0
        try rows(use, columns, walks[number].changed, changed, isCancelled) { rows, part in
          if products == nil {
            products = InputProducts(layer: layer, columns: columns, parts: part.count)
          }
          if plain.indices.contains(place) {
            plain[place].withUnsafeBufferPointer { products?.add(rows, original: $0, to: part.index) }
          } else {
            products?.add(rows, to: part.index)
          }
          place += 1
        }
      }
      if let products, let change = try choose(products) {
        changed = try changed.replacing(layer: layer, by: change, bias: biases[layer])
      }
      progress(index + 1, places.count)
    }
    return changed
  }

  /// The rows that a layer's columns are multiplied by at a step.
  private func rows(
    _ use: WeightUses.Use, _ columns: Int, _ snapshot: Snapshot, _ weights: Weights,
    _ isCancelled: @escaping () -> Bool,
    _ body: (UnsafeBufferPointer<Float>, (index: Int, count: Int)) -> Void
  ) throws(InferenceError) {
    let step = steps[use.step]
    let inputs = step.inputs.map { number -> Value? in
      guard let number else { return nil }
      return snapshot.values[number] ?? weightTensors[number].flatMap { weights.values[$0] }
    }
    let call = Call(
      node: step.node, inputs: inputs, operatorSet: operatorSet, filler: step.filler,
      budget: RunBudget(limit: nil, isCancelled: isCancelled))
    try call.eachInputRows(weight: use.input, columns: columns, body)
  }

  /// Samples that are run together, evenly taken: of a network of a fixed batch those that fill one.
  private func batches(_ data: Dataset, _ samples: Int?) throws(InferenceError) -> [Range<Int>] {
    let count = max(0, min(samples ?? data.count, data.count))
    let size = data.fixedBatch ?? (codesActivations ? 1 : min(32, max(1, count)))
    guard size <= data.count else {
      throw InferenceError(data.path, "has \(data.count) samples, but the network takes \(size) at once")
    }
    let batches = max(1, count / size)
    return (0..<batches).map { number in
      let first = batches > 1 ? (data.count - size) * number / (batches - 1) : 0
      return first..<first + size
    }
  }
}
