internal import Checkpoints

extension Operators {
  /// Arrays put together and taken apart.
  static let selection: Table = [
    "Concat": { call throws(InferenceError) in try concat(call) },
    "Gather": { call throws(InferenceError) in try gather(call) },
    "Slice": { call throws(InferenceError) in try slice(call) },
    "Split": { call throws(InferenceError) in try split(call) },
    "Tile": { call throws(InferenceError) in
      let value = try call.value(0)
      let repeats = try call.integers(1)
      guard repeats.count == value.shape.count, repeats.allSatisfy({ (0...1 << 24).contains($0) }) else {
        throw call.fail("repeats shape \(value.shape) \(repeats) times")
      }
      let shape = zip(value.shape, repeats).map { extent, count in
        let (product, overflow) = extent.multipliedReportingOverflow(by: count)
        return overflow ? .max : product
      }
      try call.check(size: shape, bytes: 8)
      // Each axis in two: which repeat, which place.
      let strides = Shape.strides(value.shape)
      let tiled = Operators.gathered(
        value, zip(repeats, value.shape).flatMap { [$0, $1] }, strides.flatMap { [0, $0] })
      return [tiled.reshaped(shape)]
    },
    "Pad": { call throws(InferenceError) in try pad(call) },
  ]

  private static func concat(_ call: Call) throws(InferenceError) -> [Value] {
    var values: [Value] = []
    for index in call.inputs.indices { values.append(try call.value(index)) }
    guard let first = values.first, let given = call.int("axis") else {
      throw call.fail("has no inputs or no axis")
    }
    let axis = try call.axis(given, of: first.shape.count)
    var shape = first.shape
    shape[axis] = 0
    for value in values {
      var rest = value.shape
      guard rest.count == shape.count else { throw call.fail("joins shapes \(values.map(\.shape))") }
      shape[axis] += rest[axis]
      rest[axis] = shape[axis]
      guard rest == shape else { throw call.fail("joins shapes \(values.map(\.shape)) along axis \(axis)") }
    }
    try call.check(size: shape)
    return [try joined(values, axis: axis, call)]
  }

  /// Values one after another along an axis.
  ///
  /// - Precondition: at least one; their shapes differ along the axis alone.
  static func joined(_ values: [Value], axis: Int, _ call: Call) throws(InferenceError) -> Value {
    var shape = values[0].shape
    shape[axis] = values.reduce(0) { $0 + $1.shape[axis] }
    try call.check(size: shape)
    let outer = Shape.product(shape[..<axis])
    let widths = values.map { Shape.product($0.shape[axis...]) }
    if case .floats = values[0].elements {
      var parts: [[Float]] = []
      for value in values {
        guard let floats = value.floats else { throw call.fail("mixes floating-point numbers and integers") }
        parts.append(floats)
      }
      return Value(shape, interleaved(parts, widths, outer), type: values[0].type)
    }
    var parts: [[Int64]] = []
    for value in values {
      guard let integers = value.integers else { throw call.fail("mixes floating-point numbers and integers") }
      parts.append(integers)
    }
    return Value(shape, integers: interleaved(parts, widths, outer), type: values[0].type)
  }

  private static func interleaved<Element>(_ parts: [[Element]], _ widths: [Int], _ outer: Int) -> [Element] {
    var joined: [Element] = []
    joined.reserveCapacity(outer * widths.reduce(0, +))
    for row in 0..<outer {
      for (part, width) in zip(parts, widths) { joined += part[row * width..<(row + 1) * width] }
    }
    return joined
  }

  /// The slices of `data` along an axis that the indices name, in the indices' shape.
  private static func gather(_ call: Call) throws(InferenceError) -> [Value] {
    let data = try call.value(0)
    let wanted = try call.integers(1)
    let indicesShape = try call.value(1).shape
    let axis = try call.axis(call.int("axis") ?? 0, of: data.shape.count)
    let extent = data.shape[axis]
    let inner = Shape.product(data.shape[(axis + 1)...])
    let outer = Shape.product(data.shape[..<axis])
    var indices: [Int] = []
    for index in wanted {
      let place = index < 0 ? index + extent : index
      guard place >= 0, place < extent else { throw call.fail("takes number \(index) of \(extent)") }
      indices.append(place)
    }
    let shape = Array(data.shape[..<axis]) + indicesShape + data.shape[(axis + 1)...]
    try call.check(size: shape, bytes: data.floats == nil ? 8 : 4)
    func taken<Element>(_ source: [Element]) -> [Element] {
      var result: [Element] = []
      result.reserveCapacity(outer * indices.count * inner)
      for row in 0..<outer {
        for index in indices {
          let start = (row * extent + index) * inner
          result += source[start..<start + inner]
        }
      }
      return result
    }
    switch data.elements {
    case .floats(let floats): return [Value(shape, taken(floats), type: data.type)]
    case .integers(let integers): return [Value(shape, integers: taken(integers), type: data.type)]
    }
  }

  /// Parts along an axis, of given or of equal extents.
  private static func split(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let axis = try call.axis(call.int("axis") ?? 0, of: value.shape.count)
    let extent = value.shape[axis]
    let number = call.node.outputs.count
    let equal = (extent + number - 1) / max(1, number)
    let parts =
      try call.ints("split", orInput: 1) ?? (0..<number).map { max(0, min(equal, extent - $0 * equal)) }
    guard parts.count == number, parts.allSatisfy({ (0...extent).contains($0) }), parts.reduce(0, +) == extent
    else {
      throw call.fail("splits an extent of \(extent) into \(parts) for \(number) outputs")
    }
    try call.check(size: value.shape, bytes: 8)
    let strides = Shape.strides(value.shape)
    var offset = 0
    return parts.map { part in
      var shape = value.shape
      shape[axis] = part
      defer { offset += part * strides[axis] }
      return gathered(value, shape, strides, offset: offset)
    }
  }

  /// Python's slices; starts, ends, axes and steps are inputs from operator set 10 on, attributes before.
  private static func slice(_ call: Call) throws(InferenceError) -> [Value] {
    let data = try call.value(0)
    guard let starts = try call.ints("starts", orInput: 1), let ends = try call.ints("ends", orInput: 2)
    else {
      throw call.fail("has no starts or no ends")
    }
    let axes = try call.axes(try call.ints("axes", orInput: 3) ?? Array(starts.indices), of: data.shape.count)
    let steps = try call.ints("steps", orInput: 4) ?? .init(repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count,
      steps.allSatisfy({ $0 != 0 })
    else { throw call.fail("has starts \(starts), ends \(ends), axes \(axes), steps \(steps)") }
    try call.check(size: data.shape, bytes: 4)
    var shape = data.shape
    var strides = Shape.strides(data.shape)
    var offset = 0
    for (number, axis) in axes.enumerated() {
      // No axis is so long that a longer step makes a difference, and this one has a negative.
      let (extent, step) = (data.shape[axis], max(steps[number], -.max))
      // Clamped as Python does: past the end for steps forward, before the start for steps back.
      let (low, high) = step > 0 ? (0, extent) : (-1, extent - 1)
      func clamped(_ bound: Int) -> Int {
        min(max(bound < 0 ? max(bound, -extent - 1) + extent : bound, low), high)
      }
      let (start, end) = (clamped(starts[number]), clamped(ends[number]))
      let distance = step > 0 ? end - start : start - end
      shape[axis] = distance <= 0 ? 0 : (distance - 1) / abs(step) + 1
      offset += start * strides[axis]
      // A step longer than the axis is never taken; it must not overflow either.
      strides[axis] *= min(max(step, -extent - 1), extent + 1)
    }
    return [gathered(data, shape, strides, offset: offset)]
  }

  /// Numbers added (or, where negative, taken off) around an array: constant, reflected or repeated from its edge.
  private static func pad(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let shape = value.shape
    let rank = shape.count
    guard let given = try call.ints("pads", orInput: 1) else { throw call.fail("has no pads") }
    let axes = call.optional(3) == nil ? Array(0..<rank) : try call.axes(try call.integers(3), of: rank)
    guard given.count == 2 * axes.count, given.allSatisfy({ (-1 << 24...1 << 24).contains($0) }) else {
      throw call.fail("has pads \(given) for \(axes.count) axes")
    }
    let mode = call.string("mode") ?? "constant"
    guard ["constant", "reflect", "edge", "wrap"].contains(mode) else { throw call.fail("pads by \(mode)") }

    var output = shape
    for (number, axis) in axes.enumerated() { output[axis] += given[number] + given[number + axes.count] }
    guard output.allSatisfy({ $0 >= 0 }) else {
      throw call.fail("takes more off shape \(shape) than there is")
    }
    try call.check(size: output, bytes: 16)
    if output.contains(0) { return [gathered(value, output, Shape.strides(output))] }

    // For each axis the source of each place; −1 for the filler.
    var sources = shape.indices.map { axes.contains($0) ? [] : Array(0..<shape[$0]) }
    for (number, axis) in axes.enumerated() {
      let (before, after, extent) = (given[number], given[number + axes.count], shape[axis])
      sources[axis] = (-before..<extent + after).map { place in
        if (0..<extent).contains(place) { return place }
        switch mode {
        case "edge": return extent == 0 ? -1 : min(max(place, 0), extent - 1)
        case "reflect":
          guard extent > 1 else { return extent - 1 }
          let period = 2 * (extent - 1)
          let turned = (place % period + period) % period
          return turned < extent ? turned : period - turned
        case "wrap": return extent == 0 ? -1 : (place % extent + extent) % extent
        default: return -1
        }
      }
    }
    switch value.elements {
    case .floats(let x):
      let filler = try call.scalar(2) ?? call.float("value") ?? 0
      return [Value(output, padded(x, shape, output, sources, filler), type: value.type)]
    case .integers(let x):
      let filler = Int64(try call.integer(2) ?? 0)
      return [Value(output, integers: padded(x, shape, output, sources, filler), type: value.type)]
    }
  }

  /// An array whose places along each axis come from the `sources` of that axis, −1 from the filler.
  private static func padded<Element>(
    _ x: [Element], _ shape: [Int], _ output: [Int], _ sources: [[Int]], _ filler: Element
  ) -> [Element] {
    guard let columns = sources.last else { return x }
    var result = [Element](repeating: filler, count: Shape.product(output))
    guard !result.isEmpty, !x.isEmpty else { return result }
    let (strides, targets) = (Shape.strides(shape), Shape.strides(output))
    // The stretch of columns that is copied as it lies.
    let first = columns.firstIndex(of: 0) ?? 0
    var run = 0
    while first + run < columns.count, columns[first + run] == run { run += 1 }
    func fill(_ axis: Int, _ from: Int, _ to: Int) {
      if axis == shape.count - 1 {
        x.withUnsafeBufferPointer { x in
          result.withUnsafeMutableBufferPointer { result in
            let (source, target) = (x.baseAddress! + from, result.baseAddress! + to)
            for place in 0..<first where columns[place] >= 0 { target[place] = source[columns[place]] }
            (target + first).update(from: source, count: run)
            for place in first + run..<columns.count where columns[place] >= 0 {
              target[place] = source[columns[place]]
            }
          }
        }
        return
      }
      for (place, source) in sources[axis].enumerated() where source >= 0 {
        fill(axis + 1, from + source * strides[axis], to + place * targets[axis])
      }
    }
    fill(0, 0, 0)
    return result
  }
}
