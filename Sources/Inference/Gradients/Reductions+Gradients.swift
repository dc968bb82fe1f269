#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Axes reduced to one number each: what each number gets of the result's gradient g, with x going in and y coming out.
  static let reductionGradients: GradientTable = [
    "ReduceSum": { back throws(InferenceError) in try reduced(back) { _, _, _ in 1 } },
    "ReduceMean": { back throws(InferenceError) in try reduced(back) { _, _, width in 1 / width } },
    "ReduceL1": { back throws(InferenceError) in try reduced(back) { x, _, _ in x > 0 ? 1 : x < 0 ? -1 : 0 } },
    "ReduceL2": { back throws(InferenceError) in try reduced(back) { x, y, _ in y > 0 ? x / y : 0 } },
    "ReduceSumSquare": { back throws(InferenceError) in try reduced(back) { x, _, _ in 2 * x } },
    "ReduceLogSum": { back throws(InferenceError) in try reduced(back) { _, y, _ in expf(-y) } },
    "ReduceLogSumExp": { back throws(InferenceError) in try reduced(back) { x, y, _ in expf(x - y) } },
    // Equal ones share.
    "ReduceMax": { back throws(InferenceError) in try extreme(back) },
    "ReduceMin": { back throws(InferenceError) in try extreme(back) },
  ]

  /// The input's shape and the result's with all axes kept.
  private static func shapes(_ back: BackwardCall) throws(InferenceError) -> (whole: [Int], kept: [Int]) {
    let call = back.call
    let shape = try call.value(0).shape
    let given = try call.ints("axes", orInput: 1) ?? []
    if given.isEmpty, call.flag("noop_with_empty_axes") { return (shape, shape) }
    let axes = given.isEmpty ? Array(shape.indices) : try call.axes(given, of: shape.count)
    return (shape, shape.indices.map { axes.contains($0) ? 1 : shape[$0] })
  }

  @inline(__always)
  private static func reduced(
    _ back: BackwardCall, _ slope: (_ x: Float, _ y: Float, _ width: Float) -> Float
  ) throws(InferenceError) -> [Value?] {
    let (whole, kept) = try shapes(back)
    let x = try back.call.floats(0).elements
    let g = Broadcasting.spread(try back.gradient(), kept, to: whole)
    if whole == kept, whole.isEmpty || back.call.flag("noop_with_empty_axes") { return [Value(whole, g)] }
    let y = Broadcasting.spread(try back.output(0), kept, to: whole)
    let width = Float(max(1, Shape.product(whole)) / max(1, Shape.product(kept)))
    return [Value(whole, x.indices.map { g[$0] * slope(x[$0], y[$0], width) })]
  }

  private static func extreme(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let (whole, kept) = try shapes(back)
    let x = try back.call.floats(0).elements
    let g = Broadcasting.spread(try back.gradient(), kept, to: whole)
    let y = Broadcasting.spread(try back.output(0), kept, to: whole)
    let isChosen: [Float] = x.indices.map { x[$0] == y[$0] ? 1 : 0 }
    let counts = Broadcasting.spread(Broadcasting.summed(isChosen, whole, to: kept).asFloats, kept, to: whole)
    return [Value(whole, x.indices.map { isChosen[$0] * g[$0] / max(1, counts[$0]) })]
  }
}
