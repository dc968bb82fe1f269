internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// With x̂ the normalised numbers, r = 1 / deviation and h = g · scale: ∂x = r (h − mean h − x̂ · mean h x̂), the first
  /// mean only where the mean was taken off (J. L. Ba et al., arXiv:1607.06450).
  static let normalisationGradients: GradientTable = [
    "BatchNormalization": { back throws(InferenceError) in try batchGradients(back) },
    "LayerNormalization": { back throws(InferenceError) in try rowGradients(back, isCentred: true) },
    "RMSNormalization": { back throws(InferenceError) in try rowGradients(back, isCentred: false) },
    "SimplifiedLayerNormalization": { back throws(InferenceError) in try rowGradients(back, isCentred: false) },
    "InstanceNormalization": { back throws(InferenceError) in
      try groupGradients(back, groups: try back.call.floats(0, rank: 3).shape[1], perChannel: true)
    },
    "GroupNormalization": { back throws(InferenceError) in
      try groupGradients(back, groups: back.call.int("num_groups") ?? 0, perChannel: back.call.operatorSet >= 21)
    },
    "LpNormalization": { back throws(InferenceError) in
      let (shape, x) = try back.call.floats(0, rank: 1)
      let axis = try back.call.axis(back.call.int("axis") ?? -1, of: shape.count)
      let p = back.call.int("p") ?? 2
      let (y, g) = (try back.output(0), try back.gradient())
      var result = g
      forEachRow(shape, axis) { row in
        let norm =
          p == 1 ? row.reduce(0) { $0 + abs(x[$1]) } : row.reduce(0) { $0 + x[$1] * x[$1] }.squareRoot()
        let dot = row.reduce(0) { $0 + g[$1] * y[$1] }
        for place in row {
          let own: Float = p == 1 ? (x[place] > 0 ? 1 : x[place] < 0 ? -1 : 0) : y[place]
          result[place] = (g[place] - own * dot) / norm
        }
      }
      return [Value(shape, result)]
    },
    "LRN": { back throws(InferenceError) in try localResponseGradient(back) },
    // y (g − g · y)
    "Softmax": { back throws(InferenceError) in
      let (y, g) = (try back.output(0), try back.gradient())
      return [
        try alongSoftmax(back) { row, result in
          let dot = row.reduce(0) { $0 + g[$1] * y[$1] }
          for place in row { result[place] = y[place] * (g[place] - dot) }
        }
      ]
    },
    // g − e^y Σ g
    "LogSoftmax": { back throws(InferenceError) in
      let (y, g) = (try back.output(0), try back.gradient())
      return [
        try alongSoftmax(back) { row, result in
          let sum = row.reduce(0) { $0 + g[$1] }
          for place in row { result[place] = g[place] - expf(y[place]) * sum }
        }
      ]
    },
  ]

  /// Gives `body` the places of each row along an axis.
  @inline(__always)
  private static func forEachRow(_ shape: [Int], _ axis: Int, _ body: (StrideTo<Int>) -> Void) {
    let (width, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    let count = Shape.product(shape)
    guard count > 0 else { return }
    for outer in stride(from: 0, to: count, by: width * step) {
      for inner in outer..<outer + step { body(stride(from: inner, to: inner + width * step, by: step)) }
    }
  }

  /// Before operator set 13 all axes from `axis` on (by default 1) counted as one.
  @inline(__always)
  private static func alongSoftmax(
    _ back: BackwardCall, _ body: (StrideTo<Int>, inout [Float]) -> Void
  ) throws(InferenceError) -> Value {
    let call = back.call
    let shape = try call.floats(0).shape
    let isOld = call.operatorSet < 13
    let axis = try call.axis(call.int("axis") ?? (isOld ? 1 : -1), of: max(1, shape.count), allowingEnd: isOld)
    let rows =
      isOld ? [Shape.product(shape.prefix(axis)), Shape.product(shape.dropFirst(axis))] : shape.isEmpty ? [1] : shape
    var result = [Float](repeating: 0, count: Shape.product(shape))
    forEachRow(rows, isOld || shape.isEmpty ? rows.count - 1 : axis) { body($0, &result) }
    return Value(shape, result)
  }

  /// In inference: a gain and an offset a channel.
  private static func batchGradients(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let call = back.call
    guard !call.flag("training_mode") else { throw call.fail("is in training mode: no gradient goes through it") }
    let (shape, x) = try call.floats(0, rank: 2)
    let channels = shape[1]
    let gains = try batchScales(call, channels: channels).gains
    let g = try back.gradient()
    let planes = [shape[0], channels, Shape.product(shape[2...])]
    var gradients: [Value?] = [nil, nil, nil, nil, nil]
    if back.wants(0) {
      gradients[0] = Value(shape, Kernels.combine(LATHE_MUL, g, planes, gains, [channels, 1], planes))
    }
    guard (1...4).contains(where: { back.wants($0) }) else { return gradients }
    let (scale, mean) = (try call.vector(1, count: channels), try call.vector(3, count: channels))
    let variance = try call.vector(4, count: channels)
    let epsilon = call.float("epsilon") ?? 1e-5
    let sums = Broadcasting.summed(g, planes, to: [channels, 1]).asFloats
    let products = Kernels.combine(LATHE_MUL, g, planes, x, planes, planes)
    let moments = Broadcasting.summed(products, planes, to: [channels, 1]).asFloats
    let centred = (0..<channels).map { moments[$0] - mean[$0] * sums[$0] }
    func vector(_ numbers: [Float]) -> Value { Value([channels], numbers) }
    gradients[1] = vector((0..<channels).map { centred[$0] / (variance[$0] + epsilon).squareRoot() })
    gradients[2] = vector(sums)
    gradients[3] = vector((0..<channels).map { -gains[$0] * sums[$0] })
    gradients[4] = vector((0..<channels).map { -0.5 * scale[$0] * powf(variance[$0] + epsilon, -1.5) * centred[$0] })
    return gradients
  }

  /// Rows over all axes from `axis` on, with a scale and a bias a place.
  static func rowGradients(_ back: BackwardCall, isCentred: Bool) throws(InferenceError) -> [Value?] {
    let call = back.call
    let (shape, x) = try call.floats(0, rank: 1)
    let axis = try call.axis(call.int("axis") ?? -1, of: shape.count)
    let width = Shape.product(shape[axis...])
    let (scaleShape, scale) = (try call.value(1).shape, try call.vector(1, count: width))
    let g = try back.gradient()
    guard g.count == x.count, width > 0 else { throw call.fail("has a gradient of \(g.count) numbers") }
    let epsilon = call.float("epsilon") ?? 1e-5
    var (scales, biases) = ([Float](repeating: 0, count: width), [Float](repeating: 0, count: width))
    let result = Kernels.filled(x.count) { target in
      for start in stride(from: 0, to: x.count, by: width) {
        let row = Row(x, start..<start + width, isCentred: isCentred, epsilon)
        row.back(g, into: target, scale: { scale[$0] }) { place, normal in
          scales[place] += g[start + place] * normal
          biases[place] += g[start + place]
        }
      }
    }
    let bias = call.optional(2).map { Value($0.shape, biases) }
    return [Value(shape, result), Value(scaleShape, scales), bias]
  }

  /// Rows over the channels of a group and their pixels, with a scale and a bias a channel or a group.
  private static func groupGradients(
    _ back: BackwardCall, groups: Int, perChannel: Bool
  ) throws(InferenceError) -> [Value?] {
    let call = back.call
    let (shape, x) = try call.floats(0, rank: 2)
    let channels = shape[1]
    guard groups > 0, channels % groups == 0 else { throw call.fail("has \(channels) channels in \(groups) groups") }
    let places = perChannel ? channels : groups
    let scale = try call.vector(1, count: places)
    let g = try back.gradient()
    let pixels = Shape.product(shape[2...])
    let width = channels / groups * pixels
    guard g.count == x.count, width > 0 else { throw call.fail("has a gradient of \(g.count) numbers") }
    let epsilon = call.float("epsilon") ?? 1e-5
    var (scales, biases) = ([Float](repeating: 0, count: places), [Float](repeating: 0, count: places))
    let result = Kernels.filled(x.count) { target in
      for group in 0..<shape[0] * groups {
        let start = group * width
        func place(_ index: Int) -> Int { perChannel ? (start + index) / pixels % channels : group % groups }
        let row = Row(x, start..<start + width, isCentred: true, epsilon)
        row.back(g, into: target, scale: { scale[place($0)] }) { index, normal in
          scales[place(index)] += g[start + index] * normal
          biases[place(index)] += g[start + index]
        }
      }
    }
    return [Value(shape, result), Value([places], scales), Value([places], biases)]
  }

  /// Numbers that were normalised together.
  private struct Row {
    private let x: [Float]
    private let places: Range<Int>
    private let mean: Float
    private let gain: Float
    private let isCentred: Bool

    init(_ x: [Float], _ places: Range<Int>, isCentred: Bool, _ epsilon: Float) {
      (self.x, self.places, self.isCentred) = (x, places, isCentred)
      let count = Float(places.count)
      let mean = isCentred ? places.reduce(0) { $0 + x[$1] } / count : 0
      let variance = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / count
      self.mean = mean
      gain = 1 / (variance + epsilon).squareRoot()
    }

    @inline(__always)
    func back(
      _ g: [Float], into target: UnsafeMutablePointer<Float>, scale: (Int) -> Float, visit: (Int, Float) -> Void
    ) {
      let count = Float(places.count)
      var (sum, product): (Float, Float) = (0, 0)
      for index in places.indices {
        let offset = index - places.lowerBound
        let normal = (x[index] - mean) * gain
        visit(offset, normal)
        let h = g[index] * scale(offset)
        sum += h
        product += h * normal
      }
      let (first, second) = (isCentred ? sum / count : 0, product / count)
      for index in places {
        let h = g[index] * scale(index - places.lowerBound)
        target[index] = gain * (h - first - (x[index] - mean) * gain * second)
      }
    }
  }

  /// y = x s^(−β), s = bias + α / size · Σ x² over the channels near: ∂xᵢ = gᵢ sᵢ^(−β) − 2αβ / size · xᵢ Σ gⱼ yⱼ / sⱼ over
  /// those j that i is near to.
  private static func localResponseGradient(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let call = back.call
    let (shape, x) = try call.floats(0, rank: 2)
    guard let size = call.int("size"), size > 0, size < 1 << 20 else { throw call.fail("has no size") }
    let (alpha, beta) = (call.float("alpha") ?? 1e-4, call.float("beta") ?? 0.75)
    let bias = call.float("bias") ?? 1
    let (channels, pixels) = (shape[1], Shape.product(shape[2...]))
    let (y, g) = (try back.output(0), try back.gradient())
    var result = g
    for image in 0..<shape[0] {
      for pixel in 0..<pixels {
        try call.pause()
        func place(_ channel: Int) -> Int { (image * channels + channel) * pixels + pixel }
        func near(_ channel: Int) -> ClosedRange<Int> {
          max(0, channel - (size - 1) / 2)...min(channels - 1, channel + size / 2)
        }
        let sums = (0..<channels).map { channel in
          bias + alpha / Float(size) * near(channel).reduce(0) { $0 + x[place($1)] * x[place($1)] }
        }
        for channel in 0..<channels { result[place(channel)] = g[place(channel)] * powf(sums[channel], -beta) }
        for channel in 0..<channels {
          let share = 2 * alpha * beta / Float(size) * g[place(channel)] * y[place(channel)] / sums[channel]
          for other in near(channel) { result[place(other)] -= share * x[place(other)] }
        }
      }
    }
    return [Value(shape, result)]
  }
}
