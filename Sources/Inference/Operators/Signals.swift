internal import Numerics

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Fourier transforms, windows and mel filters: what comes before a network that listens.
  static let signals: Table = [
    "DFT": { call throws(InferenceError) in try transform(call) },
    "STFT": { call throws(InferenceError) in try shortTime(call) },
    "HannWindow": window([0.5, 0.5]),
    "HammingWindow": window([25.0 / 46, 21.0 / 46]),
    "BlackmanWindow": window([0.42, 0.5, 0.08]),
    "MelWeightMatrix": { call throws(InferenceError) in try melFilters(call) },
  ]

  /// Σ (−1)^k a_k cos(2πkn / N).
  private static func window(_ terms: [Double]) -> Operator.Forward {
    { call throws(InferenceError) in
      guard let size = try call.integer(0), size >= 0 else { throw call.fail("has no size") }
      try call.check(size: [size], bytes: 8)
      let isPeriodic = call.int("periodic") ?? 1 != 0
      let length = Double(isPeriodic ? size : max(1, size - 1))
      var numbers: [Float] = []
      numbers.reserveCapacity(size)
      for place in 0..<size {
        if place % 65536 == 0 { try call.pause() }
        numbers.append(
          Float(
            terms.enumerated().reduce(0.0) { sum, term in
              sum + (term.offset % 2 == 0 ? 1 : -1) * term.element * cos(2 * .pi * Double(term.offset * place) / length)
            }))
      }
      let type = call.int("output_datatype").flatMap { ElementType(onnx: $0) } ?? .f32
      return [cast(Value([size], numbers), to: type)]
    }
  }

  /// The discrete Fourier transform along an axis, numbers real or (real, imaginary) in the last axis: a product with
  /// the matrix of e^(∓2πijk / N).
  private static func transform(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 2)
    let isNew = call.operatorSet >= 20
    let axis = try call.axis(
      (isNew ? try call.integer(2) : nil) ?? call.int("axis") ?? (isNew ? -2 : 1), of: shape.count)
    guard let parts = shape.last, parts == 1 || parts == 2, axis != shape.count - 1 else {
      throw call.fail("has an input of shape \(shape) and the axis \(axis); 1 or 2 parts of a number last expected")
    }
    let length = try call.integer(1) ?? shape[axis]
    let isInverse = call.flag("inverse")
    let isHalf = call.flag("onesided")
    guard length > 0, length <= 1 << 14 else { throw call.fail("transforms \(length) numbers; 1 to 16,384 are run") }
    let bins = isHalf ? length / 2 + 1 : length
    var result = shape
    result[axis] = bins
    result[shape.count - 1] = 2
    try call.check(size: result, bytes: 8)
    try call.check(size: shape, bytes: 8)
    try call.check(size: [length * parts, bins * 2])
    // The transformed axis and the parts last; then every row is multiplied by the matrix.
    let step = Shape.product(shape[(axis + 1)...].dropLast())
    let outer = Shape.product(shape[..<axis])
    let taken = min(length, shape[axis])
    let rows = Shape.gather(
      x, [outer, step, taken, parts], strides: [shape[axis] * step * parts, parts, step * parts, 1])
    let matrix = fourier(length, rows: taken, bins: bins, parts: parts, isInverse: isInverse, window: nil)
    let product = try matMul(
      call.with([Value([outer * step, taken * parts], rows), Value([taken * parts, bins * 2], matrix)]))[0]
    let turned = Shape.gather(
      product.asFloats, [outer, bins, step, 2], strides: [step * bins * 2, 2, bins * 2, 1])
    return [Value(result, turned)]
  }

  /// (rows · parts, bins · 2): what each number adds to each bin of a transform of some length.
  private static func fourier(
    _ length: Int, rows: Int, bins: Int, parts: Int, isInverse: Bool, window: [Float]?
  ) -> [Float] {
    let (cosines, sines) = circle(length)
    var matrix = [Float](repeating: 0, count: rows * parts * bins * 2)
    for place in 0..<rows {
      let gain = (window?[place] ?? 1) * (isInverse ? 1 / Float(length) : 1)
      for bin in 0..<bins {
        let angle = place * bin % length
        let (c, s) = (cosines[angle] * gain, sines[angle] * (isInverse ? -gain : gain))
        for part in 0..<parts {
          let at = ((place * parts + part) * bins + bin) * 2
          (matrix[at], matrix[at + 1]) = part == 0 ? (c, -s) : (s, c)
        }
      }
    }
    return matrix
  }

  /// cos and sin of 2πk / n.
  private static func circle(_ n: Int) -> ([Float], [Float]) {
    let angles = (0..<n).map { 2 * Double.pi * Double($0) / Double(n) }
    return (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
  }

  /// Frames of a signal (batch, samples, 1 or 2), each times a window, transformed: (batch, frames, bins, 2), by
  /// matrix products.
  private static func shortTime(_ call: Call) throws(InferenceError) -> [Value] {
    let signal = try call.floats(0, rank: 2)
    let parts = signal.shape.count == 3 ? signal.shape[2] : 1
    guard let hop = try call.integer(1), (1...1 << 40).contains(hop), parts == 1 || parts == 2, signal.shape.count <= 3
    else {
      throw call.fail("has no frame step, or a signal of shape \(signal.shape)")
    }
    let window = call.optional(2) == nil ? nil : try call.floats(2).elements
    let length = try call.integer(3) ?? window?.count ?? 0
    let (batch, samples) = (signal.shape[0], signal.shape[1])
    guard length > 0, length <= 1 << 14, samples >= length, window.map({ $0.count == length }) ?? true else {
      throw call.fail("has frames of \(length) of \(samples) samples and a window of \(window?.count ?? 0)")
    }
    let isHalf = (call.int("onesided") ?? 1) != 0 && parts == 1
    let (bins, frames) = (isHalf ? length / 2 + 1 : length, 1 + (samples - length) / hop)
    try call.check(size: [batch, frames, bins, 2])
    try call.check(size: [batch, frames, length * parts])
    try call.check(size: [length * parts, bins * 2])
    let matrix = fourier(length, rows: length, bins: bins, parts: parts, isInverse: false, window: window)
    let taken = Shape.gather(
      signal.elements, [batch, frames, length * parts], strides: [samples * parts, hop * parts, 1])
    let product = try matMul(
      call.with([Value([batch * frames, length * parts], taken), Value([length * parts, bins * 2], matrix)]))[0]
    return [product.reshaped([batch, frames, bins, 2])]
  }

  /// Triangles over the bins of a spectrum, evenly spaced in mel: (bins, filters).
  private static func melFilters(_ call: Call) throws(InferenceError) -> [Value] {
    guard let filters = try call.integer(0), let length = try call.integer(1), let rate = try call.integer(2),
      let low = try call.scalar(3), let high = try call.scalar(4), filters > 0, length > 0, rate > 0, filters < 1 << 20,
      length < 1 << 24
    else { throw call.fail("lacks a number of filters, bins, a rate or edges") }
    let bins = length / 2 + 1
    try call.check(size: [bins, filters], bytes: 8)
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let (first, last) = (mel(Double(low)), mel(Double(high)))
    let step = (last - first) / Double(filters + 2)
    let edges = (0..<filters + 2).map { index in
      let hertz = 700 * (pow(10, (Double(index) * step + first) / 2595) - 1)
      return min(
        1 << 30, max(-1 << 30, Int(saturating: Float((Double(length + 1) * hertz / Double(rate)).rounded(.down)))))
    }
    var result = [Float](repeating: 0, count: bins * filters)
    for filter in 0..<filters {
      if filter % 256 == 0 { try call.pause() }
      let (left, middle, right) = (edges[filter], edges[filter + 1], edges[filter + 2])
      if left == middle {
        if (0..<bins).contains(middle) { result[middle * filters + filter] = 1 }
      } else {
        for bin in max(0, left)..<max(0, left, min(bins, middle + 1)) {
          result[bin * filters + filter] = Float(bin - left) / Float(middle - left)
        }
      }
      if right > middle {
        for bin in max(0, middle)..<max(0, middle, min(bins, right)) {
          result[bin * filters + filter] = Float(right - bin) / Float(right - middle)
        }
      }
    }
    let type = call.int("output_datatype").flatMap { ElementType(onnx: $0) } ?? .f32
    return [cast(Value([bins, filters], result), to: type)]
  }
}
