internal import Checkpoints
internal import Numerics

extension Operators {
  /// What moves numbers moves their gradients back.
  static let shapingGradients: GradientTable = [
    "Reshape": { back throws(InferenceError) in try reshaped(back) },
    "Flatten": { back throws(InferenceError) in try reshaped(back) },
    "Squeeze": { back throws(InferenceError) in try reshaped(back) },
    "Unsqueeze": { back throws(InferenceError) in try reshaped(back) },
    "Transpose": { back throws(InferenceError) in
      let shape = try back.call.value(0).shape
      let order = back.call.ints("perm") ?? shape.indices.reversed()
      guard order.sorted() == Array(shape.indices) else { throw back.call.fail("has the order \(order)") }
      let steps = Shape.strides(order.map { shape[$0] })
      var strides = [Int](repeating: 0, count: shape.count)
      for (place, axis) in order.enumerated() { strides[axis] = steps[place] }
      return [Value(shape, Shape.gather(try back.gradient(), shape, strides: strides))]
    },
    "Expand": { back throws(InferenceError) in
      [Broadcasting.summed(try back.gradient(), try back.shape(), to: try back.call.value(0).shape)]
    },
    "Concat": { back throws(InferenceError) in
      let (whole, g) = (try back.shape(), try back.gradient())
      let axis = try back.call.axis(back.call.int("axis") ?? 0, of: whole.count)
      let strides = Shape.strides(whole)
      var gradients: [Value?] = []
      var offset = 0
      for index in back.call.inputs.indices {
        let shape = try back.call.value(index).shape
        gradients.append(
          back.wants(index) ? Value(shape, Shape.gather(g, shape, strides: strides, offset: offset)) : nil)
        offset += shape[axis] * strides[axis]
      }
      return gradients
    },
    // Parts that nothing depends on get zeros.
    "Split": { back throws(InferenceError) in
      let axis = try back.call.axis(back.call.int("axis") ?? 0, of: try back.call.value(0).shape.count)
      var parts: [Value] = []
      for index in back.call.node.outputs.indices {
        guard let part = index < back.outputs.count ? back.outputs[index] : nil else {
          throw back.call.fail("has no output \(index)")
        }
        let gradient = index < back.gradients.count ? back.gradients[index] : nil
        parts.append(gradient ?? Value(part.shape, .init(repeating: 0, count: part.count)))
      }
      return [try joined(parts, axis: axis, back.call)]
    },
    "Gather": { back throws(InferenceError) in
      let (shape, g) = (try back.call.value(0).shape, try back.gradient())
      let axis = try back.call.axis(back.call.int("axis") ?? 0, of: shape.count)
      let indices = try back.call.integers(1)
      let (outer, extent) = (Shape.product(shape[..<axis]), shape[axis])
      let inner = Shape.product(shape[(axis + 1)...])
      var result = [Float](repeating: 0, count: Shape.product(shape))
      var source = 0
      for row in 0..<outer {
        for index in indices {
          let target = (row * extent + (index < 0 ? index + extent : index)) * inner
          for place in 0..<inner { result[target + place] += g[source + place] }
          source += inner
        }
      }
      return [Value(shape, result)]
    },
    "CumSum": { back throws(InferenceError) in
      // The same from the other end.
      var node = back.call.node
      node.attributes["reverse"] = .int(back.call.flag("reverse") ? 0 : 1)
      let turn = Call(
        node: node, inputs: [Value(try back.shape(), try back.gradient()), back.call.optional(1)],
        operatorSet: back.call.operatorSet, budget: back.call.budget)
      guard let forward = all["CumSum"]?.forward else { return [] }
      return [try forward(turn)[0]]
    },
    "ScatterElements": scattered,
    "Scatter": scattered,
    "ScatterND": scattered,
    "Slice": moved(1...4),
    "Tile": moved(1...1),
    "GatherElements": moved(1...1),
    "GatherND": moved(1...1),
    "Compress": moved(1...1),
    "ReverseSequence": moved(1...1),
    "Trilu": moved(1...1),
    "DepthToSpace": moved(1...1),
    "SpaceToDepth": moved(1...1),
    "Pad": { back throws(InferenceError) in
      try moved(back, [nil, back.call.optional(1), Value([], integers: [-1]), back.call.optional(3)])
    },
  ]

  private static func reshaped(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    [Value(try back.call.value(0).shape, try back.gradient())]
  }

  /// Operators that only pick numbers: which, their own forward run on the numbers' places tells.
  private static func moved(_ others: ClosedRange<Int>) -> Operator.Backward {
    { back throws(InferenceError) in
      try moved(back, [nil] + others.map { back.call.optional($0) })
    }
  }

  /// Numbers put into places of others: those that are covered get nothing.
  private static let scattered: Operator.Backward = { back throws(InferenceError) in
    guard ["none", nil].contains(back.call.string("reduction")) else {
      throw back.call.fail("combines what it puts into places, through which no gradient goes").forLackOfGradient
    }
    return try moved(back, [nil, back.call.optional(1), nil], from: [0, 2])
  }

  /// - Parameters:
  ///   - inputs: the operator's.
  ///   - sources: those that numbers are moved from; their places are put in.
  private static func moved(
    _ back: BackwardCall, _ inputs: [Value?], from sources: [Int] = [0]
  ) throws(InferenceError) -> [Value?] {
    let call = back.call
    let g = try back.gradient()
    guard let forward = all[name(call.node.operatorName, domain: call.node.domain)]?.forward else {
      throw call.fail("has no forward run")
    }
    var given = inputs
    // Places are counted from 1, one source's after the other's: operators put 0 where there is nothing.
    var first: Int64 = 1
    var ends: [(source: Int, first: Int, shape: [Int])] = []
    for source in sources {
      let shape = try call.value(source).shape
      try call.check(size: shape, bytes: 8)
      let count = Int64(Shape.product(shape))
      given[source] = Value(shape, integers: (first..<first + count).map { $0 })
      ends.append((source, Int(first), shape))
      first += count
    }
    let places = try forward(call.with(given))[0].integers ?? []
    guard places.count == g.count else { throw call.fail("has a gradient of \(g.count) numbers for \(places.count)") }
    var sums = [Float](repeating: 0, count: Int(first))
    for (index, place) in places.enumerated() where place > 0 { sums[Int(place)] += g[index] }
    var gradients = [Value?](repeating: nil, count: inputs.count)
    for (source, first, shape) in ends {
      gradients[source] = Value(shape, Array(sums[first..<first + Shape.product(shape)]))
    }
    return gradients
  }
}
