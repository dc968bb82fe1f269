internal import Checkpoints
internal import Numerics

extension Network {
  /// The values that were alive before a step of a run: what is needed to go on from there.
  ///
  /// Costs the memory of those arrays, which it shares with the run.
  public struct Snapshot: Sendable {
    /// The step that runs next, a place in `steps`.
    public let step: Int
    /// By value number, weights left out.
    let values: [Int: Value]

    /// Bytes of the arrays.
    public var byteCount: Int { values.values.reduce(0) { $0 + $1.byteCount } }
  }

  /// Runs the network once.
  ///
  /// A value is freed after its last use. One thread; the cost is the model's multiplications.
  ///
  /// - Parameters:
  ///   - inputs: A value for each of `inputs`, by name.
  ///   - weights: What `loadWeights` gave, some perhaps replaced.
  ///   - activations: Ranges that the inputs of products are coded in; `nil` for plain numbers.
  ///   - observe: Called with each step and the values that go into it, before it runs: for statistics of
  ///     activations.
  ///   - memory: Bytes that weights and arrays may take at a time; `nil` for six tenths of the machine's, of which arrays
  ///     may take an eighth of the machine's.
  ///   - beside: Bytes of other weights that are alive.
  ///   - isCancelled: Asked before each step, and within long ones.
  /// - Returns: The outputs' values by name.
  /// - Throws: where an input is missing, a node cannot take its inputs or has no room for its output (the message names
  ///   the node), and
  ///   `InferenceError.cancelled`.
  public func run(
    _ inputs: [String: Value], weights: Weights, activations: ActivationRanges? = nil,
    observe: ((Step, [Value?]) -> Void)? = nil, memory: Int? = nil, beside: Int = 0,
    isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> [String: Value] {
    try run(
      inputs, weights: weights, keeping: [], activations: activations, observe: observe, memory: memory, beside: beside,
      isCancelled: isCancelled
    ).outputs
  }

  /// Runs the network once and keeps what was alive before some of its steps, so that a change of a weight that only
  /// later steps read costs only those: see `resume`.
  ///
  /// - Parameter keeping: Places in `steps`.
  /// - Returns: The outputs, and the snapshots by step.
  public func run(
    _ inputs: [String: Value], weights: Weights, keeping: Set<Int>, activations: ActivationRanges? = nil,
    observe: ((Step, [Value?]) -> Void)? = nil, memory: Int? = nil, beside: Int = 0,
    isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> (outputs: [String: Value], snapshots: [Int: Snapshot]) {
    var values = try filled(weights, inputs)
    var snapshots: [Int: Snapshot] = [:]
    let budget = try budget(memory, weights.byteCount + beside, values, isCancelled)
    let runner = Runner(operatorSet: operatorSet, observe: observe, budget: budget)
    try runner.run(steps, from: 0, keeping: keeping, activations: activations, &values) { step, values in
      snapshots[step] = snapshot(step, values)
    }
    return (try outputs(of: values), snapshots)
  }

  /// Goes on from a snapshot with other weights. The outputs are, bit for bit, those of a whole run with them, as long
  /// as no step before the snapshot's reads a weight that differs.
  public func resume(
    from snapshot: Snapshot, weights: Weights, observe: ((Step, [Value?]) -> Void)? = nil,
    memory: Int? = nil, isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> [String: Value] {
    var values = filled(weights, at: snapshot)
    let budget = try budget(memory, weights.byteCount, values, isCancelled)
    let runner = Runner(operatorSet: operatorSet, observe: observe, budget: budget)
    try runner.run(steps, from: snapshot.step, &values)
    return try outputs(of: values)
  }

  /// Goes on from a snapshot up to a step.
  ///
  /// - Parameter step: a place in `steps`, not before the snapshot's.
  /// - Returns: what is alive before it.
  public func advance(
    _ snapshot: Snapshot, to step: Int, weights: Weights, activations: ActivationRanges? = nil, memory: Int? = nil,
    beside: Int = 0, isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> Snapshot {
    guard step > snapshot.step else { return snapshot }
    var values = filled(weights, at: snapshot)
    let budget = try budget(memory, weights.byteCount + beside, values, isCancelled)
    let runner = Runner(operatorSet: operatorSet, observe: nil, budget: budget)
    try runner.run(Array(steps[..<step]), from: snapshot.step, activations: activations, &values)
    return self.snapshot(step, values)
  }

  /// The first step that reads a tensor of the checkpoint: where a run with another value of it may begin. `nil` where
  /// none does.
  public func firstStep(reading tensor: Int) -> Int? {
    let numbers = Set(weightTensors.filter { $0.value == tensor }.keys)
    func reads(_ step: Step) -> Bool {
      step.inputs.contains { $0.map(numbers.contains) ?? false }
        || step.bodies.values.contains { body in
          !body.captures.isDisjoint(with: numbers) || body.outputs.contains(where: numbers.contains)
            || body.steps.contains(where: reads)
        }
    }
    return steps.firstIndex(where: reads)
  }

  /// Values by number before the first step: weights and inputs.
  func filled(_ weights: Weights, _ inputs: [String: Value]) throws(InferenceError) -> [Value?] {
    var values = filled(weights)
    for (input, number) in zip(self.inputs, inputNumbers) {
      guard let value = inputs[input.name] else {
        throw InferenceError(checkpoint.path, "is run without its input '\(input.name)'")
      }
      guard Shape.isBounded(value.shape) else {
        throw InferenceError(checkpoint.path, "is given the shape \(value.shape) for its input '\(input.name)'")
      }
      values[number] = input.type.map { $0.isFloatingPoint == (value.floats != nil) ? value.typed($0) : value } ?? value
    }
    return values
  }

  /// Values by number where a snapshot was taken.
  func filled(_ weights: Weights, at snapshot: Snapshot) -> [Value?] {
    var values = filled(weights)
    for (number, value) in snapshot.values { values[number] = value }
    return values
  }

  private func filled(_ weights: Weights) -> [Value?] {
    var values = [Value?](repeating: nil, count: valueNames.count)
    for (number, tensor) in weightTensors { values[number] = weights.values[tensor] }
    return values
  }

  /// Bytes of the values that are no weights.
  private func byteCount(_ values: [Value?]) -> Int {
    values.indices.reduce(0) { $0 + (weightTensors[$1] == nil ? values[$1]?.byteCount ?? 0 : 0) }
  }

  /// - Parameter held: bytes of weights.
  func budget(
    _ memory: Int?, _ held: Int, _ values: [Value?], _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> RunBudget {
    let whole = memory ?? RunBudget.whole
    guard held <= whole else { throw RunBudget.lack(of: held, limit: whole, checkpoint.path) }
    let room = memory == nil ? min(whole - held, RunBudget.standard) : whole - held
    return RunBudget(limit: room, taken: byteCount(values), isCancelled: isCancelled)
  }

  private func snapshot(_ step: Int, _ values: [Value?]) -> Snapshot {
    var alive: [Int: Value] = [:]
    for (number, value) in values.enumerated() where weightTensors[number] == nil { alive[number] = value }
    return Snapshot(step: step, values: alive)
  }

  private func outputs(of values: [Value?]) throws(InferenceError) -> [String: Value] {
    var outputs: [String: Value] = [:]
    for (output, number) in zip(self.outputs, outputNumbers) {
      guard let value = values[number] else {
        throw InferenceError(checkpoint.path, "does not make its output '\(output.name)'")
      }
      outputs[output.name] = value
    }
    return outputs
  }
}

/// Takes the steps of a graph in their order.
struct Runner {
  let operatorSet: Int
  let observe: ((Network.Step, [Value?]) -> Void)?
  let budget: RunBudget

  func run(
    _ steps: [Network.Step], from first: Int = 0, keeping: Set<Int> = [], activations: ActivationRanges? = nil,
    _ values: inout [Value?], _ keep: (Int, [Value?]) -> Void = { _, _ in }
  ) throws(InferenceError) {
    Memory.keepFreed()
    var index = first
    while index < steps.count {
      if budget.isCancelled { throw .cancelled }
      if keeping.contains(index) { keep(index, values) }
      if activations == nil, let (made, count) = try fused(steps, at: index, keeping: keeping, values) {
        for step in steps[index..<index + count] { for number in step.lastUses { set(number, nil, &values) } }
        // The last value of all may be one that nothing needs; it is then freed with the others.
        let last = steps[index + count - 1]
        if let number = last.outputs.first, !last.lastUses.contains(number) { set(number, made, &values) }
        index += count
        continue
      }
      let step = steps[index]
      var given = step.inputs.map { $0.flatMap { values[$0] } }
      if let activations, let input = given.first ?? nil { given[0] = activations.coded(input, step: index) }
      observe?(step, given)
      let call = Call(node: step.node, inputs: given, operatorSet: operatorSet, filler: step.filler, budget: budget)
      let made: [Value]
      if let forward = step.forward {
        made = try forward(call)
      } else {
        made = try control(step, call, &values)
      }
      for (number, value) in zip(step.outputs, made) { set(number, value, &values) }
      for number in step.lastUses { set(number, nil, &values) }
      index += 1
    }
    // What the last step left half done is no answer.
    if budget.isCancelled { throw .cancelled }
  }

  /// A value comes, or goes (`nil`): the budget knows.
  func set(_ number: Int, _ value: Value?, _ values: inout [Value?]) {
    budget.exchange(values[number], for: value)
    values[number] = value
  }
}
