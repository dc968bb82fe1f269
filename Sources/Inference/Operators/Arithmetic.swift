#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

typealias IntegerFunction = (Int64, Int64) -> Int64

extension Operators {
  /// Two arrays in, broadcast to each other (NumPy's rule).
  static let arithmetic: [String: Network.Operator] = [
    "Add": { call throws(InferenceError) in try combine(call, +, &+) },
    "Sub": { call throws(InferenceError) in try combine(call, -, &-) },
    "Mul": { call throws(InferenceError) in try combine(call, *, &*) },
    "Div": { call throws(InferenceError) in
      if let divisors = try call.value(1).integers, divisors.contains(0) {
        throw call.fail("divides by zero")
      }
      // The quotient of the lowest integer and −1 wraps.
      return try combine(call, /, { $0.dividedReportingOverflow(by: $1).partialValue })
    },
    "Pow": { call throws(InferenceError) in
      let base = try call.value(0)
      let power = try call.value(1)
      // The exponent may be of another type than the base.
      guard base.floats != nil, let integers = power.integers else { return try combine(call, powf, nil) }
      let inputs = [base, Value(power.shape, integers.map { Float($0) })]
      return try combine(Call(node: call.node, inputs: inputs, operatorSet: call.operatorSet), powf, nil)
    },
    "Min": { call throws(InferenceError) in try fold(call, { Swift.min($0, $1) }, { Swift.min($0, $1) }) },
    "Max": { call throws(InferenceError) in try fold(call, { Swift.max($0, $1) }, { Swift.max($0, $1) }) },
    "Sum": { call throws(InferenceError) in try fold(call, +, &+) },
    "PRelu": { call throws(InferenceError) in try combine(call, { $0 < 0 ? $0 * $1 : $0 }, nil) },
  ]

  private static func fold(
    _ call: Call, _ float: (Float, Float) -> Float, _ integer: @escaping IntegerFunction
  ) throws(InferenceError) -> [Value] {
    var result = try call.value(0)
    for input in call.inputs.dropFirst() {
      let pair = Call(node: call.node, inputs: [result, input], operatorSet: call.operatorSet)
      result = try combine(pair, float, integer)[0]
    }
    return [result]
  }

  /// Applies a function of Floats, or of integers where it has one, to the first two inputs.
  // Inlined, so that the function is too: the loop then runs at the speed of memory.
  @inline(__always)
  static func combine(
    _ call: Call, _ float: (Float, Float) -> Float, _ integer: IntegerFunction?
  ) throws(InferenceError) -> [Value] {
    let (a, b) = (try call.value(0), try call.value(1))
    guard let shape = Shape.broadcast(a.shape, b.shape) else {
      throw call.fail("cannot combine shapes \(a.shape) and \(b.shape)")
    }
    try call.check(size: shape)
    switch (a.elements, b.elements) {
    case (.floats(let x), .floats(let y)): return [Value(shape, zip(x, a.shape, y, b.shape, shape, float))]
    case (.integers(let x), .integers(let y)):
      guard let integer else { throw call.fail("has integers; floating-point numbers expected") }
      return [Value(shape, integers: zip(x, a.shape, y, b.shape, shape, integer))]
    default: throw call.fail("mixes floating-point numbers and integers")
    }
  }

  @inline(__always)
  private static func zip<Element>(
    _ x: [Element], _ xShape: [Int], _ y: [Element], _ yShape: [Int], _ shape: [Int],
    _ function: (Element, Element) -> Element
  ) -> [Element] {
    let count = Shape.product(shape)
    if x.count == count, y.count == 1 { return x.map { function($0, y[0]) } }
    // Each side in the result's shape: as it is, or with its repeats written out.
    let left =
      x.count == count ? x : Shape.gather(x, shape, strides: Shape.broadcastStrides(xShape, to: shape))
    let right =
      y.count == count ? y : Shape.gather(y, shape, strides: Shape.broadcastStrides(yShape, to: shape))
    return [Element](unsafeUninitializedCapacity: count) { result, initialised in
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          for index in 0..<count {
            result.initializeElement(at: index, to: function(left[index], right[index]))
          }
        }
      }
      initialised = count
    }
  }
}
