#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Images read at places between their pixels.
  static let sampling: Table = [
    "GridSample": { call throws(InferenceError) in try gridSample(call) },
    "RoiAlign": { call throws(InferenceError) in try alignRegions(call) },
  ]

  /// x (N, C, H, W) at the places of a grid (N, h, w, 2) of x and y from −1 to 1 → (N, C, h, w).
  private static func gridSample(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 4)
    let (gridShape, grid) = try call.floats(1, rank: 4)
    guard shape.count == 4, gridShape.count == 4, gridShape[3] == 2, gridShape[0] == shape[0] else {
      throw call.fail("has an image of shape \(shape) and a grid of shape \(gridShape)")
    }
    let mode =
      ["bilinear": "linear", "bicubic": "cubic"][call.string("mode") ?? "bilinear"] ?? call.string("mode") ?? ""
    let padding = call.string("padding_mode") ?? "zeros"
    guard ["linear", "nearest", "cubic"].contains(mode), ["zeros", "border", "reflection"].contains(padding) else {
      throw call.fail("has the mode \(mode) or the padding \(padding)")
    }
    let isAligned = call.flag("align_corners")
    let (channels, height, width) = (shape[1], shape[2], shape[3])
    guard height > 0, width > 0 else { throw call.fail("has an empty image of shape \(shape)") }
    let result = [shape[0], channels, gridShape[1], gridShape[2]]
    try call.check(size: result)
    func place(_ x: Float, _ extent: Int) -> Float {
      isAligned ? (x + 1) / 2 * Float(extent - 1) : ((x + 1) * Float(extent) - 1) / 2
    }
    func reflected(_ x: Float, _ extent: Int) -> Float {
      let (low, high): (Float, Float) = isAligned ? (0, Float(extent - 1)) : (-0.5, Float(extent) - 0.5)
      let span = high - low
      guard span > 0, x.isFinite else { return 0 }
      let distance = abs(fmodf(abs(x - low), 2 * span))
      return distance > span ? high - (distance - span) : low + distance
    }
    func pixel(_ plane: Int, _ row: Int, _ column: Int) -> Float {
      var (row, column) = (row, column)
      switch padding {
      case "border": (row, column) = (min(max(row, 0), height - 1), min(max(column, 0), width - 1))
      case "reflection":
        row = min(max(Int(saturating: reflected(Float(row), height).rounded()), 0), height - 1)
        column = min(max(Int(saturating: reflected(Float(column), width).rounded()), 0), width - 1)
      default: break
      }
      guard row >= 0, row < height, column >= 0, column < width else { return 0 }
      return x[(plane * height + row) * width + column]
    }
    func cubic(_ t: Float) -> [Float] {
      let a: Float = -0.75
      func near(_ d: Float) -> Float { ((a + 2) * d - (a + 3)) * d * d + 1 }
      func far(_ d: Float) -> Float { ((a * d - 5 * a) * d + 8 * a) * d - 4 * a }
      return [far(t + 1), near(t), near(1 - t), far(2 - t)]
    }
    var output: [Float] = []
    output.reserveCapacity(Shape.product(result))
    let spots = gridShape[1] * gridShape[2]
    for image in 0..<shape[0] {
      for channel in 0..<channels {
        let plane = image * channels + channel
        for spot in 0..<spots {
          if spot % 4096 == 0 { try call.pause() }
          var h = place(grid[(image * spots + spot) * 2], width)
          var v = place(grid[(image * spots + spot) * 2 + 1], height)
          // Reading far outside is the same as reading just outside.
          if padding == "border" { (h, v) = (min(max(h, 0), Float(width - 1)), min(max(v, 0), Float(height - 1))) }
          if padding == "reflection" { (h, v) = (reflected(h, width), reflected(v, height)) }
          (h, v) = (max(-4, min(Float(width) + 4, h)), max(-4, min(Float(height) + 4, v)))
          let (left, top) = (h.rounded(.down), v.rounded(.down))
          switch mode {
          case "nearest":
            output.append(
              pixel(plane, Int(saturating: v.rounded(.toNearestOrEven)), Int(saturating: h.rounded(.toNearestOrEven))))
          case "linear":
            let (dh, dv, l, t) = (h - left, v - top, Int(saturating: left), Int(saturating: top))
            output.append(
              pixel(plane, t, l) * (1 - dh) * (1 - dv) + pixel(plane, t, l + 1) * dh * (1 - dv)
                + pixel(plane, t + 1, l) * (1 - dh) * dv + pixel(plane, t + 1, l + 1) * dh * dv)
          default:
            let (horizontal, vertical) = (cubic(h - left), cubic(v - top))
            var sum: Float = 0
            for (j, weight) in vertical.enumerated() {
              for (i, other) in horizontal.enumerated() {
                sum += weight * other * pixel(plane, Int(saturating: top) - 1 + j, Int(saturating: left) - 1 + i)
              }
            }
            output.append(sum)
          }
        }
      }
    }
    return [Value(result, output)]
  }

  /// Regions (R, 4) of images, each in cells: the mean or the largest of samples in a cell (He et al. 2017).
  private static func alignRegions(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 4)
    let (regionsShape, regions) = try call.floats(1, rank: 2)
    let images = try call.integers(2)
    guard shape.count == 4, regionsShape == [images.count, 4], images.allSatisfy({ (0..<shape[0]).contains($0) }),
      shape[2] > 0, shape[3] > 0
    else { throw call.fail("has an image of shape \(shape) and regions of shape \(regionsShape)") }
    let (rows, columns) = (call.int("output_height") ?? 1, call.int("output_width") ?? 1)
    let ratio = call.int("sampling_ratio") ?? 0
    guard (1...1 << 16).contains(rows), (1...1 << 16).contains(columns), (0...64).contains(ratio) else {
      throw call.fail("makes \(rows) × \(columns) cells of \(ratio) samples")
    }
    let scale = call.float("spatial_scale") ?? 1
    let takesLargest = call.string("mode") == "max"
    let mode =
      call.string("coordinate_transformation_mode") ?? (call.operatorSet < 16 ? "output_half_pixel" : "half_pixel")
    let offset: Float = mode == "half_pixel" ? 0.5 : 0
    let (channels, height, width) = (shape[1], shape[2], shape[3])
    try call.check(size: [images.count, channels, rows, columns])
    /// The four pixels around a place, each with its weight.
    func corners(_ v: Float, _ h: Float) -> [(Int, Float)] {
      guard v >= -1, v <= Float(height), h >= -1, h <= Float(width) else { return [] }
      let (v, h) = (min(max(v, 0), Float(height - 1)), min(max(h, 0), Float(width - 1)))
      let (t, l) = (Int(v), Int(h))
      let (b, r) = (min(t + 1, height - 1), min(l + 1, width - 1))
      let (dv, dh) = (v - Float(t), h - Float(l))
      return [
        (t * width + l, (1 - dv) * (1 - dh)), (t * width + r, (1 - dv) * dh), (b * width + l, dv * (1 - dh)),
        (b * width + r, dv * dh),
      ]
    }
    var output: [Float] = []
    for (region, image) in images.enumerated() {
      let box = regions[region * 4..<region * 4 + 4].map { $0 * scale - offset }
      guard box.allSatisfy({ abs($0) < 0x1p20 }) else { throw call.fail("has the region \(box)") }
      var (w, h) = (box[2] - box[0], box[3] - box[1])
      if mode != "half_pixel" { (w, h) = (max(w, 1), max(h, 1)) }
      let (cellHeight, cellWidth) = (h / Float(rows), w / Float(columns))
      let down = min(1024, ratio > 0 ? ratio : max(0, Int(cellHeight.rounded(.up))))
      let right = min(1024, ratio > 0 ? ratio : max(0, Int(cellWidth.rounded(.up))))
      for channel in 0..<channels {
        let plane = (image * channels + channel) * height * width
        for row in 0..<rows {
          for column in 0..<columns {
            try call.pause()
            var (sum, largest): (Float, Float) = (0, -.infinity)
            for i in 0..<down {
              for j in 0..<right {
                let v = box[1] + (Float(row) + (Float(i) + 0.5) / Float(down)) * cellHeight
                let h = box[0] + (Float(column) + (Float(j) + 0.5) / Float(right)) * cellWidth
                for (place, weight) in corners(v, h) {
                  sum += x[plane + place] * weight
                  largest = max(largest, x[plane + place] * weight)
                }
              }
            }
            let mean = sum / Float(max(1, down * right))
            output.append(takesLargest ? (largest == -.infinity ? 0 : largest) : mean)
          }
        }
      }
    }
    return [Value([images.count, channels, rows, columns], output)]
  }
}
