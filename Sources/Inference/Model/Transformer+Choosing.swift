internal import Checkpoints

extension Transformer {
  /// Block by block, and in a block in the order of its products: those that have the same inputs are one step, so are all
  /// experts' first and all experts' last. An expert is chosen by the tokens that go to it; see `BlockInputs` for one to
  /// which few go.
  ///
  /// Costs four runs of each block on the changed weights, five to nine with experts, and as many on the original's where
  /// both are compared. Memory: the states of all samples, one block's numbers for some texts, and the second moments of a
  /// step's inputs, of experts all of them.
  public func chooseWeights(
    _ data: ScoredText, samples: Int?, original: TransformerWeights, changed: TransformerWeights, layers: Set<Int>,
    comparesWithOriginal: Bool, _ request: MeasurementRequest, progress: (Int, Int) -> Void,
    isCancelled: @escaping () -> Bool, choose: (InputProducts) throws -> LayerChange?
  ) throws -> TransformerWeights {
    let texts = try calibrationTexts(
      data, samples ?? (shape.isCausal ? Self.calibratingWindows : Self.calibratingLines), original, request,
      isCancelled)
    guard !texts.isEmpty else { return changed }
    var changed = changed
    let biases = correctableBiases
    let chunks = Self.chunks(texts)
    var states = try chunks.map { try embed($0, weights: changed) }
    var plain = comparesWithOriginal ? try chunks.map { try embed($0, weights: original) } : []
    for (number, block) in blocks.enumerated() {
      for step in block.steps {
        let wanted = step.flatMap { $0 }.filter { !$0.isVector && layers.contains($0.layer) }
        guard !wanted.isEmpty else { continue }
        let seen = BlockInputs(step.filter { group in group.contains { layers.contains($0.layer) } })
        let parts = seen.matrixNumbers.multipliedReportingOverflow(by: comparesWithOriginal ? 8 : 4)
        try changed.checkRoom(
          for: parts.overflow ? .max : parts.partialValue, "the moments of the inputs of block \(number)")
        /// Both on the changed weights' routes: an expert's inputs are those of the same tokens.
        func see(widened: Set<Int>) throws {
          for index in states.indices {
            let watch = RoutingWatch()
            watch.widened[number] = widened
            seen.begin(widened: !widened.isEmpty)
            _ = try run(
              states[index], upTo: number + 1, weights: changed, observe: { seen.see($0) }, routing: watch,
              isCancelled: isCancelled)
            guard comparesWithOriginal else {
              seen.end()
              continue
            }
            watch.given = watch.found
            _ = try run(
              plain[index], upTo: number + 1, weights: original, observe: { seen.compare($0) }, routing: watch,
              isCancelled: isCancelled)
            seen.end()
          }
        }
        try see(widened: [])
        if let mixture = block.mixture {
          let starved = seen.starved(among: mixture, tokens: states.reduce(0) { $0 + $1.tokens })
          if !starved.isEmpty {
            try see(widened: starved)
            seen.fillUp(mixture, starved, tokens: states.reduce(0) { $0 + $1.tokens })
          }
        }
        var done = Set<Int>()
        for linear in wanted where done.insert(linear.layer).inserted {
          if isCancelled() { throw InferenceError.cancelled }
          guard let products = seen.products(of: linear), let change = try choose(products) else { continue }
          changed = try changed.replacing(layer: linear.layer, by: change, bias: biases[linear.layer])
        }
      }
      for index in states.indices {
        states[index] = try run(states[index], upTo: number + 1, weights: changed, isCancelled: isCancelled)
        if comparesWithOriginal {
          plain[index] = try run(plain[index], upTo: number + 1, weights: original, isCancelled: isCancelled)
        }
      }
      progress(number + 1, blocks.count + 1)
    }
    if let head, let outputNorm, layers.contains(head.layer) {
      var products = InputProducts(layer: head.layer, columns: shape.hidden)
      for index in states.indices {
        let inputs = normalised(states[index], outputNorm, changed)
        if comparesWithOriginal {
          let before = normalised(plain[index], outputNorm, original)
          before.withUnsafeBufferPointer { before in
            inputs.withUnsafeBufferPointer { products.add($0, original: before) }
          }
        } else {
          inputs.withUnsafeBufferPointer { products.add($0) }
        }
      }
      if let change = try choose(products) {
        changed = try changed.replacing(layer: head.layer, by: change, bias: biases[head.layer])
      }
    }
    progress(blocks.count + 1, blocks.count + 1)
    return changed
  }

  /// Gates keep factors from moving on.
  public var neighbours: [Neighbours] { [] }

  public var correctableBiases: [Int: Int] {
    var readers: [Int: Set<Int>] = [:]
    for linear in linears { if let bias = linear.bias { readers[bias, default: []].insert(linear.layer) } }
    return readers.reduce(into: [:]) { if $1.value.count == 1, let layer = $1.value.first { $0[layer] = $1.key } }
  }

  /// Windows, or lines, that calibrate where nobody says.
  private static let (calibratingWindows, calibratingLines) = (128, 2048)

  /// What the head is given for each token.
  func normalised(_ state: Activations, _ norm: Norm, _ weights: TransformerWeights) -> [Float] {
    Kernels.filled(state.values.count) { target in
      state.values.withUnsafeBufferPointer { x in
        guard let x = x.baseAddress else { return }
        normalise(norm, weights, x, into: target, rows: state.tokens)
      }
    }
  }

  /// Texts that are run at a time: some thousand tokens.
  private static func chunks(_ texts: [[Int]]) -> [[[Int]]] {
    var chunks: [[[Int]]] = []
    var tokens = 0
    for text in texts {
      if chunks.isEmpty || tokens + text.count > 4 * batchTokens {
        chunks.append([])
        tokens = 0
      }
      chunks[chunks.count - 1].append(text)
      tokens += text.count
    }
    return chunks
  }

  /// The windows, or lines, of data that calibrate, evenly taken.
  func calibrationTexts(
    _ data: ScoredText, _ samples: Int?, _ weights: TransformerWeights, _ request: MeasurementRequest,
    _ isCancelled: @escaping () -> Bool
  ) throws -> [[Int]] {
    if shape.isCausal {
      return try data.windows.chosen(samples ?? .max, of: try data.tokens(of: self, weights, isCancelled: isCancelled))
    }
    let lines = data.texts.filter { !$0.isEmpty }
    let (count, longest) = (max(0, min(samples ?? .max, lines.count)), request.context ?? places ?? 512)
    return (0..<count).map { Array(lines[$0 * lines.count / count].prefix(longest)) }
  }
}
