internal import CKernels

/// What a transformer's layer was given, token by token, and the gradients of what it made.
struct LayerRows: Sendable {
  let layer: Int
  let outputs: Int
  let inputs: Int
  /// The rows of the run's tokens, one of each of these; the texts' numbers for `.texts`.
  let rows: [Int]
  let content: Content
  /// Which of the layer's matrices it was, of how many: an expert's number in a stack.
  var part = 0
  var parts = 1

  /// Numbers of the layer's weight, and of its matrices before this one.
  var weightCount: Int { parts * outputs * inputs }
  private var offset: Int { part * outputs * inputs }

  enum Content: Sendable {
    /// y = W x: (rows, inputs), and the gradients, (rows, stride) from a column on.
    case products(x: [Float], gradient: [Float], stride: Int, column: Int)
    /// y = W's row `places[i]`: the gradients (rows, inputs).
    case lookups(places: [Int], gradient: [Float])
    /// y = W x whose gradients are too large to hold: (count, outputs) of some rows are made each time.
    case made(x: [Float], gradient: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) throws(InferenceError) -> Void)
    /// The weight's gradient a text, (outputs, inputs).
    case texts([[Float]])
  }

  /// Rows and outputs at a time.
  private static let (rowsAtOnce, outputsAtOnce) = (512, 1024)

  /// Gives `body` each row's ⟨g, Δ⟩, a part at a time.
  func eachProjection(onto delta: [Float], _ body: (_ row: Int, _ part: Double) -> Void) throws(InferenceError) {
    switch content {
    case .products(let x, let gradient, let stride, let column):
      for first in Swift.stride(from: 0, to: rows.count, by: Self.rowsAtOnce) {
        let part = first..<min(rows.count, first + Self.rowsAtOnce)
        gradient.withUnsafeBufferPointer { gradient in
          guard let start = gradient.baseAddress else { return }
          project(x, part, start + first * stride + column, stride, delta, body)
        }
      }
    case .made(let x, let gradient):
      let most = max(1, min(Self.rowsAtOnce, Transformer.logitsAtATime / max(1, outputs)))
      let made = Scratch(most * outputs)
      for first in Swift.stride(from: 0, to: rows.count, by: most) {
        let part = first..<min(rows.count, first + most)
        try gradient(part, made.start)
        project(x, part, made.start, outputs, delta, body)
      }
    case .lookups(let places, let gradient):
      for (index, place) in places.enumerated() {
        var sum = 0.0
        for column in 0..<inputs {
          sum += Double(gradient[index * inputs + column]) * Double(delta[place * inputs + column])
        }
        body(rows[index], sum)
      }
    case .texts(let gradients):
      for (index, gradient) in gradients.enumerated() {
        body(rows[index], zip(gradient, delta).reduce(0) { $0 + Double($1.0) * Double($1.1) })
      }
    }
  }

  /// ⟨δ, Δ x⟩ of some rows; `gradient` is the first one's.
  private func project(
    _ x: [Float], _ part: Range<Int>, _ gradient: UnsafePointer<Float>, _ stride: Int, _ delta: [Float],
    _ body: (Int, Double) -> Void
  ) {
    let width = min(outputs, Self.outputsAtOnce)
    let made = Scratch(part.count * width)
    x.withUnsafeBufferPointer { x in
      delta.withUnsafeBufferPointer { delta in
        guard let x = x.baseAddress, let delta = delta.baseAddress else { return }
        for first in Swift.stride(from: 0, to: outputs, by: width) {
          let count = min(width, outputs - first)
          BLAS.multiply(
            .init(start: x + part.lowerBound * inputs, stride: inputs),
            .init(start: delta + offset + first * inputs, stride: inputs, isTransposed: true), into: made.start,
            m: part.count,
            n: count, k: inputs, unless: { false })
          for index in 0..<part.count {
            let (g, y) = (gradient + index * stride + first, made.start + index * count)
            var sum = 0.0
            for column in 0..<count { sum += Double(g[column]) * Double(y[column]) }
            body(rows[part.lowerBound + index], sum)
          }
        }
      }
    }
  }

  /// Adds the weight's gradient, (outputs, inputs).
  func addGradient(to sum: inout [Float]) throws(InferenceError) {
    switch content {
    case .products(let x, let gradient, let stride, let column):
      gradient.withUnsafeBufferPointer { gradient in
        guard let start = gradient.baseAddress else { return }
        add(x, 0..<rows.count, start + column, stride, to: &sum)
      }
    case .made(let x, let gradient):
      let most = max(1, min(Self.rowsAtOnce, Transformer.logitsAtATime / max(1, outputs)))
      let made = Scratch(most * outputs)
      for first in Swift.stride(from: 0, to: rows.count, by: most) {
        let part = first..<min(rows.count, first + most)
        try gradient(part, made.start)
        add(x, part, made.start, outputs, to: &sum)
      }
    case .lookups(let places, let gradient):
      for (index, place) in places.enumerated() {
        for column in 0..<inputs { sum[place * inputs + column] += gradient[index * inputs + column] }
      }
    case .texts(let gradients):
      for gradient in gradients { for index in sum.indices { sum[index] += gradient[index] } }
    }
  }

  private func add(
    _ x: [Float], _ part: Range<Int>, _ gradient: UnsafePointer<Float>, _ stride: Int, to sum: inout [Float]
  ) {
    x.withUnsafeBufferPointer { x in
      sum.withUnsafeMutableBufferPointer { sum in
        guard let x = x.baseAddress, let sum = sum.baseAddress else { return }
        BLAS.multiply(
          .init(start: gradient, stride: stride, isTransposed: true),
          .init(start: x + part.lowerBound * inputs, stride: inputs), into: sum + offset, m: outputs, n: inputs,
          k: part.count,
          beta: 1, unless: { false })
      }
    }
  }
}
