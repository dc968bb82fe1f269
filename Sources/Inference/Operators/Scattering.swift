internal import Numerics

extension Operators {
  /// Numbers taken from, and put into, places that another input names; and rearrangements by fixed rules.
  static let scattering: Table = [
    "GatherElements": { call throws(InferenceError) in
      let data = try call.value(0)
      let axis = try call.axis(call.int("axis") ?? 0, of: data.shape.count)
      let places = try elementPlaces(call, data.shape, axis)
      return [data.picked(places, try call.value(1).shape)]
    },
    "GatherND": { call throws(InferenceError) in
      let data = try call.value(0)
      let batches = call.int("batch_dims") ?? 0
      let (places, shape, width) = try tuplePlaces(call, data.shape, batches)
      let all = places.flatMap { start in (start..<start + width) }
      return [data.picked(all, shape)]
    },
    "ScatterElements": { call throws(InferenceError) in try scatterElements(call) },
    "Scatter": { call throws(InferenceError) in try scatterElements(call) },
    "ScatterND": { call throws(InferenceError) in
      let data = try call.value(0)
      let (places, shape, width) = try tuplePlaces(call, data.shape, 0)
      let updates = try call.value(2)
      guard updates.shape == shape else {
        throw call.fail("puts numbers of shape \(updates.shape) where \(shape) is expected")
      }
      return [try put(updates, into: data, at: places.flatMap { ($0..<$0 + width) }, call)]
    },
    "OneHot": { call throws(InferenceError) in
      let (indices, values) = (try call.value(0), try call.value(2))
      guard let depth = try call.scalar(1).map({ Int(saturating: $0) }), depth >= 0, values.count == 2 else {
        throw call.fail("has no depth or not two values")
      }
      let axis = try call.axis(call.int("axis") ?? -1, of: indices.shape.count + 1)
      var shape = indices.shape
      shape.insert(depth, at: axis)
      try call.check(size: shape, bytes: 16)
      let inner = Shape.product(indices.shape[axis...])
      var places = [Int](repeating: 0, count: Shape.product(shape))
      for (number, index) in indices.asFloats.enumerated() {
        let wanted = Int(saturating: index)
        let place = wanted < 0 ? wanted + depth : wanted
        guard (0..<depth).contains(place) else { continue }
        places[(number / max(1, inner) * depth + place) * inner + number % max(1, inner)] = 1
      }
      return [values.picked(places, shape)]
    },
    "Compress": { call throws(InferenceError) in
      let given = try call.value(0)
      let value = call.int("axis") == nil ? given.reshaped([given.count]) : given
      let axis = try call.axis(call.int("axis") ?? 0, of: value.shape.count)
      let wanted = try call.integers(1)
      guard wanted.count <= value.shape[axis] else {
        throw call.fail("has a condition of \(wanted.count) for an axis of \(value.shape[axis])")
      }
      try call.check(size: value.shape, bytes: 16)
      return [value.taking(wanted.indices.filter { wanted[$0] != 0 }, axis: axis)]
    },
    "ReverseSequence": { call throws(InferenceError) in
      let value = try call.value(0)
      let lengths = try call.integers(1)
      let batch = try call.axis(call.int("batch_axis") ?? 1, of: value.shape.count)
      let time = try call.axis(call.int("time_axis") ?? 0, of: value.shape.count)
      guard batch != time, lengths.count == value.shape[batch],
        lengths.allSatisfy({ (0...value.shape[time]).contains($0) })
      else { throw call.fail("turns lengths \(lengths) of shape \(value.shape)") }
      try call.check(size: value.shape, bytes: 16)
      let strides = Shape.strides(value.shape)
      let places = (0..<value.count).map { place in
        let (step, length) = (
          place / strides[time] % value.shape[time], lengths[place / strides[batch] % value.shape[batch]]
        )
        return step < length ? place + (length - 1 - 2 * step) * strides[time] : place
      }
      return [value.picked(places, value.shape)]
    },
    "Trilu": { call throws(InferenceError) in
      let value = try call.value(0)
      guard value.shape.count >= 2 else { throw call.fail("has an input of shape \(value.shape); matrices expected") }
      try call.check(size: value.shape, bytes: 16)
      let (rows, columns) = (value.shape[value.shape.count - 2], value.shape[value.shape.count - 1])
      let offset = max(-(1 << 40), min(1 << 40, try call.integer(1) ?? 0))
      let isUpper = call.int("upper") ?? 1 != 0
      let places = (0..<value.count).map { place in
        let distance = place % columns - place / columns % rows - offset
        return isUpper ? distance >= 0 ? place : -1 : distance <= 0 ? place : -1
      }
      return [value.picked(places, value.shape)]
    },
    "EyeLike": { call throws(InferenceError) in
      let value = try call.value(0)
      guard value.shape.count == 2 else { throw call.fail("has an input of shape \(value.shape); a matrix expected") }
      try call.check(size: value.shape, bytes: 16)
      let type = call.int("dtype").flatMap { ElementType(onnx: $0) } ?? value.type
      let offset = max(-(1 << 40), min(1 << 40, call.int("k") ?? 0))
      let ones: [Int64] = (0..<value.count).map {
        $0 % value.shape[1] - $0 / value.shape[1] == offset ? 1 : 0
      }
      return [cast(Value(value.shape, integers: ones), to: type)]
    },
    "DepthToSpace": { call throws(InferenceError) in
      let (value, block) = try blocks(call)
      let (n, c, h, w) = (value.shape[0], value.shape[1], value.shape[2], value.shape[3])
      guard c % (block * block) == 0 else {
        throw call.fail("makes blocks of \(block) × \(block) of \(c) channels, which do not divide")
      }
      let depth = c / (block * block)
      let s = Shape.strides(value.shape)
      // (n, depth, h, block, w, block) of the input's channels in either order.
      let channels =
        call.string("mode") == "CRD"
        ? (depth: block * block, down: block, right: 1) : (depth: 1, down: depth * block, right: depth)
      let turned = gathered(
        value, [n, depth, h, block, w, block],
        [s[0], channels.depth * s[1], s[2], channels.down * s[1], s[3], channels.right * s[1]])
      return [turned.reshaped([n, depth, h * block, w * block])]
    },
    "SpaceToDepth": { call throws(InferenceError) in
      let (value, block) = try blocks(call)
      let (n, c, h, w) = (value.shape[0], value.shape[1], value.shape[2], value.shape[3])
      guard h % block == 0, w % block == 0 else {
        throw call.fail("makes blocks of \(block) × \(block) of \(h) × \(w), which do not divide")
      }
      let s = Shape.strides(value.shape)
      let turned = gathered(
        value, [n, block, block, c, h / block, w / block], [s[0], s[2], s[3], s[1], block * s[2], block * s[3]])
      return [turned.reshaped([n, c * block * block, h / block, w / block])]
    },
    "CumSum": { call throws(InferenceError) in
      let value = try call.value(0)
      let axis = try call.axis(try call.integer(1) ?? 0, of: value.shape.count)
      let (isExclusive, isReverse) = (call.flag("exclusive"), call.flag("reverse"))
      switch value.elements {
      case .floats(let floats):
        return [Value(value.shape, running(floats, value.shape, axis, isExclusive, isReverse, +))]
      case .integers(let integers):
        return [.wrapping(value.shape, running(integers, value.shape, axis, isExclusive, isReverse, &+), value.type)]
      }
    },
  ]

  private static func running<Number: Numeric>(
    _ x: [Number], _ shape: [Int], _ axis: Int, _ isExclusive: Bool, _ isReverse: Bool,
    _ add: (Number, Number) -> Number
  ) -> [Number] {
    let (width, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    var result = x
    guard !x.isEmpty else { return x }
    for outer in stride(from: 0, to: x.count, by: width * step) {
      for inner in 0..<step {
        var sum: Number = 0
        for number in 0..<width {
          let place = outer + inner + (isReverse ? width - 1 - number : number) * step
          let next = add(sum, x[place])
          result[place] = isExclusive ? sum : next
          sum = next
        }
      }
    }
    return result
  }

  /// The input (n, c, h, w) and the blocksize.
  private static func blocks(_ call: Call) throws(InferenceError) -> (Value, Int) {
    let value = try call.value(0)
    guard value.shape.count == 4, let block = call.int("blocksize"), (1...1 << 20).contains(block) else {
      throw call.fail("has an input of shape \(value.shape) or no blocksize; four axes expected")
    }
    return (value, block)
  }

  /// For each element of the indices (input 1) the flat place in an array of `shape` whose coordinate along the axis
  /// is the index and whose others are the element's own.
  private static func elementPlaces(_ call: Call, _ shape: [Int], _ axis: Int) throws(InferenceError) -> [Int] {
    let indices = try call.integers(1)
    let own = try call.value(1).shape
    guard own.count == shape.count, own.indices.allSatisfy({ $0 == axis || own[$0] <= shape[$0] }) else {
      throw call.fail("has indices of shape \(own) for an array of shape \(shape)")
    }
    try call.check(size: own, bytes: 16)
    let (strides, ownStrides) = (Shape.strides(shape), Shape.strides(own))
    var places: [Int] = []
    places.reserveCapacity(indices.count)
    for (number, index) in indices.enumerated() {
      let wanted = index < 0 ? index + shape[axis] : index
      guard (0..<shape[axis]).contains(wanted) else { throw call.fail("takes number \(index) of \(shape[axis])") }
      var place = wanted * strides[axis]
      for other in own.indices where other != axis { place += number / ownStrides[other] % own[other] * strides[other] }
      places.append(place)
    }
    return places
  }

  /// For each tuple in the last axis of the indices (input 1) where its slice of an array of `shape` begins; the shape
  /// of all slices together, and how many numbers each has.
  private static func tuplePlaces(_ call: Call, _ shape: [Int], _ batches: Int) throws(InferenceError)
    -> (places: [Int], shape: [Int], width: Int)
  {
    let indices = try call.integers(1)
    let own = try call.value(1).shape
    guard let length = own.last, batches >= 0, batches < own.count, batches + length <= shape.count,
      own.prefix(batches) == shape.prefix(batches)
    else { throw call.fail("has indices of shape \(own) for an array of shape \(shape)") }
    let strides = Shape.strides(shape)
    let tuples = Shape.product(own.dropLast())
    let perBatch = Shape.product(own.dropLast().dropFirst(batches))
    let batchSize = Shape.product(shape[batches...])
    try call.check(size: own.dropLast() + shape[(batches + length)...], bytes: 16)
    var places: [Int] = []
    for tuple in 0..<tuples {
      var place = perBatch > 0 ? tuple / perBatch * batchSize : 0
      for position in 0..<length {
        let (index, extent) = (indices[tuple * length + position], shape[batches + position])
        let wanted = index < 0 ? index + extent : index
        guard (0..<extent).contains(wanted) else { throw call.fail("takes number \(index) of \(extent)") }
        place += wanted * strides[batches + position]
      }
      places.append(place)
    }
    let rest = Array(shape[(batches + length)...])
    let result = own.dropLast() + rest
    return (places, Array(result), Shape.product(rest))
  }

  private static func scatterElements(_ call: Call) throws(InferenceError) -> [Value] {
    let data = try call.value(0)
    let axis = try call.axis(call.int("axis") ?? 0, of: data.shape.count)
    let places = try elementPlaces(call, data.shape, axis)
    let updates = try call.value(2)
    guard updates.count == places.count else {
      throw call.fail("puts \(updates.count) numbers into \(places.count) places")
    }
    return [try put(updates, into: data, at: places, call)]
  }

  /// Numbers put into flat places of an array, or combined with what is there as `reduction` says.
  private static func put(_ updates: Value, into data: Value, at places: [Int], _ call: Call) throws(InferenceError)
    -> Value
  {
    let reduction = call.string("reduction") ?? "none"
    guard ["none", "add", "mul", "min", "max"].contains(reduction) else {
      throw call.fail("has the reduction \(reduction)")
    }
    switch (data.elements, updates.elements) {
    case (.floats(var result), .floats(let values)):
      for (place, value) in zip(places, values) {
        switch reduction {
        case "add": result[place] += value
        case "mul": result[place] *= value
        case "min": result[place] = min(result[place], value)
        case "max": result[place] = max(result[place], value)
        default: result[place] = value
        }
      }
      return Value(data.shape, result, type: data.type)
    case (.integers(var result), .integers(let values)):
      for (place, value) in zip(places, values) {
        switch reduction {
        case "add": result[place] &+= value
        case "mul": result[place] &*= value
        case "min": result[place] = min(result[place], value)
        case "max": result[place] = max(result[place], value)
        default: result[place] = value
        }
      }
      return .wrapping(data.shape, result, data.type)
    default: throw call.fail("mixes floating-point numbers and integers")
    }
  }
}

extension Value {
  /// Some slices along an axis.
  ///
  /// - Precondition: there are such slices.
  func taking(_ slices: [Int], axis: Int) -> Value {
    let (extent, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    var result = shape
    result[axis] = slices.count
    var places: [Int] = []
    for row in 0..<Shape.product(shape[..<axis]) {
      for slice in slices { places += (row * extent + slice) * step..<(row * extent + slice + 1) * step }
    }
    return picked(places, result)
  }
}

extension Int {
  /// The nearest Int to a number, towards zero; 0 for what is no number.
  init(saturating number: Float) { self = Int(Int64(saturating: number.rounded(.towardZero))) }
}
