extension Operators {
  /// Axes reduced to one number each.
  static let reductions: [String: Network.Operator] = [
    "ReduceMean": { call throws(InferenceError) in
      try reduce(call) { row in row.reduce(0, +) / Float(row.count) }
    },
    "ReduceSum": { call throws(InferenceError) in try reduce(call) { row in row.reduce(0, +) } },
    "ReduceMax": { call throws(InferenceError) in try reduce(call) { row in row.max() ?? -.infinity } },
    "ReduceMin": { call throws(InferenceError) in try reduce(call) { row in row.min() ?? .infinity } },
  ]

  /// The axes are an attribute in older operator sets, an input in newer ones; none means all.
  private static func reduce(
    _ call: Call, _ number: (ArraySlice<Float>) -> Float
  ) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0)
    let given = try call.ints("axes", orInput: 1) ?? []
    if given.isEmpty, call.int("noop_with_empty_axes") ?? 0 != 0 { return [try call.value(0)] }
    let axes = given.isEmpty ? Array(shape.indices) : try call.axes(given, of: shape.count)
    let kept = shape.indices.filter { !axes.contains($0) }
    // The reduced axes last, so that each result's numbers lie together.
    let order = kept + axes.sorted()
    let strides = Shape.strides(shape)
    let turned = Shape.gather(x, order.map { shape[$0] }, strides: order.map { strides[$0] })
    let width = Shape.product(axes.map { shape[$0] })
    let results = Shape.product(kept.map { shape[$0] })
    let reduced = (0..<results).map { number(turned[$0 * width..<($0 + 1) * width]) }
    let keepsAxes = call.int("keepdims") ?? 1 != 0
    return [
      Value(
        keepsAxes ? shape.indices.map { axes.contains($0) ? 1 : shape[$0] } : kept.map { shape[$0] }, reduced)
    ]
  }
}
