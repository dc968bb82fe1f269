internal import Checkpoints

extension Operators {
  /// Windows to one number each: (N, C, spatial…) → (N, C, spatial…).
  static let pooling: [String: Network.Operator] = [
    "MaxPool": { call throws(InferenceError) in
      guard call.node.outputs.count < 2 || call.node.outputs[1].isEmpty else {
        throw call.fail("is asked for the places of its maxima, which Lathe does not make")
      }
      return try pool(call) { plane, window, oh, ow in
        var best = -Float.infinity
        // NaNs go on: they must not be hidden by a maximum.
        forEach(plane, window, oh, ow) { if !($0 <= best) { best = $0 } }
        return best
      }
    },
    "AveragePool": { call throws(InferenceError) in
      let countsPadding = call.int("count_include_pad") ?? 0 != 0
      return try pool(call) { plane, window, oh, ow in
        var sum: Float = 0
        var count = 0
        forEach(plane, window, oh, ow) {
          sum += $0
          count += 1
        }
        return sum / Float(countsPadding ? padded(call, window, oh, ow) : count)
      }
    },
    "GlobalAveragePool": { call throws(InferenceError) in
      try global(call) { $0.reduce(0, +) / Float($0.count) }
    },
    "GlobalMaxPool": { call throws(InferenceError) in try global(call) { $0.max() ?? -.infinity } },
  ]

  private static func pool(
    _ call: Call, _ number: (UnsafePointer<Float>, Window, Int, Int) -> Float
  ) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 3)
    guard let kernel = call.ints("kernel_shape") else { throw call.fail("has no kernel_shape") }
    let window = try Window(call, input: Array(shape[2...]), kernel: kernel)
    let output = Array(shape[..<2]) + window.outputShape
    try call.check(size: output)
    let pixels = window.input.height * window.input.width
    var result: [Float] = []
    result.reserveCapacity(Shape.product(output))
    x.withUnsafeBufferPointer { x in
      guard let start = x.baseAddress else { return }
      for plane in 0..<shape[0] * shape[1] {
        for oh in 0..<window.output.height {
          for ow in 0..<window.output.width { result.append(number(start + plane * pixels, window, oh, ow)) }
        }
      }
    }
    return [Value(output, result)]
  }

  /// Gives `body` the numbers of one window that lie inside the plane.
  @inline(__always)
  private static func forEach(
    _ plane: UnsafePointer<Float>, _ window: Window, _ oh: Int, _ ow: Int, _ body: (Float) -> Void
  ) {
    let top = oh * window.stride.height - window.padding.top
    let left = ow * window.stride.width - window.padding.left
    for kh in Window.inside(top, window.kernel.height, window.dilation.height, window.input.height) {
      let row = plane + (top + kh * window.dilation.height) * window.input.width
      for kw in Window.inside(left, window.kernel.width, window.dilation.width, window.input.width) {
        body(row[left + kw * window.dilation.width])
      }
    }
  }

  /// The numbers of one window with the padding's zeros; what lies beyond the padding (ceil_mode) is not counted.
  private static func padded(_ call: Call, _ window: Window, _ oh: Int, _ ow: Int) -> Int {
    let pads = call.ints("pads") ?? []
    let (bottom, right) =
      switch pads.count {
      case 2: (0, pads[1])
      case 4: (pads[2], pads[3])
      default: (window.kernel.height, window.kernel.width)
      }
    let rows = Window.inside(
      oh * window.stride.height, window.kernel.height, window.dilation.height,
      window.padding.top + window.input.height + bottom)
    let columns = Window.inside(
      ow * window.stride.width, window.kernel.width, window.dilation.width,
      window.padding.left + window.input.width + right)
    return rows.count * columns.count
  }

  private static func global(_ call: Call, _ number: (Slice<UnsafeBufferPointer<Float>>) -> Float)
    throws(InferenceError) -> [Value]
  {
    let (shape, x) = try call.floats(0, rank: 3)
    let pixels = Shape.product(shape[2...])
    guard pixels > 0 else { throw call.fail("has an empty input of shape \(shape)") }
    let result = x.withUnsafeBufferPointer { x in
      (0..<shape[0] * shape[1]).map { number(x[($0 * pixels)..<(($0 + 1) * pixels)]) }
    }
    return [Value(Array(shape[..<2]) + shape[2...].map { _ in 1 }, result)]
  }
}
