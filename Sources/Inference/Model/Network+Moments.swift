internal import Checkpoints

extension Network {
  /// Of the convolutions and products that take a layer's weight: a row is a place that a filter is laid on, or what a
  /// matrix is multiplied by. Layers that other operators use have none.
  ///
  /// Costs a forward run, and as much again for what windows see. Samples are taken evenly, one at a time, all of them in
  /// batches; of a network of a fixed batch those that fill one.
  public func inputMoments(
    _ data: Dataset, samples: Int?, weights: Weights, _ request: MeasurementRequest, progress: (Int, Int) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws -> [InputMoments] {
    let uses = WeightUses(self)
    var places: [Int: [(layer: Int, input: Int)]] = [:]
    for (layer, numbers) in uses.values {
      for use in numbers.flatMap({ uses.uses[$0] ?? [] }) where use.input < 2 {
        guard let made = steps[use.step].outputs.first else { continue }
        places[made, default: []].append((layer, use.input))
      }
    }
    var found: [Int: InputMoments] = [:]
    var failure: InferenceError?
    let budget = RunBudget(limit: nil, isCancelled: isCancelled)
    let observe: (Step, [Value?]) -> Void = { step, inputs in
      guard failure == nil, let made = step.outputs.first else { return }
      for (layer, input) in places[made] ?? [] {
        guard let columns = checkpoint.layers[layer].matrix?.columns else { continue }
        let call = Call(node: step.node, inputs: inputs, operatorSet: operatorSet, filler: step.filler, budget: budget)
        do throws(InferenceError) {
          try call.eachInputRows(weight: input, columns: columns) { rows, _ in
            found[layer, default: InputMoments(layer: layer, columns: columns)].add(rows)
          }
        } catch { failure = error }
      }
    }
    let count = max(0, min(samples ?? data.count, data.count))
    let size = data.fixedBatch ?? (count == data.count ? 32 : 1)
    let batches = max(1, count / size + (data.fixedBatch == nil && count % size > 0 ? 1 : 0))
    for number in 0..<batches where count > 0 {
      let first = size == 1 ? number * data.count / count : number * size
      let batch = try data.batch(first..<min(data.count, first + size))
      _ = try run(
        batch, weights: weights, observe: observe, memory: request.options.memory, isCancelled: isCancelled)
      if let failure { throw failure }
      progress(number + 1, batches)
    }
    return found.values.sorted { $0.layer < $1.layer }
  }
}

extension Call {
  /// Gives `body` the rows that a weight's columns are multiplied by, and the part of the matrix's rows that they are for
  /// (a convolution's group): some at a time; none where the operator takes the weight in another way.
  ///
  /// - Parameters:
  ///   - weight: which input it is.
  ///   - columns: of the layer's matrix.
  func eachInputRows(
    weight: Int, columns: Int, _ body: (UnsafeBufferPointer<Float>, (index: Int, count: Int)) -> Void
  ) throws(InferenceError) {
    guard weight == 1, let x = try value(0).floats else { return }
    let shape = try value(0).shape
    switch node.operatorName {
    case "Conv": try eachWindow(x, shape, columns, body)
    case "ConvTranspose":
      // Each number meets every tap.
      let taps = columns / max(1, shape.count > 1 ? shape[1] : 1)
      guard shape.count > 2, taps * shape[1] == columns else { return }
      let pixels = Shape.product(shape[2...])
      for image in 0..<shape[0] {
        let turned = Shape.gather(
          x, [pixels, shape[1], taps], strides: [1, pixels, 0], offset: image * shape[1] * pixels)
        turned.withUnsafeBufferPointer { body($0, (0, 1)) }
      }
    case "Gemm" where int("transA") ?? 0 != 0:
      guard shape.count == 2, shape[0] == columns else { return }
      Shape.gather(x, [shape[1], shape[0]], strides: [1, shape[1]]).withUnsafeBufferPointer { body($0, (0, 1)) }
    case "Gemm", "MatMul", "MatMulNBits":
      guard shape.last == columns else { return }
      x.withUnsafeBufferPointer { body($0, (0, 1)) }
    default: return
    }
  }

  /// The windows of a convolution, image by image and group by group.
  private func eachWindow(
    _ x: [Float], _ shape: [Int], _ columns: Int, _ body: (UnsafeBufferPointer<Float>, (index: Int, count: Int)) -> Void
  ) throws(InferenceError) {
    let wShape = try value(1).shape
    let groups = int("group") ?? 1
    let (window, _) = try Convolution.place(self, shape, wShape, groups)
    let inGroup = shape[1] / groups
    guard inGroup * window.kernel.product == columns, !x.isEmpty else { return }
    let rowCount = window.output.depth * window.output.height
    let rowsAtOnce = max(1, min(rowCount, (1 << 18) / max(1, columns * window.output.width)))
    let scratch = Scratch(columns * rowsAtOnce * window.output.width)
    for number in 0..<shape[0] * groups {
      for first in stride(from: 0, to: rowCount, by: rowsAtOnce) {
        try pause()
        let rows = first..<min(rowCount, first + rowsAtOnce)
        let width = rows.count * window.output.width
        x.withUnsafeBufferPointer { x in
          guard let start = x.baseAddress else { return }
          window.unroll(
            start + number * inGroup * window.input.product, channels: inGroup, rows: rows, into: scratch.start)
        }
        let unrolled = Array(UnsafeBufferPointer(start: scratch.start, count: columns * width))
        Shape.gather(unrolled, [width, columns], strides: [1, width]).withUnsafeBufferPointer {
          body($0, (number % groups, groups))
        }
      }
    }
  }
}
