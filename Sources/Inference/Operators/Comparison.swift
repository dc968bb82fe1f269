extension Operators {
  /// Yes or no, as the integers 1 and 0.
  static let comparison: [String: Network.Operator] = [
    "Equal": { call throws(InferenceError) in try compare(call, { $0 == $1 }, { $0 == $1 }) },
    "Less": { call throws(InferenceError) in try compare(call, { $0 < $1 }, { $0 < $1 }) },
    "LessOrEqual": { call throws(InferenceError) in try compare(call, { $0 <= $1 }, { $0 <= $1 }) },
    "Greater": { call throws(InferenceError) in try compare(call, { $0 > $1 }, { $0 > $1 }) },
    "GreaterOrEqual": { call throws(InferenceError) in try compare(call, { $0 >= $1 }, { $0 >= $1 }) },
    "And": { call throws(InferenceError) in try compare(call, nil, { $0 != 0 && $1 != 0 }) },
    "Or": { call throws(InferenceError) in try compare(call, nil, { $0 != 0 || $1 != 0 }) },
    "Xor": { call throws(InferenceError) in try compare(call, nil, { ($0 != 0) != ($1 != 0) }) },
    "Not": { call throws(InferenceError) in
      let values = try call.integers(0)
      return [Value(try call.value(0).shape, integers: values.map { $0 == 0 ? 1 : 0 })]
    },
    "Where": { call throws(InferenceError) in try choose(call) },
    "ArgMax": { call throws(InferenceError) in try argMax(call) },
  ]

  private static func compare(
    _ call: Call, _ float: ((Float, Float) -> Bool)?, _ integer: @escaping (Int64, Int64) -> Bool
  ) throws(InferenceError) -> [Value] {
    guard let float else {
      if try call.value(0).floats != nil { throw call.fail("has floating-point numbers; yes or no expected") }
      return try combine(call, { $0 + $1 }, { integer($0, $1) ? 1 : 0 })
    }
    let answers = try combine(call, { float($0, $1) ? 1 : 0 }, { integer($0, $1) ? 1 : 0 })[0]
    return [answers.floats.map { Value(answers.shape, integers: $0.map { Int64($0) }) } ?? answers]
  }

  /// The second input where the first is yes, the third elsewhere, all broadcast.
  private static func choose(_ call: Call) throws(InferenceError) -> [Value] {
    let condition = try call.integers(0)
    let (conditionShape, yes, no) = (try call.value(0).shape, try call.value(1), try call.value(2))
    guard let both = Shape.broadcast(yes.shape, no.shape), let shape = Shape.broadcast(conditionShape, both)
    else {
      throw call.fail("cannot combine shapes \(conditionShape), \(yes.shape) and \(no.shape)")
    }
    try call.check(size: shape)
    let chosen = Shape.gather(condition, shape, strides: Shape.broadcastStrides(conditionShape, to: shape))
    let left = gathered(yes, shape, Shape.broadcastStrides(yes.shape, to: shape))
    let right = gathered(no, shape, Shape.broadcastStrides(no.shape, to: shape))
    if let a = left.floats, let b = right.floats {
      return [Value(shape, chosen.indices.map { chosen[$0] != 0 ? a[$0] : b[$0] })]
    }
    if let a = left.integers, let b = right.integers {
      return [Value(shape, integers: chosen.indices.map { chosen[$0] != 0 ? a[$0] : b[$0] })]
    }
    throw call.fail("mixes floating-point numbers and integers")
  }

  /// The place of the largest number along an axis; of equal ones the first, or the last where asked for.
  private static func argMax(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 1)
    let axis = try call.axis(call.int("axis") ?? 0, of: shape.count)
    let takesLast = call.int("select_last_index") ?? 0 != 0
    let (width, step) = (shape[axis], Shape.product(shape[(axis + 1)...]))
    guard !x.isEmpty else { throw call.fail("has an empty input of shape \(shape)") }
    var places: [Int64] = []
    for outer in stride(from: 0, to: x.count, by: width * step) {
      for inner in 0..<step {
        var best = 0
        for place in 1..<max(1, width) {
          let (value, largest) = (x[outer + inner + place * step], x[outer + inner + best * step])
          if value > largest || (takesLast && value == largest) { best = place }
        }
        places.append(Int64(best))
      }
    }
    var result = shape
    if call.int("keepdims") ?? 1 != 0 { result[axis] = 1 } else { result.remove(at: axis) }
    return [Value(result, integers: places)]
  }
}
