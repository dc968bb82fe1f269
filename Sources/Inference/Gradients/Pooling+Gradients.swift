extension Operators {
  static let poolingGradients: GradientTable = [
    // The gradient goes to the first of the largest numbers.
    "MaxPool": { back throws(InferenceError) in
      try pooled(back) { plane, window, place, g, target in
        var best = -Float.infinity
        var at = -1
        forEach(plane, window, place) { number, offset in
          if at < 0 || number > best { (best, at) = (number, offset) }
        }
        if at >= 0 { target[at] += g }
      }
    },
    "AveragePool": { back throws(InferenceError) in
      let countsPadding = back.call.flag("count_include_pad")
      return try pooled(back) { plane, window, place, g, target in
        var count = 0
        forEach(plane, window, place) { _, _ in count += 1 }
        let share = g / Float(countsPadding ? padded(window, place) : max(1, count))
        forEach(plane, window, place) { _, offset in target[offset] += share }
      }
    },
    "GlobalAveragePool": { back throws(InferenceError) in
      let (shape, g) = (try back.call.value(0).shape, try back.gradient())
      let pixels = Shape.product(shape.dropFirst(2))
      let shares = g.map { $0 / Float(max(1, pixels)) }
      return [Value(shape, Broadcasting.spread(shares, [g.count, 1], to: [g.count, pixels]))]
    },
    // The largest numbers share the gradient.
    "GlobalMaxPool": { back throws(InferenceError) in
      let (shape, x) = try back.call.floats(0, rank: 3)
      let (y, g) = (try back.output(0), try back.gradient())
      let pixels = Shape.product(shape[2...])
      var result = [Float](repeating: 0, count: x.count)
      for plane in g.indices {
        let places = (plane * pixels..<(plane + 1) * pixels).filter { x[$0] == y[plane] }
        for place in places { result[place] = g[plane] / Float(places.count) }
      }
      return [Value(shape, result)]
    },
  ]

  /// Gives `spread` each window with its gradient, and the plane that takes its shares.
  @inline(__always)
  private static func pooled(
    _ back: BackwardCall,
    _ spread: (UnsafePointer<Float>, Window, PoolingPlace, Float, UnsafeMutablePointer<Float>) -> Void
  ) throws(InferenceError) -> [Value?] {
    let (shape, x) = try back.call.floats(0, rank: 3)
    let (window, output) = try window(back.call, shape)
    let g = try back.gradient()
    guard g.count == Shape.product(output) else { throw back.call.fail("has a gradient of \(g.count) numbers") }
    let pixels = window.input.product
    var result = [Float](repeating: 0, count: x.count)
    x.withUnsafeBufferPointer { x in
      result.withUnsafeMutableBufferPointer { result in
        guard let source = x.baseAddress, let target = result.baseAddress else { return }
        var number = 0
        for plane in 0..<shape[0] * shape[1] where !back.call.budget.isCancelled {
          for od in 0..<window.output.depth {
            for oh in 0..<window.output.height {
              for ow in 0..<window.output.width {
                spread(source + plane * pixels, window, (od, oh, ow), g[number], target + plane * pixels)
                number += 1
              }
            }
          }
        }
      }
    }
    try back.call.pause()
    return [Value(shape, result)]
  }
}
