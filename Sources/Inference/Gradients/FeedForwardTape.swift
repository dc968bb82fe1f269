internal import CKernels

/// A feed-forward part, or an expert, run on some rows with all that its way back needs.
struct FeedForwardTape {
  let part: FeedForward
  let rows: Int
  private let input: [Float]
  /// (rows, 1 or 2 · inner), (rows, inner), and (rows, hidden).
  private let inner: [Float]
  private let activated: [Float]
  let made: [Float]

  /// - Parameter input: (rows, hidden).
  init(_ tape: BlockTape, _ part: FeedForward, _ input: [Float], rows: Int) throws(InferenceError) {
    (self.part, self.input, self.rows) = (part, input, rows)
    let inner = try tape.product(part.up, input, rows: rows)
    let (width, kind) = (part.width, tape.shape.activation.kernel)
    let activated = Kernels.filled(rows * part.inner) { target in
      inner.withUnsafeBufferPointer { inner in
        guard let source = inner.baseAddress else { return }
        for row in 0..<rows {
          let gate = source + row * width
          lathe_activate(kind, gate, part.isGated ? gate + part.inner : nil, target + row * part.inner, part.inner)
        }
      }
    }
    made = try tape.product([part.down], activated, rows: rows)
    (self.inner, self.activated) = (inner, activated)
  }

  /// The gradient of the input from that of what was made, both (rows, hidden); those of the matrices go to `found`.
  ///
  /// - Parameter places: the run's rows, one of each of these.
  func back(
    _ tape: BlockTape, _ gradient: [Float], _ places: [Int], _ found: inout [LayerRows]
  ) throws(InferenceError) -> [Float] {
    found += LayerRows.of([part.down], places, activated, gradient)
    let up = slopes(try tape.back([part.down], gradient, rows: rows), tape.shape.activation)
    found += LayerRows.of(part.up, places, input, up)
    return try tape.back(part.up, up, rows: rows)
  }

  /// Through the activation: (rows, inner) → (rows, 1 or 2 · inner).
  private func slopes(_ gradient: [Float], _ kind: Hyperparameters.Activation) -> [Float] {
    let (inner, stride) = (part.inner, part.width)
    var plain = [Float](repeating: 0, count: inner)
    return Kernels.filled(rows * stride) { target in
      for row in 0..<rows {
        let (gate, up) = (row * stride, row * stride + inner)
        if part.isGated {
          self.inner.withUnsafeBufferPointer { numbers in
            if let start = numbers.baseAddress { lathe_activate(kind.kernel, start + gate, nil, &plain, inner) }
          }
        }
        for index in 0..<inner {
          let g = gradient[row * inner + index]
          let slope = g * kind.slope(self.inner[gate + index])
          target[gate + index] = part.isGated ? slope * self.inner[up + index] : slope
          if part.isGated { target[up + index] = g * plain[index] }
        }
      }
    }
  }
}

extension LayerRows {
  /// Of matrices that take the same x and whose gradients stand side by side, the last one first.
  static func of(_ linears: [Linear], _ rows: [Int], _ x: [Float], _ gradient: [Float]) -> [LayerRows] {
    let stride = linears.reduce(0) { $0 + $1.outputs }
    var column = stride
    return linears.reversed().map { linear in
      column -= linear.outputs
      return LayerRows(
        layer: linear.layer, outputs: linear.outputs, inputs: linear.inputs, rows: rows,
        content: .products(x: x, gradient: gradient, stride: stride, column: column), part: linear.part,
        parts: linear.parts)
    }
  }
}

extension Hyperparameters.Activation {
  /// The derivative.
  fileprivate func slope(_ x: Float) -> Float {
    switch self {
    case .silu: Operators.swishSlope(x, 1)
    case .gelu: Operators.geluSlope(x)
    case .geluTanh: Operators.geluTanhSlope(x)
    case .relu: x > 0 ? 1 : 0
    }
  }
}
