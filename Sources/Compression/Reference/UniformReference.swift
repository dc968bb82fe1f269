import Numerics

/// The uniform schemes as their equations read, one number after another: what the kernels are tested against.
enum UniformReference {
  /// ŵ of one run of weights that shares a scale.
  static func reconstruct(
    _ weights: [Float], bits: Int, symmetry: Symmetry, scale type: ScaleType = .fp16, rounds: Rounding? = nil
  ) -> [Float] {
    let low = min(0, weights.min() ?? 0)
    let high = max(0, weights.max() ?? 0)
    let top = Float((1 << (bits - 1)) - 1)
    let levels = Float((1 << bits) - 1)
    if let rounds { return rounded(weights, low, high, top, levels, symmetry, type, rounds) }
    let scale: Float
    switch symmetry {
    case .symmetric: scale = rounded(max(-low, high) / top, to: type)
    case .symmetricFull: scale = rounded(max(-low, high) / (top + 0.5), to: type)
    case .symmetricSigned: scale = (high >= -low ? -1 : 1) * rounded(max(-low, high) / (top + 1), to: type)
    case .affine: scale = rounded((high - low) / levels, to: type)
    case .edge: return edge(weights, levels: levels, type)
    }
    guard scale != 0 else { return weights.map { _ in 0 } }
    let inverse = 1 / scale
    let zero = symmetry == .affine ? min(levels, (-low / scale).rounded(.toNearestOrEven)) : 0
    let least = symmetry == .affine ? -zero : symmetry == .symmetric ? -top : -top - 1
    let most = symmetry == .affine ? levels - zero : top
    return weights.map { w in scale * min(most, max(least, (w * inverse).rounded(.toNearestOrEven))) }
  }

  /// The same as tools have it that compute in the type of their weights, a step after the other.
  private static func rounded(
    _ weights: [Float], _ low: Float, _ high: Float, _ top: Float, _ levels: Float, _ symmetry: Symmetry,
    _ type: ScaleType, _ rounds: Rounding
  ) -> [Float] {
    // What leaves fp16 becomes infinite here: in the quotients of no weight of its own range.
    func t(_ number: Float) -> Float { type == .fp16 ? Float(Float16(number)) : rounded(number, to: .bf16) }
    let (most, span) = (max(-low, high), min(t(high - low), type == .fp16 ? 65504 : 0x1.fep127))
    var scale =
      switch symmetry {
      case .symmetric: rounded(most / top, to: type)
      case .symmetricFull: rounded(most / (top + 0.5), to: type)
      case .symmetricSigned: rounded(most / (top + 1), to: type)
      default: rounded(span / levels, to: type)
      }
    if rounds == .product, most > 0 { scale = max(scale, type == .fp16 ? 0x1p-14 : 0x1p-126) }
    guard scale >= 0x1p-126 else { return weights.map { _ in 0 } }
    if symmetry == .symmetricSigned, high >= -low { scale = -scale }
    var zero: Float = 0
    let start = symmetry == .symmetric ? -top : -top - 1
    if symmetry == .affine {
      let limit: Float = type == .fp16 ? 65504 : 0x1.fep127
      let found =
        switch rounds {
        case .product: t(low / scale).rounded(.toNearestOrEven)
        case .quotient: -t(min(limit, t(-low * levels)) / span).rounded(.toNearestOrEven)
        case .sum: start - t(start - t(low / scale)).rounded(.toNearestOrEven)
        }
      // Of codes from −2^(b−1) on.
      zero = min(top, max(start, start - found))
    }
    return weights.map { w in
      let code =
        switch rounds {
        case .product: t(w * t(1 / scale)).rounded(.toNearestOrEven) + zero
        case .quotient: t(w / scale).rounded(.toNearestOrEven) + zero
        case .sum: t(t(w / scale) + zero).rounded(.toNearestOrEven)
        }
      return scale * (min(top, max(start, code)) - zero)
    }
  }

  /// MLX's `quantize` of one group (mlx/backend/cpu/quantized.cpp), and what its `dequantize` makes of it.
  private static func edge(_ weights: [Float], levels: Float, _ type: ScaleType) -> [Float] {
    guard let low = weights.min(), let high = weights.max() else { return [] }
    let isLow = abs(low) > abs(high)
    var scale = max((high - low) / levels, 1e-7) * (isLow ? 1 : -1)
    let edge = isLow ? low : high
    let steps = (edge / scale).rounded(.toNearestOrEven)
    var bias: Float = 0
    if steps != 0 { (scale, bias) = (edge / steps, edge) }
    func stored(_ number: Float) -> Float { number < 0 ? -rounded(-number, to: type) : rounded(number, to: type) }
    return weights.map { w in
      let code = min(levels, max(0, ((w - stored(bias)) * (1 / scale)).rounded(.toNearestOrEven)))
      return stored(scale) * code + stored(bias)
    }
  }

  static func rounded(_ scale: Float, to type: ScaleType) -> Float {
    switch type {
    case .fp32: scale
    case .pow2:
      scale == 0 ? 0 : min(0x1p127, scale.significand == 1 ? scale : scale.binade * 2)
    case .fp16: Float(Float16(min(scale, 65504)))
    case .bf16:
      Float(bitPattern: (scale.bitPattern + 0x7fff + (scale.bitPattern >> 16 & 1)) & 0xffff_0000)
    }
  }

  /// Σ (w − ŵ)², each run of `run` weights with its own scale.
  static func squaredError(_ weights: [Float], run: Int, bits: Int, symmetry: Symmetry) -> Double {
    stride(from: 0, to: weights.count, by: run).reduce(0) { sum, start in
      let part = Array(weights[start..<min(weights.count, start + run)])
      return zip(part, reconstruct(part, bits: bits, symmetry: symmetry)).reduce(sum) {
        $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
      }
    }
  }
}
