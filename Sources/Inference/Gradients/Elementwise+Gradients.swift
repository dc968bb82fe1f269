internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  typealias GradientTable = [String: Operator.Backward]

  /// Functions of one number: the derivative at x, or from the result y. At a kink it is the one from the left, as in
  /// PyTorch: Relu'(0) = 0.
  static let elementwiseGradients: GradientTable = [
    "Relu": { back throws(InferenceError) in try back.scaled { x, _ in x > 0 ? 1 : 0 } },
    "LeakyRelu": { back throws(InferenceError) in
      let slope = back.call.float("alpha") ?? 0.01
      return try back.scaled { x, _ in x > 0 ? 1 : slope }
    },
    "Elu": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 1
      return try back.scaled { x, y in x < 0 ? y + alpha : 1 }
    },
    "Selu": { back throws(InferenceError) in
      let (alpha, gamma) = (back.call.float("alpha") ?? 1.673_263_2, back.call.float("gamma") ?? 1.050_701)
      return try back.scaled { x, y in x > 0 ? gamma : y + gamma * alpha }
    },
    "Celu": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 1
      return try back.scaled { x, _ in x > 0 ? 1 : expf(x / alpha) }
    },
    "HardSigmoid": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 0.2
      return try back.scaled { _, y in y > 0 && y < 1 ? alpha : 0 }
    },
    "HardSwish": { back throws(InferenceError) in
      try back.scaled { x, _ in x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5 }
    },
    "Sigmoid": { back throws(InferenceError) in try back.scaled { _, y in y * (1 - y) } },
    "Tanh": { back throws(InferenceError) in try back.scaled { _, y in 1 - y * y } },
    "Softplus": { back throws(InferenceError) in try back.scaled { x, _ in sigmoid(x) } },
    "Softsign": { back throws(InferenceError) in
      try back.scaled { x, _ in 1 / ((1 + abs(x)) * (1 + abs(x))) }
    },
    // 2/√π · e^(−x²)
    "Erf": { back throws(InferenceError) in try back.scaled { x, _ in 1.128_379_2 * expf(-x * x) } },
    "Gelu": { back throws(InferenceError) in
      try back.call.string("approximate") == "tanh"
        ? back.scaled { x, _ in geluTanhSlope(x) } : back.scaled { x, _ in geluSlope(x) }
    },
    "Mish": { back throws(InferenceError) in
      try back.scaled { x, _ in
        let t = tanhf(max(x, 0) + log1pf(expf(-abs(x))))
        return t + x * sigmoid(x) * (1 - t * t)
      }
    },
    "Swish": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 1
      return try back.scaled { x, _ in swishSlope(x, alpha) }
    },
    "ThresholdedRelu": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 1
      return try back.scaled { x, _ in x > alpha ? 1 : 0 }
    },
    "Shrink": { back throws(InferenceError) in
      let lambda = back.call.float("lambd") ?? 0.5
      return try back.scaled { x, _ in abs(x) > lambda ? 1 : 0 }
    },
    "Exp": { back throws(InferenceError) in try back.scaled { _, y in y } },
    "Log": { back throws(InferenceError) in try back.scaled { x, _ in 1 / x } },
    "Sqrt": { back throws(InferenceError) in try back.scaled { _, y in 0.5 / y } },
    "Reciprocal": { back throws(InferenceError) in try back.scaled { _, y in -y * y } },
    "Neg": { back throws(InferenceError) in try back.scaled { _, _ in -1 } },
    "Abs": { back throws(InferenceError) in try back.scaled { x, _ in x > 0 ? 1 : x < 0 ? -1 : 0 } },
    "Sin": { back throws(InferenceError) in try back.scaled { x, _ in cosf(x) } },
    "Cos": { back throws(InferenceError) in try back.scaled { x, _ in -sinf(x) } },
    "Tan": { back throws(InferenceError) in try back.scaled { _, y in 1 + y * y } },
    "Asin": { back throws(InferenceError) in try back.scaled { x, _ in 1 / (1 - x * x).squareRoot() } },
    "Acos": { back throws(InferenceError) in try back.scaled { x, _ in -1 / (1 - x * x).squareRoot() } },
    "Atan": { back throws(InferenceError) in try back.scaled { x, _ in 1 / (1 + x * x) } },
    "Sinh": { back throws(InferenceError) in try back.scaled { x, _ in coshf(x) } },
    "Cosh": { back throws(InferenceError) in try back.scaled { x, _ in sinhf(x) } },
    "Asinh": { back throws(InferenceError) in try back.scaled { x, _ in 1 / (x * x + 1).squareRoot() } },
    "Acosh": { back throws(InferenceError) in try back.scaled { x, _ in 1 / (x * x - 1).squareRoot() } },
    "Atanh": { back throws(InferenceError) in try back.scaled { x, _ in 1 / (1 - x * x) } },
    // Bounds let through what lies on them, as PyTorch's clamp.
    "Clip": { back throws(InferenceError) in
      let low = try back.call.scalar(1) ?? back.call.float("min") ?? -.infinity
      let high = try back.call.scalar(2) ?? back.call.float("max") ?? .infinity
      return try back.scaled { x, _ in x >= low && x <= high ? 1 : 0 }
    },
    "Cast": { back throws(InferenceError) in try through(back) },
    "CastLike": { back throws(InferenceError) in try through(back) },
    "Identity": { back throws(InferenceError) in try through(back) },
    "Dropout": { back throws(InferenceError) in try through(back) },
  ]

  /// The gradient as it is: what goes in comes out. Integers have none.
  private static func through(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    guard try back.call.value(0).floats != nil else { return [] }
    return [Value(try back.shape(), try back.gradient())]
  }

  /// Φ(x) + x φ(x).
  static func geluSlope(_ x: Float) -> Float {
    0.5 * (1 + erff(x * 0.707_106_77)) + x * 0.398_942_3 * expf(-0.5 * x * x)
  }

  /// The derivative of x/2 · (1 + tanh u), u = √(2/π) (x + 0.044715 x³).
  static func geluTanhSlope(_ x: Float) -> Float {
    let (c, a): (Float, Float) = (0.797_884_56, 0.044_715)
    let t = tanhf(c * (x + a * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * a * x * x)
  }

  /// The derivative of x · sigmoid(alpha x).
  static func swishSlope(_ x: Float, _ alpha: Float) -> Float {
    let s = sigmoid(alpha * x)
    return s + alpha * x * s * (1 - s)
  }
}
