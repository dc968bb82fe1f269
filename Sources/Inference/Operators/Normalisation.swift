internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  static let normalisation: Table = [
    "BatchNormalization": { call throws(InferenceError) in try batchNormalise(call) },
    "InstanceNormalization": { call throws(InferenceError) in
      let shape = try call.floats(0, rank: 3).shape
      return [try normaliseGroups(call, groups: shape[1], perChannel: true)]
    },
    "GroupNormalization": { call throws(InferenceError) in
      // Scale and bias: one a group in operator sets 18 to 20, one a channel from 21 on.
      [try normaliseGroups(call, groups: call.int("num_groups") ?? 0, perChannel: call.operatorSet >= 21)]
    },
    "RMSNormalization": { call throws(InferenceError) in [try rootMeanSquare(call)] },
    "SimplifiedLayerNormalization": { call throws(InferenceError) in [try rootMeanSquare(call)] },
    "LpNormalization": { call throws(InferenceError) in
      let p = call.int("p") ?? 2
      guard p == 1 || p == 2 else { throw call.fail("has p \(p); 1 or 2 expected") }
      return [
        try alongAxis(call, axis: call.int("axis") ?? -1) { row in
          let norm = p == 1 ? row.reduce(0) { $0 + abs($1) } : row.reduce(0) { $0 + $1 * $1 }.squareRoot()
          return row.map { $0 / norm }
        }
      ]
    },
    "MeanVarianceNormalization": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      let axes = try call.axes(call.ints("axes") ?? [0, 2, 3], of: shape.count)
      try call.check(size: shape, bytes: 12)
      let order = shape.indices.filter { !axes.contains($0) } + axes
      let strides = Shape.strides(shape)
      let turned = order.map { shape[$0] }
      let width = Shape.product(axes.map { shape[$0] })
      var rows = Shape.gather(x, turned, strides: order.map { strides[$0] })
      for start in stride(from: 0, to: rows.count, by: max(1, width)) {
        let row = rows[start..<start + width]
        let mean = row.reduce(0, +) / Float(width)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(width)
        for index in row.indices { rows[index] = (rows[index] - mean) / (variance.squareRoot() + 1e-9) }
      }
      let turnedStrides = Shape.strides(turned)
      let back = shape.indices.map { axis in turnedStrides[order.firstIndex(of: axis)!] }
      return [Value(shape, Shape.gather(rows, shape, strides: back))]
    },
    "LRN": { call throws(InferenceError) in try localResponse(call) },
    "Hardmax": { call throws(InferenceError) in
      let isOld = call.operatorSet < 13
      let value = try call.value(0)
      let axis = try call.axis(
        call.int("axis") ?? (isOld ? 1 : -1), of: max(1, value.shape.count), allowingEnd: isOld)
      let flat =
        isOld
        ? value.reshaped([Shape.product(value.shape.prefix(axis)), Shape.product(value.shape.dropFirst(axis))])
        : value
      let hard = try alongAxis(call.with([flat]), axis: isOld ? 1 : axis) { row in
        var result = [Float](repeating: 0, count: row.count)
        if let best = row.indices.max(by: { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) }) { result[best] = 1 }
        return result
      }
      return [hard.reshaped(value.shape)]
    },
    "LayerNormalization": { call throws(InferenceError) in try layerNormalise(call) },
    "Softmax": { call throws(InferenceError) in try softmax(call, logarithm: false) },
    "LogSoftmax": { call throws(InferenceError) in try softmax(call, logarithm: true) },
  ]

  /// y = (x − mean) / √(variance + ε) · scale + bias, each channel (axis 1) with its own four numbers.
  private static func batchNormalise(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 2)
    let channels = shape[1]
    let scale = try call.vector(1, count: channels)
    let bias = try call.vector(2, count: channels)
    let mean = try call.vector(3, count: channels)
    let variance = try call.vector(4, count: channels)
    let epsilon = call.float("epsilon") ?? 1e-5
    let pixels = Shape.product(shape[2...])
    if call.flag("training_mode") {
      return try trainBatch(call, shape, x, scale, bias, mean, variance, epsilon)
    }
    let (gains, offsets) = try batchScales(call, channels: channels)
    let result = Kernels.filled(x.count) { y in
      x.withUnsafeBufferPointer { x in
        for plane in 0..<shape[0] * channels {
          let channel = plane % channels
          lathe_scale_clip(
            x.baseAddress! + plane * pixels, gains[channel], offsets[channel], -.infinity, .infinity,
            y + plane * pixels, pixels)
        }
      }
    }
    return [Value(shape, result)]
  }

  /// A batch normalisation in inference as a gain and an offset a channel.
  static func batchScales(_ call: Call, channels: Int) throws(InferenceError) -> (gains: [Float], offsets: [Float]) {
    let scale = try call.vector(1, count: channels)
    let bias = try call.vector(2, count: channels)
    let mean = try call.vector(3, count: channels)
    let variance = try call.vector(4, count: channels)
    let epsilon = call.float("epsilon") ?? 1e-5
    let gains = (0..<channels).map { scale[$0] / (variance[$0] + epsilon).squareRoot() }
    return (gains, (0..<channels).map { bias[$0] - mean[$0] * gains[$0] })
  }

  /// The same with the batch's own means and variances, and the running ones moved towards them.
  private static func trainBatch(
    _ call: Call, _ shape: [Int], _ x: [Float], _ scale: [Float], _ bias: [Float], _ mean: [Float],
    _ variance: [Float], _ epsilon: Float
  ) throws(InferenceError) -> [Value] {
    let (channels, pixels) = (shape[1], Shape.product(shape[2...]))
    let momentum = call.float("momentum") ?? 0.9
    guard !x.isEmpty else { throw call.fail("has an empty input of shape \(shape)") }
    var (result, means, variances) = (x, mean, variance)
    let count = Float(shape[0] * pixels)
    for channel in 0..<channels {
      let planes = (0..<shape[0]).map { ($0 * channels + channel) * pixels..<($0 * channels + channel + 1) * pixels }
      let own = planes.reduce(0) { $0 + x[$1].reduce(0, +) } / count
      let spread = planes.reduce(0) { sum, plane in sum + x[plane].reduce(0) { $0 + ($1 - own) * ($1 - own) } } / count
      let gain = scale[channel] / (spread + epsilon).squareRoot()
      for plane in planes { for index in plane { result[index] = (x[index] - own) * gain + bias[channel] } }
      means[channel] = mean[channel] * momentum + own * (1 - momentum)
      variances[channel] = variance[channel] * momentum + spread * (1 - momentum)
    }
    return [Value(shape, result), Value([channels], means), Value([channels], variances)]
  }

  /// (x − mean) / √(variance + ε) over the channels of a group and all their pixels, then scaled and moved.
  private static func normaliseGroups(_ call: Call, groups: Int, perChannel: Bool) throws(InferenceError) -> Value {
    let (shape, x) = try call.floats(0, rank: 2)
    let channels = shape[1]
    guard groups > 0, channels % groups == 0 else {
      throw call.fail("has \(channels) channels in \(groups) groups")
    }
    let scale = try call.vector(1, count: perChannel ? channels : groups)
    let bias = try call.vector(2, count: perChannel ? channels : groups)
    let epsilon = call.float("epsilon") ?? 1e-5
    let pixels = Shape.product(shape[2...])
    let width = channels / groups * pixels
    var result = x
    for group in 0..<shape[0] * groups {
      let row = x[group * width..<(group + 1) * width]
      let mean = row.reduce(0, +) / Float(width)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(width)
      let gain = 1 / (variance + epsilon).squareRoot()
      for index in row.indices {
        let place = perChannel ? index / pixels % channels : group % groups
        result[index] = (x[index] - mean) * gain * scale[place] + bias[place]
      }
    }
    return Value(shape, result)
  }

  /// x / √(mean of x² + ε) · scale over all axes from `axis` on.
  static func rootMeanSquare(_ call: Call) throws(InferenceError) -> Value {
    let (shape, x) = try call.floats(0, rank: 1)
    let axis = try call.axis(call.int("axis") ?? -1, of: shape.count)
    let width = Shape.product(shape[axis...])
    let scale = try call.vector(1, count: width)
    let epsilon = call.float("epsilon") ?? 1e-5
    var result = x
    for start in stride(from: 0, to: x.count, by: max(1, width)) {
      let mean = x[start..<start + width].reduce(0) { $0 + $1 * $1 } / Float(width)
      let gain = 1 / (mean + epsilon).squareRoot()
      for index in 0..<width { result[start + index] = x[start + index] * gain * scale[index] }
    }
    return Value(shape, result)
  }

  /// y = x / (bias + α / size · Σ x²)^β, the sum over `size` neighbouring channels.
  private static func localResponse(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 2)
    guard let size = call.int("size"), size > 0, size < 1 << 20 else { throw call.fail("has no size") }
    let (alpha, beta) = (call.float("alpha") ?? 1e-4, call.float("beta") ?? 0.75)
    let bias = call.float("bias") ?? 1
    let (channels, pixels) = (shape[1], Shape.product(shape[2...]))
    var result = x
    for image in 0..<shape[0] {
      for channel in 0..<channels {
        try call.pause()
        let near = max(0, channel - (size - 1) / 2)...min(channels - 1, channel + size / 2)
        for pixel in 0..<pixels {
          var sum: Float = 0
          for other in near {
            let number = x[(image * channels + other) * pixels + pixel]
            sum += number * number
          }
          let place = (image * channels + channel) * pixels + pixel
          result[place] = x[place] / powf(bias + alpha / Float(size) * sum, beta)
        }
      }
    }
    return [Value(shape, result)]
  }

  /// Applies a function to each row of Floats along an axis.
  private static func alongAxis(
    _ call: Call, axis: Int, _ function: ([Float]) -> [Float]
  ) throws(InferenceError) -> Value {
    let (shape, x) = try call.floats(0)
    guard !shape.isEmpty, !x.isEmpty else { return Value(shape, x.isEmpty ? x : function(x)) }
    let axis = try call.axis(axis, of: shape.count)
    let (width, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    var result = x
    for outer in stride(from: 0, to: x.count, by: width * step) {
      for inner in outer..<outer + step {
        let row = function((0..<width).map { x[inner + $0 * step] })
        for place in 0..<width { result[inner + place * step] = row[place] }
      }
    }
    return Value(shape, result)
  }

  /// y = (x − mean) / √(variance + ε) · scale + bias over all axes from `axis` on; then the means and the
  /// reciprocal deviations, which have extent 1 there.
  private static func layerNormalise(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 1)
    let axis = try call.axis(call.int("axis") ?? -1, of: shape.count)
    let width = Shape.product(shape[axis...])
    guard width > 0 else { throw call.fail("has an empty input of shape \(shape)") }
    let scale = try call.vector(1, count: width)
    let bias = call.optional(2) == nil ? nil : try call.vector(2, count: width)
    let epsilon = call.float("epsilon") ?? 1e-5
    let rows = x.count / width
    var means = [Float](repeating: 0, count: rows)
    var gains = means
    let result = Kernels.filled(x.count) { y in
      x.withUnsafeBufferPointer { x in
        for row in 0..<rows {
          let start = x.baseAddress! + row * width
          if let bias {
            lathe_layer_norm(start, scale, bias, epsilon, y + row * width, width, &means[row], &gains[row])
          } else {
            lathe_layer_norm(start, scale, nil, epsilon, y + row * width, width, &means[row], &gains[row])
          }
        }
      }
    }
    let small = shape[..<axis] + shape[axis...].map { _ in 1 }
    return [Value(shape, result), Value(Array(small), means), Value(Array(small), gains)]
  }

  /// e^x / Σ e^x along an axis, the largest x taken off first. Before operator set 13 all axes from `axis` on
  /// (by default 1) counted as one.
  private static func softmax(_ call: Call, logarithm: Bool) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0)
    let isOld = call.operatorSet < 13
    let axis = try call.axis(
      call.int("axis") ?? (isOld ? 1 : -1), of: max(1, shape.count), allowingEnd: isOld)
    let width = isOld ? Shape.product(shape.dropFirst(axis)) : shape.isEmpty ? 1 : shape[axis]
    let step = isOld || shape.isEmpty ? 1 : Shape.product(shape[(axis + 1)...])
    var result = x
    guard width > 0, !x.isEmpty else { return [Value(shape, x)] }
    if step == 1, !logarithm {
      let rows = Kernels.filled(x.count) { y in
        x.withUnsafeBufferPointer { x in
          for start in stride(from: 0, to: x.count, by: width) {
            lathe_softmax(x.baseAddress! + start, y + start, width)
          }
        }
      }
      return [Value(shape, rows)]
    }
    for outer in stride(from: 0, to: x.count, by: width * step) {
      for inner in 0..<step {
        let places = stride(from: outer + inner, to: outer + inner + width * step, by: step)
        let largest = places.reduce(-Float.infinity) { max($0, x[$1]) }
        var sum: Float = 0
        for place in places {
          result[place] = expf(x[place] - largest)
          sum += result[place]
        }
        let logSum = logf(sum)
        for place in places { result[place] = logarithm ? x[place] - largest - logSum : result[place] / sum }
      }
    }
    return [Value(shape, result)]
  }
}
