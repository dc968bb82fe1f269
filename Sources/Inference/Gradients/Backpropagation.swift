internal import Checkpoints

/// The way back through a network: from an output to some of its values, over the steps between them.
///
/// The forward run keeps what those steps read and make. Where there is no room for that, it keeps what is alive before
/// some steps only, and each stretch between is run again before the way back goes through it (T. Chen et al.,
/// arXiv:1604.06174): stretches are halved until one fits.
struct Backpropagation {
  private let network: Network
  private let output: Int
  /// Values whose gradients are asked for.
  private let sources: Set<Int>
  /// Values that change with the sources.
  private let carrying: Set<Int>
  /// Whether a step lies between the sources and the output.
  private let isActive: [Bool]
  /// Values that the way back reads.
  private let kept: Set<Int>
  /// Ranges that the first inputs of products are coded in on the way there; the way back goes straight through.
  private let activations: ActivationRanges?
  /// How many stretches had room at last.
  private var stretches = 1

  /// - Parameters:
  ///   - sources: numbers of values: weights, inputs, or what steps make.
  ///   - observed: steps whose inputs are kept too.
  /// - Throws: where a step between them has no gradient: names the first.
  init(
    _ network: Network, from sources: Set<Int>, to output: Int, observed: Set<Int> = [],
    activations: ActivationRanges? = nil
  ) throws(InferenceError) {
    (self.network, self.sources, self.output, self.activations) = (network, sources, output, activations)
    let steps = network.steps
    var carrying = sources
    for step in steps where !Operators.isConstant(step.node) {
      if Self.reads(step).contains(where: carrying.contains) { carrying.formUnion(step.outputs) }
    }
    var reaching: Set<Int> = [output]
    var isActive = [Bool](repeating: false, count: steps.count)
    var kept = sources.union([output])
    for index in steps.indices.reversed() {
      let step = steps[index]
      guard step.outputs.contains(where: reaching.contains) else { continue }
      reaching.formUnion(Self.reads(step))
      let isOnTheWay =
        step.outputs.contains { carrying.contains($0) && reaching.contains($0) } && !Operators.isConstant(step.node)
        && Self.reads(step).contains(where: carrying.contains)
      guard isOnTheWay else { continue }
      isActive[index] = true
      kept.formUnion(step.outputs)
      kept.formUnion(step.inputs.compactMap { $0 })
    }
    for index in observed { kept.formUnion(steps[index].inputs.compactMap { $0 }) }
    if let index = isActive.indices.first(where: { isActive[$0] && Self.backward(steps[$0].node) == nil }) {
      throw Network.failure(
        steps[index].node, "is on the way from a weight to the output, and no gradient goes through it"
      ).forLackOfGradient
    }
    (self.carrying, self.isActive, self.kept) = (carrying, isActive, kept)
  }

  private static func reads(_ step: Network.Step) -> [Int] {
    step.inputs.compactMap { $0 } + step.bodies.values.flatMap(\.captures)
  }

  private static func backward(_ node: Graph.Node) -> Operator.Backward? {
    Operators.all[Operators.name(node.operatorName, domain: node.domain)]?.backward
  }

  /// A gradient that is whole: of which value, and the values that the forward run kept.
  typealias Visit = (_ value: Int, _ gradient: Value, _ values: [Value?]) throws(InferenceError) -> Void

  /// Runs forward, then back.
  ///
  /// - Parameters:
  ///   - values: weights and inputs by number.
  ///   - budget: a fresh one for each attempt: `nil` where there is no room for the weights.
  ///   - direction: the gradient at the output, from what the network gave.
  ///   - visit: called with each source's gradient, the latest made first; not where nothing reaches it.
  mutating func run(
    _ values: [Value?], budget: () throws(InferenceError) -> RunBudget,
    direction: (Value) throws(InferenceError) -> Value, _ visit: Visit
  ) throws(InferenceError) {
    while true {
      do throws(InferenceError) {
        var turn = Turn(self, values, try budget(), stretches)
        return try turn.run(direction, visit)
      } catch {
        // Sources that were visited are visited again with the same gradients: only who adds them up would mind.
        guard error.lacksMemory, stretches < network.steps.count else { throw error }
        stretches = min(network.steps.count, stretches * 2)
      }
    }
  }

  /// One attempt.
  private struct Turn {
    private let way: Backpropagation
    private let budget: RunBudget
    private let runner: Runner
    private let steps: [Network.Step]
    /// Where each stretch begins.
    private let starts: [Int]
    private var values: [Value?]
    private var gradients: [Int: Value] = [:]

    init(_ way: Backpropagation, _ values: [Value?], _ budget: RunBudget, _ stretches: Int) {
      (self.way, self.values, self.budget) = (way, values, budget)
      runner = Runner(operatorSet: way.network.operatorSet, observe: nil, budget: budget)
      steps = way.network.steps.map { $0.keeping(way.kept) }
      let count = way.network.steps.count
      starts = (0..<max(1, stretches)).map { $0 * count / max(1, stretches) }
    }

    mutating func run(
      _ direction: (Value) throws(InferenceError) -> Value, _ visit: Visit
    ) throws(InferenceError) {
      var snapshots: [Int: [Int: Value]] = [:]
      if starts.count == 1 {
        try runner.run(steps, activations: way.activations, &values)
      } else {
        let given = values
        var own = values
        try runner.run(way.network.steps, keeping: Set(starts), activations: way.activations, &own) { step, alive in
          var found: [Int: Value] = [:]
          for (number, value) in alive.enumerated() where given[number] == nil { found[number] = value }
          snapshots[step] = found
          budget.take(found.values.reduce(0) { $0 + $1.byteCount })
        }
        values[way.output] = own[way.output]
        for number in own.indices where given[number] == nil { budget.exchange(own[number], for: nil) }
      }
      guard let made = values[way.output] else {
        throw InferenceError(way.network.checkpoint.path, "does not make the output that gradients are asked of")
      }
      set(way.output, try direction(made))
      for place in starts.indices.reversed() {
        let end = place + 1 < starts.count ? starts[place + 1] : steps.count
        if starts.count > 1 {
          guard let alive = snapshots.removeValue(forKey: starts[place]) else { continue }
          for (number, value) in alive { runner.set(number, value, &values) }
          budget.take(-alive.values.reduce(0) { $0 + $1.byteCount })
          try runner.run(Array(steps[..<end]), from: starts[place], activations: way.activations, &values)
        }
        for index in (starts[place]..<end).reversed() { try back(index, visit) }
        if starts.count > 1 {
          for index in starts[place]..<end { for number in steps[index].outputs { runner.set(number, nil, &values) } }
        }
      }
      // What no step makes: weights and inputs.
      for (number, gradient) in gradients.sorted(by: { $0.key > $1.key }) where way.sources.contains(number) {
        try visit(number, gradient, values)
      }
    }

    private mutating func back(_ index: Int, _ visit: Visit) throws(InferenceError) {
      try pause()
      let step = steps[index]
      for number in step.outputs where way.sources.contains(number) {
        if let gradient = gradients[number] { try visit(number, gradient, values) }
      }
      defer {
        for number in step.outputs {
          set(number, nil)
          runner.set(number, nil, &values)
        }
      }
      let own = step.outputs.map { gradients[$0] }
      guard way.isActive[index], own.contains(where: { $0 != nil }),
        let backward = Backpropagation.backward(step.node)
      else { return }
      let plain = step.inputs.map { $0.flatMap { values[$0] } }
      var inputs = plain
      if let coded = way.activations, let input = plain.first ?? nil { inputs[0] = coded.coded(input, step: index) }
      let call = Call(
        node: step.node, inputs: inputs, operatorSet: way.network.operatorSet, filler: step.filler, budget: budget)
      let wanted = step.inputs.indices.filter { step.inputs[$0].map(way.carrying.contains) ?? false }
      // The gradients of the inputs, and as much on the way to them.
      let count = wanted.reduce(0) { $0 + (inputs[$1]?.count ?? 0) }
      try call.check(size: [count], bytes: 8)
      let made = try backward(
        BackwardCall(
          call: call, outputs: step.outputs.map { values[$0] }, gradients: own, wanted: Set(wanted)))
      for input in wanted where input < made.count {
        guard let number = step.inputs[input], var gradient = made[input] else { continue }
        if input == 0, let coded = way.activations, let x = plain[0] {
          gradient = coded.straightThrough(gradient, of: x, step: index)
        }
        set(number, gradients[number].map { Broadcasting.sum($0, gradient) } ?? gradient)
      }
    }

    private func pause() throws(InferenceError) { if budget.isCancelled { throw .cancelled } }

    private mutating func set(_ number: Int, _ gradient: Value?) {
      budget.exchange(gradients[number], for: gradient)
      gradients[number] = gradient
    }
  }
}

extension Network.Step {
  /// The same step, after which some values stay.
  func keeping(_ values: Set<Int>) -> Network.Step {
    Network.Step(
      node: node, inputs: inputs, outputs: outputs, lastUses: lastUses.filter { !values.contains($0) },
      forward: forward, filler: filler, bodies: bodies)
  }
}
