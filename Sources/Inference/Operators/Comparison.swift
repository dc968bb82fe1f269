internal import Numerics

extension Operators {
  /// Yes or no, as the integers 1 and 0.
  static let comparison: Table = [
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
      return [Value(try call.value(0).shape, integers: values.map { $0 == 0 ? 1 : 0 }, type: .bool)]
    },
    "Where": { call throws(InferenceError) in try choose(call) },
  ]

  private static func compare(
    _ call: Call, _ float: ((Float, Float) -> Bool)?, _ integer: @escaping (Int64, Int64) -> Bool
  ) throws(InferenceError) -> [Value] {
    guard let float else {
      if try call.value(0).floats != nil { throw call.fail("has floating-point numbers; yes or no expected") }
      return [try combine(call, nil, { integer($0, $1) ? 1 : 0 })[0].typed(.bool)]
    }
    let answers = try combine(call, { float($0, $1) ? 1 : 0 }, { integer($0, $1) ? 1 : 0 })[0]
    if let floats = answers.floats {
      return [Value(answers.shape, integers: floats.map { Int64($0) }, type: .bool)]
    }
    return [answers.typed(.bool)]
  }

  /// The second input where the first is yes, the third elsewhere, all broadcast.
  private static func choose(_ call: Call) throws(InferenceError) -> [Value] {
    let condition = try call.integers(0)
    let (conditionShape, yes, no) = (try call.value(0).shape, try call.value(1), try call.value(2))
    guard let both = Shape.broadcast(yes.shape, no.shape), let shape = Shape.broadcast(conditionShape, both)
    else {
      throw call.fail("cannot combine shapes \(conditionShape), \(yes.shape) and \(no.shape)")
    }
    try call.check(size: shape, bytes: 32)
    let chosen = Shape.gather(condition, shape, strides: Shape.broadcastStrides(conditionShape, to: shape))
    let left = gathered(yes, shape, Shape.broadcastStrides(yes.shape, to: shape))
    let right = gathered(no, shape, Shape.broadcastStrides(no.shape, to: shape))
    if let a = left.floats, let b = right.floats {
      return [Value(shape, chosen.indices.map { chosen[$0] != 0 ? a[$0] : b[$0] }, type: yes.type)]
    }
    if let a = left.integers, let b = right.integers {
      return [Value(shape, integers: chosen.indices.map { chosen[$0] != 0 ? a[$0] : b[$0] }, type: yes.type)]
    }
    throw call.fail("mixes floating-point numbers and integers")
  }
}
