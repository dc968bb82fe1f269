internal import Checkpoints
internal import Numerics

/// If, Loop and Scan: operators that run graphs of their own, which may read the values around them.
extension Runner {
  /// More turns than any network takes; a model that asks for more is refused instead of running for ever.
  private static let maximumTurns = 1 << 18

  func control(_ step: Network.Step, _ call: Call, _ values: inout [Value?])
    throws(InferenceError) -> [Value]
  {
    switch step.node.operatorName {
    case "If": try choose(step, call, &values)
    case "Loop": try loop(step, call, &values)
    case "Scan": try scan(step, call, &values)
    default: throw call.fail("needs the operator \(step.node.operatorName), which Lathe cannot run")
    }
  }

  private func body(_ name: String, _ step: Network.Step, _ call: Call) throws(InferenceError) -> Body {
    guard let body = step.bodies[name] else { throw call.fail("has no graph \(name)") }
    return body
  }

  /// Runs an inner graph on values for its inputs.
  private func run(_ body: Body, _ inputs: [Value?], _ call: Call, _ values: inout [Value?])
    throws(InferenceError) -> [Value]
  {
    for (number, value) in zip(body.inputs, inputs) { set(number, value, &values) }
    try run(body.steps, &values)
    var outputs: [Value] = []
    for number in body.outputs {
      guard let value = values[number] else { throw call.fail("has a graph that does not make all its outputs") }
      outputs.append(value)
    }
    for number in body.own { set(number, nil, &values) }
    return outputs
  }

  private func choose(_ step: Network.Step, _ call: Call, _ values: inout [Value?])
    throws(InferenceError) -> [Value]
  {
    guard let condition = try call.integer(0) else { throw call.fail("has no condition") }
    let branch = try body(condition != 0 ? "then_branch" : "else_branch", step, call)
    return try run(branch, [], call, &values)
  }

  /// Inputs: the most turns (optional), a first condition (optional), values carried from turn to turn. The body takes
  /// the turn's number, the condition and the carried values, and gives the next condition, the carried values, and
  /// what the loop stacks up along a new first axis.
  private func loop(_ step: Network.Step, _ call: Call, _ values: inout [Value?])
    throws(InferenceError) -> [Value]
  {
    let body = try body("body", step, call)
    let limit = try call.integer(0) ?? Int.max
    var goesOn = try call.integer(1).map { $0 != 0 } ?? true
    var carried: [Value] = []
    for index in 2..<max(2, call.inputs.count) { carried.append(try call.value(index)) }
    guard body.inputs.count == carried.count + 2, body.outputs.count > carried.count else {
      throw call.fail(
        "carries \(carried.count) values through a graph of \(body.inputs.count) inputs and "
          + "\(body.outputs.count) outputs")
    }
    var stacks = [[Value]](repeating: [], count: body.outputs.count - 1 - carried.count)
    var turn = 0
    while turn < limit, goesOn {
      try call.pause()
      guard turn < Self.maximumTurns else { throw call.fail("takes more than \(Self.maximumTurns) turns") }
      let inputs =
        [
          Value([], integers: [Int64(turn)]), Value([], integers: [1], type: .bool),
        ] + carried
      let made = try run(body, inputs, call, &values)
      guard let condition = made[0].integers, condition.count == 1 else {
        throw call.fail("has a graph whose condition is not one yes or no")
      }
      goesOn = condition[0] != 0
      carried = Array(made[1..<carried.count + 1])
      for index in stacks.indices { try stack(made[carried.count + 1 + index], &stacks[index], call) }
      turn += 1
    }
    var results = carried
    for stack in stacks { results.append(try stacked(stack, axis: 0, call)) }
    release(stacks)
    return results
  }

  /// Puts one turn's value aside, as long as there is room for another.
  private func stack(_ value: Value, _ stack: inout [Value], _ call: Call) throws(InferenceError) {
    try call.check(size: [Self.stackedSize(value)], bytes: 1)
    budget.take(Self.stackedSize(value))
    stack.append(value)
  }

  /// What stacks held is in their results now.
  private func release(_ stacks: [[Value]]) {
    for stack in stacks { for value in stack { budget.take(-Self.stackedSize(value)) } }
  }

  /// Bytes of a value with its shape and its place in a stack.
  private static func stackedSize(_ value: Value) -> Int { value.byteCount + 128 }

  /// Values one beside the other along a new axis.
  private func stacked(_ values: [Value], axis: Int, _ call: Call) throws(InferenceError) -> Value {
    guard let first = values.first else { return Value([0], []) }
    guard values.allSatisfy({ $0.shape == first.shape }) else {
      throw call.fail("stacks up shapes \(values.prefix(4).map(\.shape)), which differ")
    }
    let axis = try call.axis(axis, of: first.shape.count + 1)
    var shape = first.shape
    shape.insert(1, at: axis)
    return try Operators.joined(values.map { $0.reshaped(shape) }, axis: axis, call)
  }

  /// Inputs: first states, then sequences, one slice of which goes into each turn; outputs: last states, then what
  /// each turn gave, stacked up. Before operator set 9 a batch axis and lengths came first.
  private func scan(_ step: Network.Step, _ call: Call, _ values: inout [Value?])
    throws(InferenceError) -> [Value]
  {
    let body = try body("body", step, call)
    guard call.operatorSet == 0 || call.operatorSet >= 9 else {
      return try oldScan(step, call, body, &values)
    }
    var inputs: [Value] = []
    for index in call.inputs.indices { inputs.append(try call.value(index)) }
    return try scan(inputs, step, call, body, &values)
  }

  private func oldScan(
    _ step: Network.Step, _ call: Call, _ body: Body, _ values: inout [Value?]
  )
    throws(InferenceError) -> [Value]
  {
    guard call.optional(0) == nil, call.ints("directions")?.allSatisfy({ $0 == 0 }) ?? true else {
      throw call.fail("has sequence lengths or directions in the form of operator set 8, which Lathe cannot run")
    }
    var inputs: [Value] = []
    for index in 1..<max(1, call.inputs.count) { inputs.append(try call.value(index)) }
    guard let batch = inputs.first?.shape.first, inputs.allSatisfy({ $0.shape.first == batch }), batch > 0 else {
      throw call.fail("has inputs of shapes \(inputs.map(\.shape)); one batch expected")
    }
    var results: [[Value]] = []
    for sample in 0..<batch {
      let own = inputs.map { $0.slice(sample, axis: 0) }
      results.append(try scan(own, step, call, body, &values))
    }
    var outputs: [Value] = []
    for index in results[0].indices { outputs.append(try stacked(results.map { $0[index] }, axis: 0, call)) }
    return outputs
  }

  private func scan(
    _ inputs: [Value], _ step: Network.Step, _ call: Call, _ body: Body, _ values: inout [Value?]
  )
    throws(InferenceError) -> [Value]
  {
    let scanned = call.int("num_scan_inputs") ?? 0
    let states = inputs.count - max(0, min(inputs.count, scanned))
    guard scanned > 0, scanned <= inputs.count, body.inputs.count == inputs.count, body.outputs.count >= states else {
      throw call.fail("scans \(scanned) of \(inputs.count) inputs with a graph of \(body.inputs.count)")
    }
    let stacksCount = body.outputs.count - states
    func list(_ name: String, _ count: Int) throws(InferenceError) -> [Int] {
      let given = call.ints(name) ?? .init(repeating: 0, count: count)
      guard given.count == count else { throw call.fail("has \(name) \(given); \(count) numbers expected") }
      return given
    }
    let inputAxes = try list("scan_input_axes", scanned)
    let inputDirections = try list("scan_input_directions", scanned)
    let outputAxes = try list("scan_output_axes", stacksCount)
    let outputDirections = try list("scan_output_directions", stacksCount)
    var axes: [Int] = []
    for index in 0..<scanned {
      axes.append(try call.axis(inputAxes[index], of: inputs[states + index].shape.count))
    }
    let length = inputs[states].shape[axes[0]]
    guard (0..<scanned).allSatisfy({ inputs[states + $0].shape[axes[$0]] == length }) else {
      throw call.fail("scans sequences of different lengths")
    }
    var carried = Array(inputs[..<states])
    var stacks = [[Value]](repeating: [], count: stacksCount)
    for turn in 0..<length {
      try call.pause()
      let slices = (0..<scanned).map { index in
        inputs[states + index].slice(inputDirections[index] == 0 ? turn : length - 1 - turn, axis: axes[index])
      }
      let made = try run(body, carried + slices, call, &values)
      carried = Array(made[..<states])
      for index in stacks.indices { try stack(made[states + index], &stacks[index], call) }
    }
    var results = carried
    for (index, stack) in stacks.enumerated() {
      let ordered = outputDirections[index] == 0 ? stack : stack.reversed()
      results.append(try stacked(ordered, axis: outputAxes[index], call))
    }
    release(stacks)
    return results
  }
}

extension Value {
  /// One place along an axis, which goes away.
  ///
  /// - Precondition: there is such an axis and place.
  func slice(_ place: Int, axis: Int) -> Value {
    let strides = Shape.strides(shape)
    var (smaller, steps) = (shape, strides)
    smaller.remove(at: axis)
    steps.remove(at: axis)
    return Operators.gathered(self, smaller, steps, offset: place * strides[axis])
  }
}
