internal import Checkpoints

extension Operators {
  /// The same numbers in another shape or order, and numbers about shapes.
  static let shaping: Table = [
    "Flatten": { call throws(InferenceError) in
      let value = try call.value(0)
      let axis = try call.axis(call.int("axis") ?? 1, of: value.shape.count, allowingEnd: true)
      return [value.reshaped([Shape.product(value.shape[..<axis]), Shape.product(value.shape[axis...])])]
    },
    "Reshape": { call throws(InferenceError) in try reshape(call) },
    "Transpose": { call throws(InferenceError) in try transpose(call) },
    "Squeeze": { call throws(InferenceError) in
      let value = try call.value(0)
      let given = try call.ints("axes", orInput: 1)
      let axes =
        try given.map { given throws(InferenceError) in try call.axes(given, of: value.shape.count) }
        ?? value.shape.indices.filter { value.shape[$0] == 1 }
      guard axes.allSatisfy({ value.shape[$0] == 1 }) else {
        throw call.fail("squeezes the axes \(axes) of shape \(value.shape), which are not all 1")
      }
      return [value.reshaped(value.shape.indices.filter { !axes.contains($0) }.map { value.shape[$0] })]
    },
    "Unsqueeze": { call throws(InferenceError) in
      let value = try call.value(0)
      let given = try call.ints("axes", orInput: 1) ?? []
      let axes = try call.axes(given, of: value.shape.count + given.count)
      var rest = value.shape[...]
      let shape = (0..<value.shape.count + axes.count).map { axes.contains($0) ? 1 : rest.removeFirst() }
      return [value.reshaped(shape)]
    },
    "Shape": { call throws(InferenceError) in
      let shape = try call.value(0).shape
      func bound(_ name: String, _ standard: Int) -> Int {
        let given = call.int(name) ?? standard
        return min(max(given < 0 ? given + shape.count : given, 0), shape.count)
      }
      let (start, end) = (bound("start", 0), bound("end", shape.count))
      let part = start < end ? shape[start..<end].map { Int64($0) } : []
      return [Value([part.count], integers: part)]
    },
    "Expand": { call throws(InferenceError) in
      let value = try call.value(0)
      let target = try call.integers(1)
      guard target.allSatisfy({ $0 >= 0 }), let shape = Shape.broadcast(value.shape, target) else {
        throw call.fail("expands shape \(value.shape) to \(target)")
      }
      try call.check(size: shape, bytes: value.floats == nil ? 8 : 4)
      return [gathered(value, shape, Shape.broadcastStrides(value.shape, to: shape))]
    },
    "Size": { call throws(InferenceError) in [Value([], integers: [Int64(try call.value(0).count)])] },
    "ConstantOfShape": { call throws(InferenceError) in
      let shape = try call.integers(0)
      try call.check(size: shape, bytes: 8)
      guard let filler = call.filler else {
        return [Value(shape, .init(repeating: 0, count: Shape.product(shape)))]
      }
      return [gathered(filler.reshaped([]), shape, shape.map { _ in 0 })]
    },
    "Range": { call throws(InferenceError) in
      if try call.value(0).floats != nil {
        let (start, limit, step) = (
          try call.vector(0, count: 1)[0], try call.vector(1, count: 1)[0],
          try call.vector(2, count: 1)[0]
        )
        let count = ((limit - start) / step).rounded(.up)
        guard step != 0, !count.isNaN, count < 0x1p62 else { throw call.fail("counts by \([start, limit, step])") }
        let places = Int(max(0, count))
        try call.check(size: [places])
        return [Value([places], (0..<places).map { start + Float($0) * step })]
      }
      let bounds = [try call.integers(0), try call.integers(1), try call.integers(2)].flatMap { $0 }
      guard bounds.count == 3, bounds[2] != 0, bounds.allSatisfy({ abs($0 / 2) < 1 << 40 }) else {
        throw call.fail("counts by \(bounds)")
      }
      let distance = bounds[2] > 0 ? bounds[1] - bounds[0] : bounds[0] - bounds[1]
      let count = distance <= 0 ? 0 : (distance - 1) / abs(bounds[2]) + 1
      try call.check(size: [count], bytes: 16)
      let type = try call.value(0).type
      return [.wrapping([count], (0..<count).map { Int64(bounds[0] + $0 * bounds[2]) }, type)]
    },
    "Constant": { call throws(InferenceError) in
      // A `value` tensor is a weight of the network; what is left are short forms.
      if let number = call.float("value_float") { return [Value([], [number])] }
      if let number = call.int("value_int") { return [Value([], integers: [Int64(number)])] }
      if let numbers = call.ints("value_ints") {
        return [Value([numbers.count], integers: numbers.map { Int64($0) })]
      }
      if case .floats(let numbers)? = call.node.attributes["value_floats"] {
        return [Value([numbers.count], numbers)]
      }
      throw call.fail("holds no numbers")
    },
  ]

  static func gathered(_ value: Value, _ shape: [Int], _ strides: [Int], offset: Int = 0) -> Value {
    switch value.elements {
    case .floats(let floats):
      Value(shape, Shape.gather(floats, shape, strides: strides, offset: offset), type: value.type)
    case .integers(let integers):
      Value(shape, integers: Shape.gather(integers, shape, strides: strides, offset: offset), type: value.type)
    }
  }

  /// 0 keeps an extent (unless allowzero), one −1 takes what is left.
  private static func reshape(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    var shape = try call.integers(1)
    if call.int("allowzero") ?? 0 == 0 {
      for axis in shape.indices where shape[axis] == 0 {
        guard axis < value.shape.count else { throw call.fail("keeps axis \(axis) of shape \(value.shape)") }
        shape[axis] = value.shape[axis]
      }
    }
    let free = shape.indices.filter { shape[$0] == -1 }
    try call.check(size: shape.filter { $0 != -1 })
    let known = Shape.product(shape.filter { $0 != -1 })
    if free.count == 1, known > 0, value.count % known == 0 { shape[free[0]] = value.count / known }
    guard shape.allSatisfy({ $0 >= 0 }), Shape.product(shape) == value.count else {
      throw call.fail("reshapes \(value.shape) to \(try call.integers(1)), which do not fit")
    }
    return [value.reshaped(shape)]
  }

  private static func transpose(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let order = call.ints("perm") ?? value.shape.indices.reversed()
    guard order.sorted() == Array(value.shape.indices) else {
      throw call.fail("puts the axes of shape \(value.shape) in the order \(order)")
    }
    try call.check(size: value.shape, bytes: value.floats == nil ? 8 : 4)
    let strides = Shape.strides(value.shape)
    return [gathered(value, order.map { value.shape[$0] }, order.map { strides[$0] })]
  }
}
