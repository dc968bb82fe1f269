internal import CKernels
internal import Numerics

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
  static let arithmetic: Table = [
    "Add": { call throws(InferenceError) in try combine(call, LATHE_ADD, &+) },
    "Sub": { call throws(InferenceError) in try combine(call, LATHE_SUB, &-) },
    "Mul": { call throws(InferenceError) in try combine(call, LATHE_MUL, &*) },
    "Div": { call throws(InferenceError) in
      try checkDivisors(call)
      // The quotient of the lowest integer and −1 wraps.
      return try combine(call, LATHE_DIV, { $0.dividedReportingOverflow(by: $1).partialValue })
    },
    "Mod": { call throws(InferenceError) in
      try checkDivisors(call)
      if call.flag("fmod") {
        return try combine(call, fmodf, { $0.remainderReportingOverflow(dividingBy: $1).partialValue })
      }
      // The remainder has the divisor's sign.
      return try combine(
        call,
        { x, y in
          let rest = fmodf(x, y)
          return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest
        },
        { x, y in
          let rest = x.remainderReportingOverflow(dividingBy: y).partialValue
          return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest
        })
    },
    "Pow": { call throws(InferenceError) in
      let (base, power) = (try call.value(0), try call.value(1))
      // The exponent may be of another type than the base, which is the result's.
      let floats = call.with([Value(base.shape, base.asFloats), Value(power.shape, power.asFloats)])
      if let x = base.floats, power.count == 1, power.shape.count <= base.shape.count {
        let exponent = power.asFloats[0]
        if exponent == 2 {
          return [Value(base.shape, Kernels.combine(LATHE_MUL, x, base.shape, x, base.shape, base.shape))]
        }
        if exponent == 0.5 { return [Value(base.shape, x.map { $0.squareRoot() })] }
      }
      if base.floats != nil { return try combine(floats, { $1 == 2 ? $0 * $0 : powf($0, $1) }, nil) }
      if power.integers?.allSatisfy({ $0 >= 0 }) == true { return try combine(call, nil, raise) }
      return [cast(try combine(floats, powf, nil)[0], to: base.type)]
    },
    "Min": { call throws(InferenceError) in try fold(call, { $0.isNaN || $0 < $1 ? $0 : $1 }, { min($0, $1) }) },
    "Max": { call throws(InferenceError) in try fold(call, { $0.isNaN || $0 > $1 ? $0 : $1 }, { max($0, $1) }) },
    "Sum": { call throws(InferenceError) in try fold(call, +, &+) },
    "Mean": { call throws(InferenceError) in
      let sum = try fold(call, +, &+)[0]
      guard let floats = sum.floats else { throw call.fail("has integers; floating-point numbers expected") }
      return [Value(sum.shape, floats.map { $0 / Float(call.inputs.count) })]
    },
    "PRelu": { call throws(InferenceError) in try combine(call, { $0 < 0 ? $0 * $1 : $0 }, { $0 < 0 ? $0 &* $1 : $0 })
    },
    "BitShift": { call throws(InferenceError) in
      let type = try call.value(0).type
      // Numbers of 64 bits without sign are kept by their bits.
      return call.string("direction") == "LEFT"
        ? try combine(call, nil, { (0..<64).contains($1) ? $0 << $1 : 0 })
        : try combine(
          call, nil,
          { x, places in
            guard (0..<64).contains(places) else { return 0 }
            return type == .u64 ? Int64(bitPattern: UInt64(bitPattern: x) >> UInt64(places)) : x >> places
          })
    },
    "BitwiseAnd": { call throws(InferenceError) in try combine(call, nil, &) },
    "BitwiseOr": { call throws(InferenceError) in try combine(call, nil, |) },
    "BitwiseXor": { call throws(InferenceError) in try combine(call, nil, ^) },
  ]

  private static func checkDivisors(_ call: Call) throws(InferenceError) {
    if try call.value(1).integers?.contains(0) == true { throw call.fail("divides by zero") }
  }

  /// base^power by squaring, wrapping round.
  @Sendable private static func raise(_ base: Int64, _ power: Int64) -> Int64 {
    var (result, square, rest) = (Int64(1), base, power)
    while rest > 0 {
      if rest & 1 == 1 { result &*= square }
      square &*= square
      rest >>= 1
    }
    return result
  }

  private static func fold(
    _ call: Call, _ float: @escaping (Float, Float) -> Float, _ integer: @escaping IntegerFunction
  ) throws(InferenceError) -> [Value] {
    var result = try call.value(0)
    for input in call.inputs.dropFirst() {
      let pair = call.with([result, input])
      result = try combine(pair, float, integer)[0]
    }
    return [result]
  }

  /// The four kinds of arithmetic: on Floats by the C kernel.
  private static func combine(
    _ call: Call, _ operation: lathe_operation, _ integer: @escaping IntegerFunction
  ) throws(InferenceError) -> [Value] {
    let (a, b) = (try call.value(0), try call.value(1))
    guard let x = a.floats, let y = b.floats, let shape = Shape.broadcast(a.shape, b.shape) else {
      return try combine(call, nil as ((Float, Float) -> Float)?, integer)
    }
    try call.check(size: shape)
    return [Value(shape, Kernels.combine(operation, x, a.shape, y, b.shape, shape), type: a.type)]
  }

  /// Applies a function of Floats, or of integers, to the first two inputs; `nil` where there is none.
  // Inlined, so that the function is too: the loop then runs at the speed of memory.
  @inline(__always)
  static func combine(
    _ call: Call, _ float: ((Float, Float) -> Float)?, _ integer: IntegerFunction?
  ) throws(InferenceError) -> [Value] {
    let (a, b) = (try call.value(0), try call.value(1))
    guard let shape = Shape.broadcast(a.shape, b.shape) else {
      throw call.fail("cannot combine shapes \(a.shape) and \(b.shape)")
    }
    try call.check(size: shape, bytes: 16)
    switch (a.elements, b.elements) {
    case (.floats(let x), .floats(let y)):
      guard let float else { throw call.fail("has floating-point numbers; integers expected") }
      return [Value(shape, zip(x, a.shape, y, b.shape, shape, float), type: a.type)]
    case (.integers(let x), .integers(let y)):
      guard let integer else { throw call.fail("has integers; floating-point numbers expected") }
      return [.wrapping(shape, zip(x, a.shape, y, b.shape, shape, integer), a.type)]
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
