internal import CKernels
internal import Numerics

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Axes reduced to one number each.
  static let reductions: Table = [
    "ReduceMean": { call throws(InferenceError) in
      // The mean of nothing is undefined in ONNX; onnxruntime says 0.
      try reduce(
        call, { $0.isEmpty ? 0 : sum($0) / Float($0.count) }, { $0.isEmpty ? 0 : $0.reduce(0, &+) / Int64($0.count) })
    },
    "ReduceSum": { call throws(InferenceError) in try reduce(call, { sum($0) }, { $0.reduce(0, &+) }) },
    "ReduceProd": { call throws(InferenceError) in try reduce(call, { $0.reduce(1, *) }, { $0.reduce(1, &*) }) },
    "ReduceMax": { call throws(InferenceError) in
      try reduce(
        call, { row in row.reduce(-.infinity) { $0.isNaN || $0 > $1 ? $0 : $1 } }, { $0.max() ?? .min },
        ofNone: \.lowerBound)
    },
    "ReduceMin": { call throws(InferenceError) in
      try reduce(
        call, { row in row.reduce(.infinity) { $0.isNaN || $0 < $1 ? $0 : $1 } }, { $0.min() ?? .max },
        ofNone: \.upperBound)
    },
    "ReduceL1": { call throws(InferenceError) in
      try reduce(
        call, { row in row.reduce(0) { $0 + abs($1) } }, { row in row.reduce(0) { $0 &+ ($1 < 0 ? 0 &- $1 : $1) } })
    },
    "ReduceL2": { call throws(InferenceError) in
      try reduce(
        call, { row in row.reduce(0) { $0 + $1 * $1 }.squareRoot() },
        { row in Int64(saturating: row.reduce(0) { $0 + Float($1) * Float($1) }.squareRoot()) })
    },
    "ReduceSumSquare": { call throws(InferenceError) in
      try reduce(call, { row in row.reduce(0) { $0 + $1 * $1 } }, { row in row.reduce(0) { $0 &+ $1 &* $1 } })
    },
    "ReduceLogSum": { call throws(InferenceError) in try reduce(call, { logf($0.reduce(0, +)) }, nil) },
    "ReduceLogSumExp": { call throws(InferenceError) in
      try reduce(
        call,
        { row in
          // The largest number taken off first, so that nothing overflows.
          let largest = row.max() ?? -.infinity
          guard largest.isFinite else { return largest }
          return logf(row.reduce(0) { $0 + expf($1 - largest) }) + largest
        }, nil)
    },
  ]

  private static func sum(_ row: ArraySlice<Float>) -> Float {
    row.withUnsafeBufferPointer { $0.isEmpty ? 0 : lathe_sum($0.baseAddress!, $0.count) }
  }

  /// The axes are an attribute in older operator sets, an input in newer ones; none means all.
  @inline(__always)
  private static func reduce(
    _ call: Call, _ float: (ArraySlice<Float>) -> Float, _ integer: ((ArraySlice<Int64>) -> Int64)?,
    ofNone: KeyPath<ClosedRange<Int64>, Int64>? = nil
  ) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let shape = value.shape
    let given = try call.ints("axes", orInput: 1) ?? []
    if given.isEmpty, call.flag("noop_with_empty_axes") { return [value] }
    let axes = given.isEmpty ? Array(shape.indices) : try call.axes(given, of: shape.count)
    try call.check(size: shape, bytes: 8)
    let kept = shape.indices.filter { !axes.contains($0) }
    // The reduced axes last, so that each result's numbers lie together.
    let order = kept + axes.sorted()
    let strides = Shape.strides(shape)
    let isInOrder = order == Array(shape.indices)
    let width = Shape.product(axes.map { shape[$0] })
    let results = Shape.product(kept.map { shape[$0] })
    let keepsAxes = call.int("keepdims") ?? 1 != 0
    let small = keepsAxes ? shape.indices.map { axes.contains($0) ? 1 : shape[$0] } : kept.map { shape[$0] }
    func turned<Element>(_ x: [Element]) -> [Element] {
      isInOrder ? x : Shape.gather(x, order.map { shape[$0] }, strides: order.map { strides[$0] })
    }
    switch value.elements {
    case .floats(let floats):
      let x = turned(floats)
      return [Value(small, (0..<results).map { float(x[$0 * width..<($0 + 1) * width]) }, type: value.type)]
    case .integers(let integers):
      guard let integer else { throw call.fail("has integers; floating-point numbers expected") }
      // Of no numbers: the bound of the type, not of all integers.
      if width == 0, let ofNone {
        let bound = value.type.integerRange[keyPath: ofNone]
        return [Value(small, integers: .init(repeating: bound, count: results), type: value.type)]
      }
      let x = turned(integers)
      return [.wrapping(small, (0..<results).map { integer(x[$0 * width..<($0 + 1) * width]) }, value.type)]
    }
  }
}
