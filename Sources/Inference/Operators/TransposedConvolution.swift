/// ConvTranspose: each number of the input adds its filter, scaled, to the output.
///
/// x (N, C, spatial…), w (C, M/groups, kernel…), b (M) → (N, M, spatial…).
struct TransposedConvolution {
  private let x: [Float]
  private let w: [Float]
  private let bias: [Float]?
  private let shape: [Int]
  private let images: Int
  private let channels: Int
  private let groups: Int
  private let filtersPerGroup: Int
  private let kernel: Extents
  private let input: Extents
  private let output: Extents
  private let strides: Extents
  private let dilations: Extents
  /// Places of the result that are cut off before it begins.
  private let cut: Extents
  private let call: Call

  init(_ call: Call) throws(InferenceError) {
    self.call = call
    let (xShape, x) = try call.floats(0, rank: 3)
    let (wShape, w) = try call.floats(1, rank: 3)
    let rank = xShape.count - 2
    groups = call.int("group") ?? 1
    (images, channels) = (xShape[0], xShape[1])
    guard groups > 0, groups <= max(1, channels), rank <= 3, wShape.count == xShape.count, channels == wShape[0],
      channels % groups == 0
    else {
      throw call.fail("has an input of shape \(xShape) and filters of shape \(wShape) in \(groups) groups")
    }
    let spatial = Array(xShape[2...])
    let strides = try Window.list(call, "strides", rank)
    let dilations = try Window.list(call, "dilations", rank)
    var spans: [Int] = []
    for axis in 0..<rank {
      let taps = (wShape[axis + 2] - 1) * dilations[axis]
      spans.append((spatial[axis] - 1) * strides[axis] + taps + 1)
    }
    let extra = call.ints("output_padding") ?? .init(repeating: 0, count: rank)
    guard extra.count == rank, extra.allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw call.fail("has output_padding \(extra); \(rank) numbers expected")
    }
    let (output, cut) = try Self.place(call, spatial, spans, extra, strides)
    self.strides = Extents(strides, filler: 1)
    self.dilations = Extents(dilations, filler: 1)
    kernel = Extents(Array(wShape[2...]), filler: 1)
    input = Extents(spatial, filler: 1)
    self.cut = Extents(cut, filler: 0)
    self.output = Extents(output, filler: 1)
    filtersPerGroup = wShape[1]
    let filters = filtersPerGroup * groups
    shape = [images, filters] + output
    try call.check(size: shape)
    try call.check(size: [filtersPerGroup * kernel.product, input.product])
    bias = call.optional(2) == nil ? nil : try call.vector(2, count: filters)
    self.x = x
    self.w = w
  }

  /// What takes the outputs of a convolution with these windows back to its inputs: x (images, filters, window.output) →
  /// (images, channels, window.input).
  init(
    _ call: Call, x: [Float], w: [Float], turning window: Window, images: Int, channels: Int, filters: Int, groups: Int
  ) throws(InferenceError) {
    self.call = call
    (self.x, self.w, bias) = (x, w, nil)
    (self.images, self.channels, self.groups) = (images, filters, groups)
    filtersPerGroup = channels / groups
    (kernel, strides, dilations, cut) = (window.kernel, window.stride, window.dilation, window.padding)
    (input, output) = (window.output, window.input)
    let extents = [output.depth, output.height, output.width].suffix(window.rank)
    shape = [images, channels] + extents
    try call.check(size: [filtersPerGroup * kernel.product, input.product])
  }

  /// How the result's windows lie on the input, as a convolution that goes the other way sees it.
  var window: Window {
    Window(
      rank: shape.count - 2, input: output, kernel: kernel, stride: strides, dilation: dilations, padding: cut,
      end: .zeros, output: input)
  }

  /// The output's extents and what is cut off before it, from pads, auto_pad or output_shape.
  private static func place(
    _ call: Call, _ input: [Int], _ spans: [Int], _ extra: [Int], _ strides: [Int]
  ) throws(InferenceError) -> (output: [Int], cut: [Int]) {
    let rank = input.count
    let mode = call.string("auto_pad") ?? "NOTSET"
    guard ["NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"].contains(mode) else {
      throw call.fail("has auto_pad \(mode)")
    }
    if var wanted = call.ints("output_shape") ?? (mode.hasPrefix("SAME") ? zip(input, strides).map(*) : nil) {
      // Some files name the batch and the channels too.
      if wanted.count == rank + 2 { wanted.removeFirst(2) }
      guard wanted.count == rank, wanted.allSatisfy({ (0...1 << 24).contains($0) }) else {
        throw call.fail("has output_shape \(wanted); \(rank) numbers expected")
      }
      let totals = (0..<rank).map { max(0, spans[$0] + extra[$0] - wanted[$0]) }
      return (wanted, totals.map { mode == "SAME_UPPER" ? $0 / 2 : $0 - $0 / 2 })
    }
    let pads = mode == "VALID" ? nil : call.ints("pads")
    let cut = pads ?? .init(repeating: 0, count: 2 * rank)
    guard cut.count == 2 * rank, cut.allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw call.fail("has pads \(cut); \(2 * rank) numbers expected")
    }
    var output: [Int] = []
    for axis in 0..<rank { output.append(spans[axis] + extra[axis] - cut[axis] - cut[axis + rank]) }
    return (output, Array(cut[..<rank]))
  }

  /// As a product: columns (M/groups · kernel, pixels) = wᵀ · x, which are then added into their places (col2im).
  func run() throws(InferenceError) -> [Value] {
    let filters = filtersPerGroup * groups
    let pixels = output.product
    var result = [Float](repeating: 0, count: Shape.product(shape))
    if let bias {
      for plane in 0..<images * filters {
        for index in plane * pixels..<(plane + 1) * pixels { result[index] = bias[plane % filters] }
      }
    }
    guard !result.isEmpty, !x.isEmpty, !w.isEmpty else { return [Value(shape, result)] }
    let inGroup = channels / groups
    let (rows, inputPixels) = (filtersPerGroup * kernel.product, input.product)
    let columns = UnsafeMutablePointer<Float>.allocate(capacity: rows * inputPixels)
    defer { columns.deallocate() }
    result.withUnsafeMutableBufferPointer { y in
      x.withUnsafeBufferPointer { x in
        w.withUnsafeBufferPointer { w in
          for image in 0..<images {
            for group in 0..<groups where !call.budget.isCancelled {
              BLAS.multiply(
                .init(start: w.baseAddress! + group * inGroup * rows, stride: rows, isTransposed: true),
                .init(start: x.baseAddress! + (image * channels + group * inGroup) * inputPixels, stride: inputPixels),
                into: columns, m: rows, n: inputPixels, k: inGroup, unless: { call.budget.isCancelled })
              add(columns, to: y.baseAddress! + (image * filters + group * filtersPerGroup) * pixels)
            }
          }
        }
      }
    }
    try call.pause()
    return [Value(shape, result)]
  }

  /// Adds columns, row (filter, kd, kh, kw), column (id, ih, iw), into the planes of one group's filters.
  private func add(_ columns: UnsafePointer<Float>, to planes: UnsafeMutablePointer<Float>) {
    var row = columns
    for filter in 0..<filtersPerGroup {
      let plane = planes + filter * output.product
      for kd in 0..<kernel.depth {
        for kh in 0..<kernel.height {
          for kw in 0..<kernel.width {
            let left = kw * dilations.width - cut.width
            let inside = Window.inside(left, input.width, strides.width, output.width)
            for id in 0..<input.depth {
              let od = id * strides.depth + kd * dilations.depth - cut.depth
              for ih in 0..<input.height {
                let oh = ih * strides.height + kh * dilations.height - cut.height
                if od >= 0, od < output.depth, oh >= 0, oh < output.height {
                  let target = plane + (od * output.height + oh) * output.width + left
                  for iw in inside { target[iw * strides.width] += row[iw] }
                }
                row += input.width
              }
            }
          }
        }
      }
    }
  }
}
