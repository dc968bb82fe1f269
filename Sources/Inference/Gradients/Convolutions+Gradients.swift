extension Operators {
  /// A convolution's input changes by what goes the other way, a transposed convolution's by a plain one; filters by
  /// products of columns with gradients.
  static let convolutionGradients: GradientTable = [
    "Conv": { back throws(InferenceError) in
      let (call, g) = (back.call, try back.gradient())
      let ((xShape, x), (wShape, w)) = (try call.floats(0, rank: 3), try call.floats(1, rank: 3))
      let groups = call.int("group") ?? 1
      let (window, _) = try Convolution.place(call, xShape, wShape, groups)
      let extents = (images: xShape[0], channels: xShape[1], filters: wShape[0])
      var gradients: [Value?] = [nil, nil, nil]
      if back.wants(0) {
        gradients[0] = try TransposedConvolution(
          call, x: g, w: w, turning: window, images: extents.images, channels: extents.channels,
          filters: extents.filters, groups: groups
        ).run()[0].reshaped(xShape)
      }
      if back.wants(1) {
        gradients[1] = Value(
          wShape,
          try filterGradient(
            call, x, g, window, images: extents.images, channels: extents.channels, filters: extents.filters, groups))
      }
      if back.wants(2) { gradients[2] = biasGradient(g, images: extents.images, filters: extents.filters) }
      try call.pause()
      return gradients
    },
    "ConvTranspose": { back throws(InferenceError) in
      let (call, g) = (back.call, try back.gradient())
      let ((xShape, x), (wShape, w)) = (try call.floats(0, rank: 3), try call.floats(1, rank: 3))
      let groups = call.int("group") ?? 1
      let window = try TransposedConvolution(call).window
      let (images, filters) = (xShape[0], xShape[1])
      let channels = wShape[1] * groups
      var gradients: [Value?] = [nil, nil, nil]
      if back.wants(0) {
        gradients[0] = try Convolution(
          call, x: g, w: w, window: window, images: images, channels: channels, filters: filters, groups: groups
        ).run()[0].reshaped(xShape)
      }
      if back.wants(1) {
        gradients[1] = Value(
          wShape,
          try filterGradient(call, g, x, window, images: images, channels: channels, filters: filters, groups))
      }
      if back.wants(2) { gradients[2] = biasGradient(g, images: images, filters: channels) }
      try call.pause()
      return gradients
    },
  ]

  /// The sums over images and pixels.
  private static func biasGradient(_ g: [Float], images: Int, filters: Int) -> Value {
    let pixels = g.count / max(1, images * filters)
    return Broadcasting.summed(g, [images, filters, pixels], to: [1, filters, 1]).reshaped([filters])
  }

  /// Σ over images of g · columnsᵀ: x (images, channels, window.input), g (images, filters, window.output) → (filters,
  /// channels / groups, kernel).
  private static func filterGradient(
    _ call: Call, _ x: [Float], _ g: [Float], _ window: Window, images: Int, channels: Int, filters: Int,
    _ groups: Int
  ) throws(InferenceError) -> [Float] {
    let (perGroup, inGroup) = (filters / groups, channels / groups)
    let depth = inGroup * window.kernel.product
    let (pixels, inputPixels) = (window.output.product, window.input.product)
    var result = [Float](repeating: 0, count: filters * depth)
    guard !x.isEmpty, !g.isEmpty, !result.isEmpty else { return result }
    // Whole rows of the output at a time.
    let rowCount = window.output.depth * window.output.height
    let rowsAtOnce = max(1, min(rowCount, (1 << 18) / max(1, depth * window.output.width)))
    try call.check(size: [depth, rowsAtOnce, window.output.width])
    let columns = Scratch(depth * rowsAtOnce * window.output.width)
    result.withUnsafeMutableBufferPointer { result in
      x.withUnsafeBufferPointer { x in
        g.withUnsafeBufferPointer { g in
          for number in 0..<images * groups {
            let (image, group) = (number / groups, number % groups)
            let source = x.baseAddress! + (image * channels + group * inGroup) * inputPixels
            let own = g.baseAddress! + (image * filters + group * perGroup) * pixels
            var row = 0
            while row < rowCount, !call.budget.isCancelled {
              let rows = row..<min(rowCount, row + rowsAtOnce)
              let width = rows.count * window.output.width
              window.unroll(source, channels: inGroup, rows: rows, into: columns.start)
              BLAS.multiply(
                .init(start: own + row * window.output.width, stride: pixels),
                .init(start: columns.start, stride: width, isTransposed: true),
                into: result.baseAddress! + group * perGroup * depth, m: perGroup, n: depth, k: width, beta: 1,
                unless: { call.budget.isCancelled })
              row = rows.upperBound
            }
          }
        }
      }
    }
    return result
  }
}
