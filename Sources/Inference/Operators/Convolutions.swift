extension Operators {
  /// Convolution as a matrix product: the windows of an image are written out as columns (im2col), then all
  /// filters of a group are one product with them (Chellapilla et al. 2006).
  static let convolutions: [String: Network.Operator] = [
    "Conv": { call throws(InferenceError) in try convolve(call) },
    "ConvTranspose": { call throws(InferenceError) in try TransposedConvolution(call).run() },
  ]

  /// x (N, C, spatial…), w (M, C/groups, kernel…), b (M) → (N, M, spatial…).
  private static func convolve(_ call: Call) throws(InferenceError) -> [Value] {
    let (xShape, x) = try call.floats(0, rank: 3)
    let (wShape, w) = try call.floats(1, rank: 3)
    let groups = call.int("group") ?? 1
    let (images, channels, filters) = (xShape[0], xShape[1], wShape[0])
    guard groups > 0, wShape.count == xShape.count, channels == wShape[1] * groups, filters % groups == 0
    else {
      throw call.fail("has an input of shape \(xShape) and filters of shape \(wShape) in \(groups) groups")
    }
    let window = try Window(call, input: Array(xShape[2...]), kernel: Array(wShape[2...]))
    let bias = call.optional(2) == nil ? nil : try call.vector(2, count: filters)
    let shape = [images, filters] + window.outputShape
    try call.check(size: shape)

    let pixels = window.output.height * window.output.width
    let inputPixels = window.input.height * window.input.width
    let depth = wShape[1] * window.kernel.height * window.kernel.width
    try call.check(size: [depth, pixels])
    let (perGroup, inGroup) = (filters / groups, channels / groups)
    // A 1×1 kernel's windows are the image as it lies.
    let isPlain =
      window.kernel == (1, 1) && window.stride == (1, 1) && window.padding == (0, 0) && pixels == inputPixels
    var columns = [Float](repeating: 0, count: isPlain ? 0 : depth * pixels)
    var result = [Float](repeating: 0, count: Shape.product(shape))
    guard !result.isEmpty, !x.isEmpty, !w.isEmpty else { return [Value(shape, result)] }
    x.withUnsafeBufferPointer { x in
      w.withUnsafeBufferPointer { w in
        result.withUnsafeMutableBufferPointer { y in
          columns.withUnsafeMutableBufferPointer { columns in
            for image in 0..<images {
              for group in 0..<groups {
                let source = x.baseAddress! + (image * channels + group * inGroup) * inputPixels
                if !isPlain { unroll(source, inGroup, window, columns.baseAddress!) }
                let target = y.baseAddress! + (image * filters + group * perGroup) * pixels
                if let bias {
                  for filter in 0..<perGroup {
                    (target + filter * pixels).update(
                      repeating: bias[group * perGroup + filter], count: pixels)
                  }
                }
                BLAS.multiply(
                  .init(start: w.baseAddress! + group * perGroup * depth, stride: depth),
                  .init(start: isPlain ? source : UnsafePointer(columns.baseAddress!), stride: pixels),
                  into: target,
                  m: perGroup, n: pixels, k: depth, beta: bias == nil ? 0 : 1)
              }
            }
          }
        }
      }
    }
    return [Value(shape, result)]
  }

  /// Writes an image (channels, height, width) as columns: row (c, kh, kw), column (oh, ow); zero in the padding.
  private static func unroll(
    _ image: UnsafePointer<Float>, _ channels: Int, _ window: Window, _ columns: UnsafeMutablePointer<Float>
  ) {
    let (height, width) = window.input
    let (outHeight, outWidth) = window.output
    var row = columns
    for channel in 0..<channels {
      let plane = image + channel * height * width
      for kh in 0..<window.kernel.height {
        for kw in 0..<window.kernel.width {
          let left = kw * window.dilation.width - window.padding.left
          // The output columns whose tap lies inside the image.
          let inside = Window.inside(left, outWidth, window.stride.width, width)
          for oh in 0..<outHeight {
            let ih = oh * window.stride.height + kh * window.dilation.height - window.padding.top
            if ih < 0 || ih >= height || inside.isEmpty {
              row.update(repeating: 0, count: outWidth)
            } else {
              let source = plane + ih * width + left
              for ow in 0..<inside.lowerBound { row[ow] = 0 }
              if window.stride.width == 1 {
                (row + inside.lowerBound).update(from: source + inside.lowerBound, count: inside.count)
              } else {
                for ow in inside { row[ow] = source[ow * window.stride.width] }
              }
              for ow in inside.upperBound..<outWidth { row[ow] = 0 }
            }
            row += outWidth
          }
        }
      }
    }
  }
}
