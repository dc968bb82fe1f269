internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Windows to one number each: (N, C, spatial…) → (N, C, spatial…).
  static let pooling: Table = [
    "MaxPool": { call throws(InferenceError) in
      if call.wants(1) { return try maximaWithPlaces(call) }
      if let maxima = try maxima(call) { return [maxima] }
      return try pool(call) { plane, window, place in
        var best = -Float.infinity
        // NaNs go on: they must not be hidden by a maximum.
        forEach(plane, window, place) { number, _ in if !(number <= best) { best = number } }
        return best
      }
    },
    "AveragePool": { call throws(InferenceError) in
      let countsPadding = call.flag("count_include_pad")
      return try pool(call) { plane, window, place in
        var sum: Float = 0
        var count = 0
        forEach(plane, window, place) { number, _ in
          sum += number
          count += 1
        }
        return sum / Float(countsPadding ? padded(window, place) : count)
      }
    },
    "LpPool": { call throws(InferenceError) in
      let p = Float(call.int("p") ?? 2)
      return try pool(call) { plane, window, place in
        var sum: Float = 0
        forEach(plane, window, place) { number, _ in sum += powf(abs(number), p) }
        return powf(sum, 1 / p)
      }
    },
    "GlobalAveragePool": { call throws(InferenceError) in
      try global(call) { lathe_sum($0.base.baseAddress! + $0.startIndex, $0.count) / Float($0.count) }
    },
    "GlobalMaxPool": { call throws(InferenceError) in
      try global(call) { lathe_largest($0.base.baseAddress! + $0.startIndex, $0.count) }
    },
    "GlobalLpPool": { call throws(InferenceError) in
      let p = Float(call.int("p") ?? 2)
      return try global(call) { row in powf(row.reduce(0) { $0 + powf(abs($1), p) }, 1 / p) }
    },
    "MaxUnpool": { call throws(InferenceError) in try unpool(call) },
  ]

  /// An output's place along the spatial axes.
  typealias PoolingPlace = (depth: Int, height: Int, width: Int)

  static func window(_ call: Call, _ shape: [Int]) throws(InferenceError) -> (Window, [Int]) {
    guard shape.count >= 3, let kernel = call.ints("kernel_shape") else {
      throw call.fail("has no kernel_shape, or an input of shape \(shape); at least 3 axes expected")
    }
    let window = try Window(call, input: Array(shape[2...]), kernel: kernel)
    let output = Array(shape[..<2]) + window.outputShape
    try call.check(size: output)
    return (window, output)
  }

  @inline(__always)
  private static func pool(
    _ call: Call, _ number: (UnsafePointer<Float>, Window, PoolingPlace) -> Float
  ) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let (window, output) = try window(call, value.shape)
    let pixels = window.input.product
    guard pixels > 0 || output.contains(0) else { throw call.fail("has an empty input of shape \(value.shape)") }
    guard !output.contains(0) else {
      return [value.floats == nil ? cast(Value(output, []), to: value.type) : Value(output, [])]
    }
    var result: [Float] = []
    result.reserveCapacity(Shape.product(output))
    value.asFloats.withUnsafeBufferPointer { x in
      guard let start = x.baseAddress else { return }
      for plane in 0..<value.shape[0] * value.shape[1] where !call.budget.isCancelled {
        for od in 0..<window.output.depth {
          for oh in 0..<window.output.height {
            for ow in 0..<window.output.width {
              result.append(number(start + plane * pixels, window, (od, oh, ow)))
            }
          }
        }
      }
    }
    try call.pause()
    let pooled = Value(output, result)
    return [value.floats == nil ? cast(pooled, to: value.type) : pooled]
  }

  /// The maxima of Floats on one or two axes, by the C kernel; `nil` for others.
  private static func maxima(_ call: Call) throws(InferenceError) -> Value? {
    let value = try call.value(0)
    guard let x = value.floats else { return nil }
    let (window, output) = try window(call, value.shape)
    guard Kernels.Planes.holds(window), !x.isEmpty else { return nil }
    let planes = Kernels.Planes(window)
    defer { planes.free() }
    let result = Kernels.filled(Shape.product(output)) { y in
      x.withUnsafeBufferPointer { x in
        for number in 0..<output[0] * output[1] where !call.budget.isCancelled {
          planes.run(x.baseAddress! + number * window.input.product, nil, into: y + number * window.output.product)
        }
      }
    }
    try call.pause()
    return Value(output, result)
  }

  /// The maxima and their places in the whole input, counted along rows or (storage_order 1) along columns.
  private static func maximaWithPlaces(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let (window, _) = try window(call, value.shape)
    var places: [Int64] = []
    var plane = 0
    var seen = 0
    let pixels = window.input.product
    let isByColumn = call.flag("storage_order")
    let maxima = try pool(call) { start, window, place in
      var best = -Float.infinity
      var at = 0
      forEach(start, window, place) { number, offset in
        if !(number <= best) { (best, at) = (number, offset) }
      }
      if isByColumn {
        let (rest, w) = at.quotientAndRemainder(dividingBy: window.input.width)
        let (d, h) = rest.quotientAndRemainder(dividingBy: window.input.height)
        at = d + (h + w * window.input.height) * window.input.depth
      }
      places.append(Int64(plane * pixels + at))
      seen += 1
      if seen == window.output.product { (seen, plane) = (0, plane + 1) }
      return best
    }[0]
    return [maxima, Value(maxima.shape, integers: places)]
  }

  /// Gives `body` the numbers of one window that lie inside the plane, each with its place there.
  @inline(__always)
  static func forEach(
    _ plane: UnsafePointer<Float>, _ window: Window, _ place: PoolingPlace, _ body: (Float, Int) -> Void
  ) {
    let front = place.depth * window.stride.depth - window.padding.depth
    let top = place.height * window.stride.height - window.padding.height
    let left = place.width * window.stride.width - window.padding.width
    for kd in Window.inside(front, window.kernel.depth, window.dilation.depth, window.input.depth) {
      let slice = (front + kd * window.dilation.depth) * window.input.height
      for kh in Window.inside(top, window.kernel.height, window.dilation.height, window.input.height) {
        let row = (slice + top + kh * window.dilation.height) * window.input.width
        for kw in Window.inside(left, window.kernel.width, window.dilation.width, window.input.width) {
          let offset = row + left + kw * window.dilation.width
          body(plane[offset], offset)
        }
      }
    }
  }

  /// The numbers of one window with the padding's zeros; what lies beyond the padding (ceil_mode) is not counted.
  static func padded(_ window: Window, _ place: PoolingPlace) -> Int {
    func count(_ axis: KeyPath<Extents, Int>, _ place: Int) -> Int {
      Window.inside(
        place * window.stride[keyPath: axis], window.kernel[keyPath: axis], window.dilation[keyPath: axis],
        window.padding[keyPath: axis] + window.input[keyPath: axis] + window.end[keyPath: axis]
      ).count
    }
    return count(\.depth, place.depth) * count(\.height, place.height) * count(\.width, place.width)
  }

  private static func global(_ call: Call, _ number: (Slice<UnsafeBufferPointer<Float>>) -> Float)
    throws(InferenceError) -> [Value]
  {
    let (shape, x) = try call.floats(0, rank: 3)
    let pixels = Shape.product(shape[2...])
    guard pixels > 0 else { throw call.fail("has an empty input of shape \(shape)") }
    let result = x.withUnsafeBufferPointer { x in
      (0..<shape[0] * shape[1]).map { number(x[($0 * pixels)..<(($0 + 1) * pixels)]) }
    }
    return [Value(Array(shape[..<2]) + shape[2...].map { _ in 1 }, result)]
  }

  /// Numbers put back where MaxPool says that it found them, zeros elsewhere.
  private static func unpool(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 3)
    let places = try call.integers(1)
    let rank = shape.count - 2
    guard let kernel = call.ints("kernel_shape"), kernel.count == rank, places.count == x.count else {
      throw call.fail("has no kernel_shape for shape \(shape), or \(places.count) places for \(x.count) numbers")
    }
    let strides = try Window.list(call, "strides", rank)
    let pads = call.ints("pads") ?? .init(repeating: 0, count: 2 * rank)
    guard pads.count == 2 * rank, (pads + kernel).allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw call.fail("has pads \(pads) and the kernel \(kernel)")
    }
    let natural =
      Array(shape[..<2])
      + (0..<rank).map { (shape[$0 + 2] - 1) * strides[$0] + kernel[$0] - pads[$0] - pads[$0 + rank] }
    var output = natural
    if call.optional(2) != nil { output = try call.integers(2) }
    guard output.count == shape.count else { throw call.fail("has the output shape \(output)") }
    try call.check(size: natural)
    try call.check(size: output)
    // Places count within the natural shape, which may be smaller than the one asked for.
    let (from, to) = (Shape.strides(natural), Shape.strides(output))
    var result = [Float](repeating: 0, count: Shape.product(output))
    for (number, place) in places.enumerated() {
      var target = 0
      for axis in natural.indices {
        target += from[axis] > 0 && natural[axis] > 0 ? place / from[axis] % natural[axis] * to[axis] : 0
      }
      guard result.indices.contains(target), place >= 0 else { throw call.fail("puts a number at place \(place)") }
      result[target] = x[number]
    }
    return [Value(output, result)]
  }
}
