internal import Checkpoints

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  static let resizing: Table = [
    "Resize": { call throws(InferenceError) in try Resizing(call).run() },
    "Upsample": { call throws(InferenceError) in try Resizing(call).run() },
  ]
}

/// Resize: every axis is interpolated by itself, so that an output place is a weighted sum of a few places of each
/// axis.
struct Resizing {
  private let value: Value
  private let output: [Int]
  /// For each axis and each place along it the sources, with their weights; none: outside, takes `filler`.
  private var taps: [[[(place: Int, weight: Float)]]] = []
  private let filler: Float
  private let call: Call

  init(_ call: Call) throws(InferenceError) {
    let value = try call.value(0)
    let shape = value.shape
    guard !shape.isEmpty else { throw call.fail("has an input of shape \(shape)") }
    let isUpsample = call.node.operatorName == "Upsample"
    let isOld = call.operatorSet < 11 || isUpsample
    let mode = call.string("mode") ?? "nearest"
    let axes = try call.axes(call.ints("axes") ?? Array(shape.indices), of: shape.count)
    // Scales are input 1 before operator set 11 (an attribute of the oldest Upsample), 2 from then on.
    let scaleInput = isOld ? 1 : 2
    var scales = [Float](repeating: 1, count: shape.count)
    var output = shape
    let given = call.optional(scaleInput).map(\.asFloats) ?? call.floats("scales") ?? []
    if let sizes = !isOld && call.optional(3) != nil ? try call.integers(3) : nil, !sizes.isEmpty {
      guard sizes.count == axes.count, sizes.allSatisfy({ $0 >= 0 }) else {
        throw call.fail("has sizes \(sizes) for \(axes.count) axes")
      }
      for (axis, size) in zip(axes, sizes) {
        output[axis] = size
        scales[axis] = shape[axis] == size ? 1 : Float(size) / Float(shape[axis])
      }
      let policy = call.string("keep_aspect_ratio_policy") ?? "stretch"
      if policy != "stretch" {
        let ratios = axes.map { scales[$0] }
        let ratio = (policy == "not_larger" ? ratios.min() : ratios.max()) ?? 1
        for axis in axes {
          scales[axis] = ratio
          output[axis] = Int(saturating: (ratio * Float(shape[axis])).rounded(.toNearestOrAwayFromZero))
        }
      }
    } else {
      guard given.count == axes.count, given.allSatisfy({ $0 > 0 && $0.isFinite }) else {
        throw call.fail("has scales \(given) for \(axes.count) axes")
      }
      for (axis, scale) in zip(axes, given) {
        scales[axis] = scale
        output[axis] = Int(saturating: (Float(shape[axis]) * scale).rounded(.down))
      }
    }
    try call.check(size: output)
    guard value.count > 0 || output.contains(0) else {
      throw call.fail("makes an array of shape \(output) of an empty one of shape \(shape)")
    }
    self.value = value
    self.output = output
    self.call = call
    filler = call.float("extrapolation_value") ?? 0
    if output.contains(0) { return }
    // Axes are resized one after another: what is made on the way may be larger than what comes of it. A place along an
    // axis takes a list of places.
    var between = shape
    for axis in shape.indices {
      between[axis] = output[axis]
      try call.check(size: between, bytes: 8)
      try call.check(size: [output[axis]], bytes: 128)
    }
    let regions =
      call.string("coordinate_transformation_mode") == "tf_crop_and_resize" ? try call.floats(1).elements : []
    guard regions.isEmpty || regions.count == 2 * axes.count else {
      throw call.fail("has a region of \(regions.count) numbers for \(axes.count) axes")
    }
    for axis in shape.indices {
      let number = axes.firstIndex(of: axis)
      let region = regions.isEmpty ? nil : number.map { (regions[$0], regions[$0 + axes.count]) }
      let rule = Rule(
        coordinates: isOld ? "asymmetric" : call.string("coordinate_transformation_mode") ?? "half_pixel",
        mode: mode, nearest: isOld ? "floor" : call.string("nearest_mode") ?? "round_prefer_floor",
        cubic: call.float("cubic_coeff_a") ?? -0.75, excludesOutside: call.flag("exclude_outside"),
        antialiases: call.flag("antialias"), extent: shape[axis], output: output[axis], scale: scales[axis],
        region: region)
      guard number != nil, output[axis] != shape[axis] || region != nil || scales[axis] != 1 else {
        taps.append((0..<shape[axis]).map { [($0, 1)] })
        continue
      }
      var places: [[(Int, Float)]] = []
      for place in 0..<output[axis] {
        if place % 4096 == 0 { try call.pause() }
        guard let found = rule.taps(place) else { throw call.fail("has the mode \(rule.mode) or \(rule.coordinates)") }
        places.append(found)
      }
      taps.append(places)
    }
  }

  /// How one axis is resized.
  private struct Rule {
    let coordinates: String
    let mode: String
    let nearest: String
    let cubic: Float
    let excludesOutside: Bool
    let antialiases: Bool
    let extent: Int
    let output: Int
    let scale: Float
    let region: (Float, Float)?

    /// Where an output place lies on the input's axis.
    private func source(_ place: Int) -> Float? {
      let (x, n, m) = (Float(place), Float(extent), Float(output))
      switch coordinates {
      case "half_pixel": return (x + 0.5) / scale - 0.5
      case "half_pixel_symmetric":
        // The output's exact length may be no whole number; the difference is shared by both ends.
        let adjustment = m / (n * scale)
        return n / 2 * (1 - adjustment) + (x + 0.5) / scale - 0.5
      case "pytorch_half_pixel": return output > 1 ? (x + 0.5) / scale - 0.5 : 0
      case "align_corners": return output > 1 ? x * (n - 1) / (m - 1) : 0
      case "asymmetric": return x / scale
      case "tf_half_pixel_for_nn": return (x + 0.5) / scale
      case "tf_crop_and_resize":
        guard let (start, end) = region else { return x }
        return output > 1 ? start * (n - 1) + x * (end - start) * (n - 1) / (m - 1) : 0.5 * (start + end) * (n - 1)
      default: return nil
      }
    }

    /// The places of the input, and their weights, that make an output place; `nil` for an unknown mode.
    func taps(_ place: Int) -> [(Int, Float)]? {
      guard let x = source(place) else { return nil }
      if coordinates == "tf_crop_and_resize", x < 0 || x > Float(extent - 1) { return [] }
      switch mode {
      case "nearest":
        let rounded: Float
        switch nearest {
        case "round_prefer_floor": rounded = (x - 0.5).rounded(.up)
        case "round_prefer_ceil": rounded = (x + 0.5).rounded(.down)
        case "floor": rounded = x.rounded(.down)
        case "ceil": rounded = x.rounded(.up)
        default: return nil
        }
        return [(min(max(Int(saturating: rounded), 0), extent - 1), 1)]
      case "linear", "bilinear":
        return weighted(x, radius: 1) { max(0, 1 - abs($0)) }
      case "cubic":
        return weighted(x, radius: 2) { distance in
          let (d, a) = (abs(distance), cubic)
          if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
          return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0
        }
      default: return nil
      }
    }

    private func weighted(_ x: Float, radius: Float, _ kernel: (Float) -> Float) -> [(Int, Float)] {
      // Shrinking with antialiasing widens the kernel over all that falls into one place.
      let stretch = antialiases && scale < 1 ? 1 / scale : 1
      // Beyond one extent on either side there is only more of the same.
      let first = max(Int(saturating: (x - radius * stretch).rounded(.down)), -extent - 4) + 1
      let last = max(first, min(Int(saturating: (x + radius * stretch).rounded(.up)), 2 * extent + 4) - 1)
      var taps: [(Int, Float)] = []
      for place in first...last {
        let isOutside = place < 0 || place >= extent
        if isOutside && (excludesOutside || stretch > 1) { continue }
        taps.append((min(max(place, 0), extent - 1), kernel((Float(place) - x) / stretch)))
      }
      let sum = taps.reduce(0) { $0 + $1.1 }
      guard excludesOutside || stretch > 1, sum != 0 else { return taps }
      return taps.map { ($0.0, $0.1 / sum) }
    }
  }

  func run() throws(InferenceError) -> [Value] {
    if output.contains(0) { return [Operators.cast(Value(output, []), to: value.type)] }
    var shape = value.shape
    var x = value.asFloats
    for axis in shape.indices where output[axis] != shape[axis] || taps[axis].contains(where: { $0.count != 1 }) {
      let (outer, step) = (Shape.product(shape[..<axis]), Shape.product(shape[(axis + 1)...]))
      try call.pause()
      let (from, to) = (shape[axis], output[axis])
      let places = taps[axis]
      x = [Float](unsafeUninitializedCapacity: outer * to * step) { result, initialised in
        x.withUnsafeBufferPointer { x in
          for row in 0..<outer where step == 1 {
            let (source, target) = (x.baseAddress! + row * from, result.baseAddress! + row * to)
            for place in 0..<to {
              var sum: Float = 0
              for tap in places[place] { sum += tap.weight * source[tap.place] }
              (target + place).initialize(to: sum)
            }
          }
          for row in 0..<outer where step > 1 {
            for place in 0..<to {
              let target = result.baseAddress! + (row * to + place) * step
              target.initialize(repeating: 0, count: step)
              if places[place].count == 1, places[place][0].weight == 1 {
                target.update(from: x.baseAddress! + (row * from + places[place][0].place) * step, count: step)
                continue
              }
              for tap in places[place] {
                let source = x.baseAddress! + (row * from + tap.place) * step
                for index in 0..<step { target[index] += tap.weight * source[index] }
              }
            }
          }
        }
        initialised = outer * to * step
      }
      shape[axis] = to
    }
    fillOutside(&x)
    return [Operators.cast(Value(output, x), to: value.type)]
  }

  /// The gradient with respect to the input: each place takes, from all places that it has a weight in, their gradients
  /// by that weight; axis after axis, the last first.
  func back(_ gradient: [Float]) throws(InferenceError) -> Value {
    guard !output.contains(0), gradient.count == Shape.product(output) else {
      return Value(value.shape, .init(repeating: 0, count: value.count))
    }
    var shape = output
    var g = gradient
    for axis in shape.indices.reversed() {
      try call.pause()
      let (outer, step) = (Shape.product(shape[..<axis]), Shape.product(shape[(axis + 1)...]))
      let (from, to) = (output[axis], value.shape[axis])
      let places = taps[axis]
      if from == to, places.enumerated().allSatisfy({ $1.count == 1 && $1[0].place == $0 && $1[0].weight == 1 }) {
        continue
      }
      var result = [Float](repeating: 0, count: outer * to * step)
      result.withUnsafeMutableBufferPointer { result in
        for row in 0..<outer {
          for place in 0..<from {
            for tap in places[place] {
              let (source, target) = ((row * from + place) * step, (row * to + tap.place) * step)
              for index in 0..<step { result[target + index] += tap.weight * g[source + index] }
            }
          }
        }
      }
      g = result
      shape[axis] = to
    }
    return Value(value.shape, g)
  }

  /// Places outside the region to be resized take the filler.
  private func fillOutside(_ x: inout [Float]) {
    guard taps.contains(where: { $0.contains { $0.isEmpty } }) else { return }
    let strides = Shape.strides(output)
    for index in x.indices
    where output.indices.contains(where: { taps[$0][index / strides[$0] % output[$0]].isEmpty }) {
      x[index] = filler
    }
  }
}
