internal import Numerics

extension Operators {
  /// Numbers found by their size or place.
  static let searching: Table = [
    "ArgMax": { call throws(InferenceError) in try extreme(call, sign: 1) },
    "ArgMin": { call throws(InferenceError) in try extreme(call, sign: -1) },
    "TopK": { call throws(InferenceError) in try topK(call) },
    "NonZero": { call throws(InferenceError) in
      let value = try call.value(0)
      let isSet: [Bool] =
        switch value.elements {
        case .floats(let floats): floats.map { $0 != 0 }
        case .integers(let integers): integers.map { $0 != 0 }
        }
      let places = isSet.indices.filter { isSet[$0] }
      // A lone number counts as a vector of one.
      try call.check(size: [max(1, value.shape.count), places.count], bytes: 16)
      let strides = value.shape.isEmpty ? [1] : Shape.strides(value.shape)
      let shape = value.shape.isEmpty ? [1] : value.shape
      var coordinates: [Int64] = []
      for axis in shape.indices { coordinates += places.map { Int64($0 / strides[axis] % shape[axis]) } }
      return [
        Value(
          [value.shape.isEmpty ? 0 : shape.count, value.shape.isEmpty ? 0 : places.count],
          integers: value.shape.isEmpty ? [] : coordinates)
      ]
    },
    "Unique": { call throws(InferenceError) in try unique(call) },
    "NonMaxSuppression": { call throws(InferenceError) in try suppress(call) },
  ]

  /// A value's elements as numbers that can be compared: Floats as they are, integers exactly.
  private static func isBefore(_ value: Value) -> (Int, Int) -> Bool {
    switch value.elements {
    case .floats(let floats): { floats[$0] < floats[$1] }
    case .integers(let integers): { integers[$0] < integers[$1] }
    }
  }

  /// The place of the largest (or smallest) number along an axis; of equal ones the first, or the last where asked for.
  private static func extreme(_ call: Call, sign: Int) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let shape = value.shape
    guard !shape.isEmpty else { return [Value([], integers: [0])] }
    let axis = try call.axis(call.int("axis") ?? 0, of: shape.count)
    let takesLast = call.flag("select_last_index")
    let (width, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    var result = shape
    if call.int("keepdims") ?? 1 != 0 { result[axis] = 1 } else { result.remove(at: axis) }
    guard width > 0 || result.contains(0) else { throw call.fail("has an empty input of shape \(shape)") }
    guard value.count > 0 else { return [Value(result, integers: [])] }
    let isLess = isBefore(value)
    var places: [Int64] = []
    places.reserveCapacity(value.count / width)
    for outer in stride(from: 0, to: value.count, by: width * step) {
      try call.pause()
      for inner in 0..<step {
        var best = 0
        for place in 1..<max(1, width) {
          let (one, other) = (outer + inner + place * step, outer + inner + best * step)
          let isBetter = sign > 0 ? isLess(other, one) : isLess(one, other)
          if isBetter || (takesLast && !isLess(one, other) && !isLess(other, one)) { best = place }
        }
        places.append(Int64(best))
      }
    }
    return [Value(result, integers: places)]
  }

  /// The k largest (or smallest) along an axis, in order, and their places; of equal ones the first comes first.
  private static func topK(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let axis = try call.axis(call.int("axis") ?? -1, of: value.shape.count)
    let (width, step) = (value.shape[axis], Shape.product(value.shape[(axis + 1)...]))
    guard let k = try call.integer(1) ?? call.int("k"), (0...width).contains(k) else {
      throw call.fail("takes more numbers than its axis of \(width) has, or no number is given")
    }
    let takesLargest = call.int("largest") ?? 1 != 0
    let isLess = isBefore(value)
    var shape = value.shape
    shape[axis] = k
    try call.check(size: shape, bytes: 24)
    try call.check(size: value.shape, bytes: 8)
    let outerCount = Shape.product(value.shape[..<axis])
    var chosen = [Int](repeating: 0, count: Shape.product(shape))
    var places = [Int64](repeating: 0, count: chosen.count)
    for outer in 0..<outerCount {
      for inner in 0..<step {
        try call.pause()
        let base = outer * width * step + inner
        let order = (0..<width).sorted { one, other in
          let (a, b) = (base + one * step, base + other * step)
          if takesLargest ? isLess(b, a) : isLess(a, b) { return true }
          if takesLargest ? isLess(a, b) : isLess(b, a) { return false }
          return one < other
        }
        for rank in 0..<k {
          let target = (outer * k + rank) * step + inner
          chosen[target] = base + order[rank] * step
          places[target] = Int64(order[rank])
        }
      }
    }
    return [value.picked(chosen, shape), Value(shape, integers: places)]
  }

  /// The different numbers, or slices along an axis: themselves, where each occurs first, which of them each is, and
  /// how often.
  private static func unique(_ call: Call) throws(InferenceError) -> [Value] {
    let given = try call.value(0)
    let value = call.int("axis") == nil ? given.reshaped([given.count]) : given
    let axis = try call.axis(call.int("axis") ?? 0, of: value.shape.count)
    let (extent, step) = (value.shape[axis], Shape.product(value.shape[(axis + 1)...]))
    let outer = Shape.product(value.shape[..<axis])
    try call.check(size: value.shape, bytes: 96)
    let isLess = isBefore(value)
    func members(_ slice: Int) -> [Int] {
      (0..<outer).flatMap { row in (0..<step).map { (row * extent + slice) * step + $0 } }
    }
    let slices = (0..<extent).map(members)
    func precedes(_ a: Int, _ b: Int) -> Bool { slices[a].lexicographicallyPrecedes(slices[b], by: isLess) }
    let sorted = (0..<extent).sorted { precedes($0, $1) || (!precedes($1, $0) && $0 < $1) }
    // Runs of equal slices; the first of a run is the one that occurs first.
    var groups: [[Int]] = []
    for slice in sorted {
      if let last = groups.last, !precedes(last[0], slice) {
        groups[groups.count - 1].append(slice)
      } else {
        groups.append([slice])
      }
    }
    if call.int("sorted") ?? 1 == 0 { groups.sort { $0[0] < $1[0] } }
    var inverse = [Int64](repeating: 0, count: extent)
    for (number, group) in groups.enumerated() { for slice in group { inverse[slice] = Int64(number) } }
    var shape = value.shape
    shape[axis] = groups.count
    let places = (0..<outer).flatMap { row in
      groups.flatMap { group in (0..<step).map { (row * extent + group[0]) * step + $0 } }
    }
    return [
      value.picked(places, shape), Value([groups.count], integers: groups.map { Int64($0[0]) }),
      Value([extent], integers: inverse), Value([groups.count], integers: groups.map { Int64($0.count) }),
    ]
  }

  /// Boxes (images, boxes, 4) and scores (images, classes, boxes): of each image and class the boxes with the highest
  /// scores that overlap no better one by more than a threshold (intersection over union).
  private static func suppress(_ call: Call) throws(InferenceError) -> [Value] {
    let (boxesShape, boxes) = try call.floats(0, rank: 3)
    let (scoresShape, scores) = try call.floats(1, rank: 3)
    guard boxesShape.count == 3, boxesShape[2] == 4, scoresShape.count == 3, scoresShape[0] == boxesShape[0],
      scoresShape[2] == boxesShape[1]
    else { throw call.fail("has boxes of shape \(boxesShape) and scores of shape \(scoresShape)") }
    let most = try call.integer(2) ?? 0
    let overlap = try call.scalar(3) ?? 0
    let least = try call.scalar(4) ?? -.infinity
    let isCentred = call.flag("center_point_box")
    let count = boxesShape[1]
    func corners(_ box: Int) -> (Float, Float, Float, Float) {
      let (a, b, c, d) = (boxes[4 * box], boxes[4 * box + 1], boxes[4 * box + 2], boxes[4 * box + 3])
      if isCentred { return (b - d / 2, a - c / 2, b + d / 2, a + c / 2) }
      return (min(a, c), min(b, d), max(a, c), max(b, d))
    }
    func ratio(_ one: Int, _ other: Int) -> Float {
      let (a, b) = (corners(one), corners(other))
      let height = max(0, min(a.2, b.2) - max(a.0, b.0))
      let width = max(0, min(a.3, b.3) - max(a.1, b.1))
      let union = (a.2 - a.0) * (a.3 - a.1) + (b.2 - b.0) * (b.3 - b.1) - height * width
      return union > 0 ? height * width / union : 0
    }
    var found: [Int64] = []
    for image in 0..<scoresShape[0] {
      for kind in 0..<scoresShape[1] {
        let row = (image * scoresShape[1] + kind) * count
        let order = (0..<count).filter { scores[row + $0] > least }
          .sorted { scores[row + $0] > scores[row + $1] || (scores[row + $0] == scores[row + $1] && $0 < $1) }
        var kept: [Int] = []
        for box in order where kept.count < most {
          try call.pause()
          let place = image * count + box
          if kept.allSatisfy({ ratio(place, image * count + $0) <= overlap }) { kept.append(box) }
        }
        for box in kept { found += [Int64(image), Int64(kind), Int64(box)] }
      }
    }
    return [Value([found.count / 3, 3], integers: found)]
  }
}
