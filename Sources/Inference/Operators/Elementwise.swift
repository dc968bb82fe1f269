#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// One number in, one number out.
  static let elementwise: [String: Network.Operator] = [
    // Every network's favourite: without a call for each number. NaNs go on, as they do elsewhere.
    "Relu": { call throws(InferenceError) in
      let (shape, elements) = try call.floats(0)
      return [Value(shape, elements.map { $0 < 0 ? 0 : $0 })]
    },
    "LeakyRelu": map { call in
      let slope = call.float("alpha") ?? 0.01
      return { $0 < 0 ? slope * $0 : $0 }
    },
    "Elu": map { call in
      let alpha = call.float("alpha") ?? 1
      return { $0 < 0 ? alpha * expm1f($0) : $0 }
    },
    "HardSigmoid": map { call in
      let (alpha, beta) = (call.float("alpha") ?? 0.2, call.float("beta") ?? 0.5)
      return { max(0, min(1, alpha * $0 + beta)) }
    },
    "HardSwish": map { _ in { $0 * max(0, min(1, $0 / 6 + 0.5)) } },
    "Sigmoid": map { _ in sigmoid },
    "Tanh": map { _ in { tanhf($0) } },
    "Softplus": map { _ in { max($0, 0) + log1pf(expf(-abs($0))) } },
    "Erf": map { _ in { erff($0) } },
    "Gelu": map { call in
      if call.string("approximate") == "tanh" {
        return { 0.5 * $0 * (1 + tanhf(0.797_884_56 * ($0 + 0.044_715 * $0 * $0 * $0))) }
      }
      return { 0.5 * $0 * (1 + erff($0 * Float(0.5).squareRoot())) }
    },
    "Exp": map { _ in { expf($0) } },
    "Log": map { _ in { logf($0) } },
    "Sqrt": map { _ in { $0.squareRoot() } },
    "Reciprocal": map { _ in { 1 / $0 } },
    "Abs": map { _ in { abs($0) } },
    "Neg": { call throws(InferenceError) in
      let value = try call.value(0)
      switch value.elements {
      case .floats(let floats): return [Value(value.shape, floats.map { -$0 })]
      case .integers(let integers): return [Value(value.shape, integers: integers.map { 0 &- $0 })]
      }
    },
    "Floor": map { _ in { $0.rounded(.down) } },
    "Ceil": map { _ in { $0.rounded(.up) } },
    "Clip": { call throws(InferenceError) in try clip(call) },
    "Cast": { call throws(InferenceError) in try cast(call) },
    "Identity": { call throws(InferenceError) in [try call.value(0)] },
    "Dropout": { call throws(InferenceError) in
      if try call.optional(2).map({ _ throws(InferenceError) in try call.integers(2) })?.contains(1) == true {
        throw call.fail("is in training mode; Lathe runs inference")
      }
      // Inference keeps everything; the mask, where asked for, says so.
      let value = try call.value(0)
      return [value, Value(value.shape, integers: .init(repeating: 1, count: value.count))]
    },
  ]

  /// An operator that applies the function that `make` gives for a call's attributes to each Float.
  private static func map(_ make: @escaping @Sendable (Call) -> (Float) -> Float) -> Network.Operator {
    { call throws(InferenceError) in
      let (shape, elements) = try call.floats(0)
      let function = make(call)
      return [Value(shape, elements.map(function))]
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
    func bound(_ index: Int, _ name: String) throws(InferenceError) -> Float? {
      guard call.optional(index) != nil else { return call.float(name) }
      return try call.vector(index, count: 1)[0]
    }
    let (shape, elements) = try call.floats(0)
    let low = try bound(1, "min") ?? -.infinity
    let high = try bound(2, "max") ?? .infinity
    return [Value(shape, elements.map { min(max($0, low), high) })]
  }

  /// To floating point (kept as Float, rounded to the type's precision), to integers by truncation, to booleans.
  private static func cast(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    // TensorProto.DataType: 1 float, 10 half, 11 double, 16 bfloat; 9 bool; the integers.
    switch call.int("to") ?? 0 {
    case let type where [1, 10, 11, 16].contains(type):
      let floats = value.floats ?? value.integers.map { $0.map { Float($0) } } ?? []
      return [Value(value.shape, type == 10 ? floats.map(half) : type == 16 ? floats.map(bfloat) : floats)]
    case 9:
      switch value.elements {
      case .floats(let floats): return [Value(value.shape, integers: floats.map { $0 == 0 ? 0 : 1 })]
      case .integers(let integers): return [Value(value.shape, integers: integers.map { $0 == 0 ? 0 : 1 })]
      }
    case 2...7, 12, 13:
      guard let floats = value.floats else { return [value] }
      // What does not fit is undefined in ONNX; it must not trap here.
      return [Value(value.shape, integers: floats.map { Int64(exactly: $0.rounded(.towardZero)) ?? 0 })]
    case let type: throw call.fail("casts to ONNX type \(type), which Lathe cannot run")
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
