internal import CKernels

extension Operators {
  /// Convolution as a matrix product: the windows of an image are written out as columns (im2col), then all
  /// filters of a group are one product with them (Chellapilla et al. 2006).
  static let convolutions: Table = [
    "Conv": { call throws(InferenceError) in try Convolution(call, finish: nil).run() },
    "ConvTranspose": { call throws(InferenceError) in try TransposedConvolution(call).run() },
  ]
}

/// Conv: x (N, C, spatial…), w (M, C/groups, kernel…), b (M) → (N, M, spatial…).
struct Convolution {
  let x: [Float]
  let w: [Float]
  let bias: [Float]?
  let shape: [Int]
  let images: Int
  let channels: Int
  let filters: Int
  let groups: Int
  let window: Window
  /// What is done to each filter's plane while it is at hand.
  let finish: Finish?
  private let call: Call

  /// A batch normalisation and bounds: y ← min(high, max(low, gain · y + offset)), a gain and an offset a filter.
  struct Finish {
    var gains: [Float]?
    var offsets: [Float] = []
    var low = -Float.infinity
    var high = Float.infinity

    var isNothing: Bool { gains == nil && low == -.infinity && high == .infinity }

    func apply(_ plane: UnsafeMutablePointer<Float>, filter: Int, pixels: Int) {
      lathe_scale_clip(plane, gains?[filter] ?? 1, gains == nil ? -0.0 : offsets[filter], low, high, plane, pixels)
    }
  }

  /// Columns are written for so many numbers at a time, which a processor's second cache holds.
  private static let columnsSize = 1 << 18

  init(_ call: Call, finish: Finish?) throws(InferenceError) {
    self.finish = finish
    self.call = call
    let (xShape, x) = try call.floats(0, rank: 3)
    let (wShape, w) = try call.floats(1, rank: 3)
    groups = call.int("group") ?? 1
    (window, shape) = try Self.place(call, xShape, wShape, groups)
    (images, channels, filters) = (xShape[0], xShape[1], wShape[0])
    bias = call.optional(2) == nil ? nil : try call.vector(2, count: filters)
    self.x = x
    self.w = w
  }

  /// A convolution whose windows are known: x (images, channels, window.input) → (images, filters, window.output).
  init(_ call: Call, x: [Float], w: [Float], window: Window, images: Int, channels: Int, filters: Int, groups: Int) {
    (self.call, finish, bias) = (call, nil, nil)
    (self.x, self.w, self.window) = (x, w, window)
    (self.images, self.channels, self.filters, self.groups) = (images, channels, filters, groups)
    shape = [images, filters] + window.outputShape
  }

  /// The windows and the result's shape of a convolution.
  static func place(_ call: Call, _ x: [Int], _ w: [Int], _ groups: Int) throws(InferenceError) -> (Window, [Int]) {
    guard x.count >= 3, groups > 0, w.count == x.count, x[1] % groups == 0, x[1] / groups == w[1], w[0] % groups == 0
    else { throw call.fail("has an input of shape \(x) and filters of shape \(w) in \(groups) groups") }
    let window = try Window(call, input: Array(x[2...]), kernel: Array(w[2...]))
    let shape = [x[0], w[0]] + window.outputShape
    try call.check(size: shape)
    return (window, shape)
  }

  func run() throws(InferenceError) -> [Value] {
    let count = Shape.product(shape)
    guard count > 0, !x.isEmpty, !w.isEmpty else {
      return [Value(shape, .init(repeating: 0, count: count))]
    }
    // The columns of one row of the output at least.
    try call.check(size: [channels / groups * window.kernel.product, window.output.width])
    let result = [Float](unsafeUninitializedCapacity: count) { y, initialised in
      x.withUnsafeBufferPointer { x in
        w.withUnsafeBufferPointer { w in
          product(x.baseAddress!, w.baseAddress!, y.baseAddress!)
        }
      }
      initialised = count
    }
    try call.pause()
    return [Value(shape, result)]
  }

  private func product(_ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    if filters == groups, channels == groups, Kernels.Planes.holds(window) { return byChannels(x, w, y) }
    let (pixels, inputPixels) = (window.output.product, window.input.product)
    let (perGroup, inGroup) = (filters / groups, channels / groups)
    let depth = inGroup * window.kernel.product
    // A 1×1 kernel's windows are the image as it lies.
    let isPlain =
      window.kernel == .ones && window.stride == .ones && window.padding == .zeros && pixels == inputPixels
    // Whole rows of the output at a time.
    let rowCount = window.output.depth * window.output.height
    let rowsAtOnce =
      isPlain ? rowCount : max(1, min(rowCount, Self.columnsSize / max(1, depth * window.output.width)))
    let columns = UnsafeMutablePointer<Float>.allocate(
      capacity: isPlain ? 1 : depth * rowsAtOnce * window.output.width)
    defer { columns.deallocate() }
    let own = Kernels.Product(depth: depth)
    defer { own?.free() }
    for image in 0..<images {
      for group in 0..<groups {
        let source = x + (image * channels + group * inGroup) * inputPixels
        let target = y + (image * filters + group * perGroup) * pixels
        let part = Part(first: group * perGroup, count: perGroup, depth: depth, w: w + group * perGroup * depth)
        if own == nil { prepare(target, part, pixels) }
        var row = 0
        while row < rowCount, !call.budget.isCancelled {
          let rows = row..<min(rowCount, row + rowsAtOnce)
          let width = rows.count * window.output.width
          if !isPlain { window.unroll(source, channels: inGroup, rows: rows, into: columns) }
          let (from, to) = (isPlain ? source : UnsafePointer(columns), target + row * window.output.width)
          if let own {
            // Some filters at a time, where the columns are many.
            let each = max(1, Self.mostAtOnce / max(1, depth * width))
            for first in stride(from: 0, to: perGroup, by: each) where !call.budget.isCancelled {
              let some = Part(
                first: part.first + first, count: min(each, perGroup - first), depth: depth, w: part.w + first * depth)
              multiply(own, some, from, to + first * pixels, width, pixels)
            }
          } else {
            BLAS.multiply(
              .init(start: part.w, stride: depth), .init(start: from, stride: width), into: to, stride: pixels,
              m: perGroup, n: width, k: depth, beta: bias == nil || finish?.gains == nil ? 0 : 1,
              unless: { call.budget.isCancelled })
          }
          row = rows.upperBound
        }
        if own == nil { complete(target, part, pixels) }
      }
    }
  }

  /// Multiplications between two looks at whether the run goes on.
  private static let mostAtOnce = 1 << 30

  /// The filters of a group.
  private struct Part {
    let first: Int
    let count: Int
    let depth: Int
    let w: UnsafePointer<Float>
  }

  /// Some columns times a group's filters, finished as they are made.
  private func multiply(
    _ product: Kernels.Product, _ part: Part, _ columns: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
    _ width: Int, _ pixels: Int
  ) {
    func some(_ numbers: UnsafeBufferPointer<Float>) -> UnsafePointer<Float>? {
      numbers.baseAddress.map { $0 + part.first }
    }
    (bias ?? []).withUnsafeBufferPointer { bias in
      (finish?.gains ?? []).withUnsafeBufferPointer { gains in
        (finish?.offsets ?? []).withUnsafeBufferPointer { offsets in
          product.run(
            part.w, columns, xStride: width, into: target, yStride: pixels, rows: part.count, columns: width,
            bias: self.bias == nil ? nil : some(bias), gains: finish?.gains == nil ? nil : some(gains),
            offsets: some(offsets), low: finish?.low ?? -.infinity, high: finish?.high ?? .infinity)
        }
      }
    }
  }

  /// The bias comes after BLAS's product, with the bounds; before it only where a normalisation stands between.
  private func prepare(_ target: UnsafeMutablePointer<Float>, _ part: Part, _ pixels: Int) {
    guard let bias, finish?.gains != nil else { return }
    for filter in 0..<part.count {
      (target + filter * pixels).update(repeating: bias[part.first + filter], count: pixels)
    }
  }

  /// What BLAS's product still lacks.
  private func complete(_ target: UnsafeMutablePointer<Float>, _ part: Part, _ pixels: Int) {
    var finish = finish ?? Finish()
    if let bias, finish.gains == nil {
      (finish.gains, finish.offsets) = (.init(repeating: 1, count: filters), bias)
    }
    guard !finish.isNothing else { return }
    for filter in 0..<part.count {
      finish.apply(target + filter * pixels, filter: part.first + filter, pixels: pixels)
    }
  }

  /// A convolution whose every filter sees one channel (depthwise): without columns, since there is nothing to share.
  private func byChannels(_ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let planes = Kernels.Planes(window)
    defer { planes.free() }
    for image in 0..<images {
      for channel in 0..<channels where !call.budget.isCancelled {
        let number = image * channels + channel
        let target = y + number * window.output.product
        planes.run(
          x + number * window.input.product, w + channel * window.kernel.product, bias: bias?[channel] ?? 0,
          into: target)
        finish?.apply(target, filter: channel, pixels: window.output.product)
      }
    }
  }
}
