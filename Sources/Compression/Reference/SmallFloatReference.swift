import Numerics

/// The small floats as their definitions read: what the kernels are tested against.
enum SmallFloatReference {
  /// The nearest number of the format; of two equally near the one whose code is even; beyond the greatest that one.
  static func nearest(_ x: Float, _ element: SmallFloatScheme.Element) -> Float {
    let numbers = element.numbers
    var above = 0
    var end = numbers.count
    while above < end {
      let middle = (above + end) / 2
      if numbers[middle] >= x { end = middle } else { above = middle + 1 }
    }
    guard above < numbers.count else { return element.greatest }
    guard above > 0, numbers[above] != x else { return numbers[above] }
    let (low, high) = (Double(numbers[above - 1]), Double(numbers[above]))
    let (down, up) = (Double(x) - low, high - Double(x))
    // Neighbours' codes are neighbours, counted from zero on both sides.
    let zero = numbers.count / 2
    let isUpEven = (above - zero) % 2 == 0
    return down < up || (down == up && !isUpEven) ? Float(low) : Float(high)
  }

  /// ŵ of weights under one scale.
  static func reconstruct(_ weights: [Float], _ element: SmallFloatScheme.Element, scale: Float) -> [Float] {
    weights.map { scale > 0 ? nearest($0 / scale, element) * scale : 0 }
  }

  static func scale(_ weights: [Float], _ element: SmallFloatScheme.Element) -> Float {
    let scale = (weights.map(abs).max() ?? 0) / element.greatest
    guard scale >= .leastNormalMagnitude else { return 0 }
    return (scale * element.greatest).isFinite ? scale : scale.nextDown
  }

  /// 2^(⌊log2 max|w|⌋ − ⌊log2 greatest⌋), or as another rule has it.
  static func sharedScale(
    _ weights: [Float], _ element: SmallFloatScheme.Element, _ rule: SmallFloatScheme.Exponent = .below
  ) -> Float {
    let most = weights.map(abs).max() ?? 0
    var exponent = most > 0 ? Int(most.exponent) - Int(element.greatest.exponent) : -127
    let places = Float(1 << (element == .e5m2 || element == .e3m2 ? 2 : element == .e2m1 ? 1 : 3))
    switch rule {
    case .below: break
    case .rounded:
      if most > 0, (most.significand * places).rounded(.toNearestOrAwayFromZero) == 2 * places { exponent += 1 }
    case .above: if most > 0, most.significand > element.greatest.significand { exponent += 1 }
    }
    return Float(sign: .plus, exponent: max(-127, min(127, exponent)), significand: 1)
  }

  /// The scales of NVFP4's groups of 16, that of the tensor within.
  static func nvidiaScales(_ weights: [Float]) -> [Float] {
    let tensor = (weights.map(abs).max() ?? 0) / (6 * 448)
    guard tensor >= .leastNormalMagnitude else { return [Float](repeating: 0, count: weights.count / 16) }
    return stride(from: 0, to: weights.count, by: 16).map { start in
      let most = weights[start..<start + 16].map(abs).max() ?? 0
      return nearest(most / 6 / tensor, .e4m3) * tensor
    }
  }
}
