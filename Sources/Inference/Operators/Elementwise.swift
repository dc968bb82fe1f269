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
  /// One number in, one number out.
  static let elementwise: Table = [
    // Every network's favourite: without a call for each number. NaNs go on, as they do elsewhere.
    "Relu": { call throws(InferenceError) in
      let value = try call.value(0)
      try call.check(size: value.shape, bytes: 8)
      switch value.elements {
      case .floats(let floats):
        return [Value(value.shape, Kernels.scaled(floats, low: 0, high: .infinity), type: value.type)]
      case .integers(let integers):
        return [Value(value.shape, integers: integers.map { max(0, $0) }, type: value.type)]
      }
    },
    "LeakyRelu": map { call in
      let slope = call.float("alpha") ?? 0.01
      return { $0 < 0 ? slope * $0 : $0 }
    },
    "Elu": map { call in
      let alpha = call.float("alpha") ?? 1
      return { $0 < 0 ? alpha * expm1f($0) : $0 }
    },
    "HardSigmoid": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      let (alpha, beta) = (call.float("alpha") ?? 0.2, call.float("beta") ?? 0.5)
      return [Value(shape, Kernels.scaled(x, gain: alpha, offset: beta, low: 0, high: 1))]
    },
    "HardSwish": kernel(LATHE_HARD_SWISH),
    "Sigmoid": kernel(LATHE_SIGMOID),
    "Tanh": kernel(LATHE_TANH),
    "Softplus": map { _ in { max($0, 0) + log1pf(expf(-abs($0))) } },
    "Erf": kernel(LATHE_ERF),
    "Gelu": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      return [Value(shape, Kernels.map(call.string("approximate") == "tanh" ? LATHE_GELU_TANH : LATHE_GELU, x))]
    },
    "Exp": kernel(LATHE_EXP),
    "Log": map { _ in { logf($0) } },
    "Sqrt": map { _ in { $0.squareRoot() } },
    "Reciprocal": map { _ in { 1 / $0 } },
    "Neg": exact({ -$0 }, { 0 &- $0 }),
    "Abs": exact({ abs($0) }, { $0 < 0 ? 0 &- $0 : $0 }),
    "Sign": exact({ $0.isNaN ? $0 : $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { $0.signum() }),
    "Floor": exact({ $0.rounded(.down) }, { $0 }),
    "Ceil": exact({ $0.rounded(.up) }, { $0 }),
    "Round": exact({ $0.rounded(.toNearestOrEven) }, { $0 }),
    "BitwiseNot": { call throws(InferenceError) in
      let value = try call.value(0)
      guard let integers = value.integers else { throw call.fail("has floating-point numbers; integers expected") }
      return [.wrapping(value.shape, integers.map { ~$0 }, value.type)]
    },
    "Sin": map { _ in { sinf($0) } },
    "Cos": map { _ in { cosf($0) } },
    "Tan": map { _ in { tanf($0) } },
    "Asin": map { _ in { asinf($0) } },
    "Acos": map { _ in { acosf($0) } },
    "Atan": map { _ in { atanf($0) } },
    "Sinh": map { _ in { sinhf($0) } },
    "Cosh": map { _ in { coshf($0) } },
    "Asinh": map { _ in { asinhf($0) } },
    "Acosh": map { _ in { acoshf($0) } },
    "Atanh": map { _ in { atanhf($0) } },
    "Softsign": map { _ in { $0 / (1 + abs($0)) } },
    "Mish": map { _ in { $0 * tanhf(max($0, 0) + log1pf(expf(-abs($0)))) } },
    "Swish": map { call in
      let alpha = call.float("alpha") ?? 1
      return { $0 * sigmoid(alpha * $0) }
    },
    "Selu": map { call in
      let (alpha, gamma) = (call.float("alpha") ?? 1.673_263_2, call.float("gamma") ?? 1.050_701)
      return { gamma * ($0 > 0 ? $0 : alpha * expm1f($0)) }
    },
    "Celu": map { call in
      let alpha = call.float("alpha") ?? 1
      return { max(0, $0) + min(0, alpha * expm1f($0 / alpha)) }
    },
    "ThresholdedRelu": map { call in
      let alpha = call.float("alpha") ?? 1
      return { $0 > alpha ? $0 : 0 }
    },
    "Shrink": { call throws(InferenceError) in
      let (bias, lambda) = (call.float("bias") ?? 0, call.float("lambd") ?? 0.5)
      let value = try call.value(0)
      func shrunk(_ x: Float) -> Float { x < -lambda ? x + bias : x > lambda ? x - bias : 0 }
      switch value.elements {
      case .floats(let floats): return [Value(value.shape, floats.map(shrunk))]
      case .integers(let integers):
        return [.wrapping(value.shape, integers.map { Int64(saturating: shrunk(Float($0))) }, value.type)]
      }
    },
    "IsNaN": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      return [Value(shape, integers: x.map { $0.isNaN ? 1 : 0 }, type: .bool)]
    },
    "IsInf": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      let (low, high) = (call.int("detect_negative") ?? 1 != 0, call.int("detect_positive") ?? 1 != 0)
      return [
        Value(shape, integers: x.map { $0 == .infinity && high || $0 == -.infinity && low ? 1 : 0 }, type: .bool)
      ]
    },
    "Clip": { call throws(InferenceError) in try clip(call) },
    "Cast": { call throws(InferenceError) in try cast(call) },
    "CastLike": { call throws(InferenceError) in [cast(try call.value(0), to: try call.value(1).type)] },
    "Identity": { call throws(InferenceError) in [try call.value(0)] },
    "Dropout": { call throws(InferenceError) in
      // In training mode with a ratio of 0 nothing is dropped either.
      if try call.integer(2) ?? 0 != 0, try call.scalar(1) ?? 0.5 != 0 {
        throw call.fail("is in training mode; Lathe runs inference")
      }
      // Inference keeps everything; the mask, where asked for, says so.
      let value = try call.value(0)
      return [value, Value(value.shape, integers: .init(repeating: 1, count: value.count), type: .bool)]
    },
  ]

  /// An operator that applies the function that `make` gives for a call's attributes to each Float.
  private static func map(_ make: @escaping @Sendable (Call) -> (Float) -> Float) -> Operator.Forward {
    { call throws(InferenceError) in
      let (shape, elements) = try call.floats(0)
      try call.check(size: shape)
      let function = make(call)
      return [Value(shape, elements.map(function), type: try call.value(0).type)]
    }
  }

  /// An operator that is one of the C kernels.
  private static func kernel(_ function: lathe_function) -> Operator.Forward {
    { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      try call.check(size: shape)
      return [Value(shape, Kernels.map(function, x), type: try call.value(0).type)]
    }
  }

  /// An operator of Floats and of integers.
  private static func exact(
    _ float: @escaping @Sendable (Float) -> Float, _ integer: @escaping @Sendable (Int64) -> Int64
  ) -> Operator.Forward {
    { call throws(InferenceError) in
      let value = try call.value(0)
      try call.check(size: value.shape, bytes: 8)
      switch value.elements {
      case .floats(let floats): return [Value(value.shape, floats.map(float), type: value.type)]
      case .integers(let integers): return [.wrapping(value.shape, integers.map(integer), value.type)]
      }
    }
  }

  /// 1 / (1 + e^−x), without overflow on either side.
  @Sendable static func sigmoid(_ x: Float) -> Float {
    if x >= 0 { return 1 / (1 + expf(-x)) }
    let e = expf(x)
    return e / (1 + e)
  }

  /// Bounds are inputs from operator set 11 on, attributes before.
  private static func clip(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    try call.check(size: value.shape, bytes: 8)
    switch value.elements {
    case .floats(let floats):
      let low = try call.scalar(1) ?? call.float("min") ?? -.infinity
      let high = try call.scalar(2) ?? call.float("max") ?? .infinity
      return [Value(value.shape, Kernels.scaled(floats, low: low, high: high), type: value.type)]
    case .integers(let integers):
      let low = Int64(try call.integer(1) ?? .min)
      let high = Int64(try call.integer(2) ?? .max)
      return [Value(value.shape, integers: integers.map { min(max($0, low), high) }, type: value.type)]
    }
  }

  private static func cast(_ call: Call) throws(InferenceError) -> [Value] {
    let number = call.int("to") ?? 0
    guard let type = ElementType(onnx: number) else {
      throw call.fail("casts to ONNX type \(number)\(number == 8 ? " (text)" : ""), which Lathe cannot run")
    }
    try call.check(size: try call.value(0).shape, bytes: 8)
    return [cast(try call.value(0), to: type)]
  }

  /// To floating point (kept as Float, rounded to the type's precision), to integers by truncation, to booleans.
  static func cast(_ value: Value, to type: ElementType) -> Value {
    if type.isFloatingPoint {
      let floats = value.asFloats
      let rounded = type == .f16 ? floats.map(half) : type == .bf16 ? floats.map(bfloat) : floats
      return Value(value.shape, rounded, type: type)
    }
    switch value.elements {
    case .floats(let floats) where type == .bool:
      return Value(value.shape, integers: floats.map { $0 == 0 ? 0 : 1 }, type: type)
    case .floats(let floats):
      // What does not fit is undefined in ONNX; it must not trap here.
      return .wrapping(value.shape, floats.map { Int64(saturating: $0.rounded(.towardZero)) }, type)
    case .integers(let integers): return .wrapping(value.shape, integers, type)
    }
  }

  /// The nearest number of half precision (binary16), ties to even.
  private static func half(_ x: Float) -> Float {
    guard x.isFinite else { return x }
    // Adding and taking off a power of two leaves as many bits as half precision has at this magnitude.
    let exponent = max(Int(x.exponent), -14)
    guard x != 0, exponent < 16 else { return x == 0 ? x : x < 0 ? -.infinity : .infinity }
    let anchor = Float(sign: x.sign, exponent: exponent + 13, significand: 1.5)
    let rounded = (x + anchor) - anchor
    return abs(rounded) > 65504 ? (x < 0 ? -.infinity : .infinity) : rounded
  }

  /// The nearest bfloat16, ties to even.
  private static func bfloat(_ x: Float) -> Float {
    guard x.isFinite else { return x }
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}

extension Int64 {
  /// The nearest Int64 to a whole number; 0 for what is no number.
  init(saturating number: Float) { self.init(saturating: Double(number)) }

  /// The nearest Int64 to a whole number; 0 for what is no number.
  init(saturating number: Double) {
    self = number.isNaN ? 0 : number >= 0x1p63 ? .max : number <= -0x1p63 ? .min : Int64(number)
  }
}
