/// ConvTranspose: each number of the input adds its filter, scaled, to the output.
///
/// x (N, C, spatial…), w (C, M/groups, kernel…), b (M) → (N, M, spatial…); one spatial axis counts as two.
struct TransposedConvolution {
  private let x: [Float]
  private let w: [Float]
  private let bias: [Float]?
  private let shape: [Int]
  private let images: Int
  private let channels: Int
  private let groups: Int
  private let filtersPerGroup: Int
  private let kernel: [Int]
  private let input: [Int]
  private let output: [Int]
  private let strides: [Int]
  private let dilations: [Int]
  /// Rows and columns of the result that are cut off before it begins.
  private let cut: [Int]

  init(_ call: Call) throws(InferenceError) {
    let (xShape, x) = try call.floats(0, rank: 3)
    let (wShape, w) = try call.floats(1, rank: 3)
    let rank = xShape.count - 2
    groups = call.int("group") ?? 1
    (images, channels) = (xShape[0], xShape[1])
    guard groups > 0, rank <= 2, wShape.count == xShape.count, channels == wShape[0], channels % groups == 0
    else {
      throw call.fail("has an input of shape \(xShape) and filters of shape \(wShape) in \(groups) groups")
    }
    guard call.string("auto_pad") ?? "NOTSET" == "NOTSET", call.ints("output_shape") == nil else {
      throw call.fail("has auto_pad or output_shape, which Lathe cannot run")
    }
    func list(_ name: String, _ count: Int, _ standard: Int) throws(InferenceError) -> [Int] {
      let values = call.ints(name) ?? .init(repeating: standard, count: count)
      guard values.count == count, values.allSatisfy({ (0...1 << 20).contains($0) }) else {
        throw call.fail("has \(name) \(values); \(count) numbers expected")
      }
      return values
    }
    func two(_ values: [Int], _ filler: Int) -> [Int] { values.count == 1 ? [filler] + values : values }
    let pads = try list("pads", 2 * rank, 0)
    let extra = two(try list("output_padding", rank, 0), 0)
    strides = two(try list("strides", rank, 1), 1)
    dilations = two(try list("dilations", rank, 1), 1)
    kernel = two(Array(wShape[2...]), 1)
    input = two(Array(xShape[2...]), 1)
    cut = two(Array(pads[..<rank]), 0)
    let cutAfter = two(Array(pads[rank...]), 0)
    var output: [Int] = []
    for axis in 0..<2 {
      let span = (input[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
      output.append(span + extra[axis] - cut[axis] - cutAfter[axis])
    }
    filtersPerGroup = wShape[1]
    let filters = filtersPerGroup * groups
    shape = [images, filters] + (rank == 1 ? [output[1]] : output)
    try call.check(size: shape)
    bias = call.optional(2) == nil ? nil : try call.vector(2, count: filters)
    self.output = output
    self.x = x
    self.w = w
  }

  func run() -> [Value] {
    let filters = filtersPerGroup * groups
    let pixels = output[0] * output[1]
    var result = [Float](repeating: 0, count: Shape.product(shape))
    if let bias {
      for index in result.indices { result[index] = bias[index / pixels % filters] }
    }
    result.withUnsafeMutableBufferPointer { result in
      for image in 0..<images {
        for channel in 0..<channels {
          let first = channel / (channels / groups) * filtersPerGroup
          for filter in 0..<filtersPerGroup {
            let plane = (image * filters + first + filter) * pixels
            add(image, channel, filter, UnsafeMutableBufferPointer(rebasing: result[plane..<plane + pixels]))
          }
        }
      }
    }
    return [Value(shape, result)]
  }

  /// Adds what one channel of an image gives to one filter's plane.
  private func add(_ image: Int, _ channel: Int, _ filter: Int, _ plane: UnsafeMutableBufferPointer<Float>) {
    let source = (image * channels + channel) * input[0] * input[1]
    let taps = (channel * filtersPerGroup + filter) * kernel[0] * kernel[1]
    for kh in 0..<kernel[0] {
      for kw in 0..<kernel[1] {
        let weight = w[taps + kh * kernel[1] + kw]
        for ih in 0..<input[0] {
          let oh = ih * strides[0] + kh * dilations[0] - cut[0]
          guard oh >= 0, oh < output[0] else { continue }
          for iw in 0..<input[1] {
            let ow = iw * strides[1] + kw * dilations[1] - cut[1]
            guard ow >= 0, ow < output[1] else { continue }
            plane[oh * output[1] + ow] += weight * x[source + ih * input[1] + iw]
          }
        }
      }
    }
  }
}
