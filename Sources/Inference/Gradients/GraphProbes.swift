internal import Checkpoints

/// A run for `Model.probes` over a graph: which layers' parts are held at a time, in what form.
///
/// A unit's part is a pair (x, δ) a use, or the weight's own gradient, whichever is smaller. Layers are gone through in
/// rounds, the last of the network first, each with as many as there is room for; a round goes back to its first layer.
struct GraphProbes {
  private let network: Network
  private let weights: Weights
  private let output: Graph.Value
  private let outputNumber: Int
  private let uses: WeightUses
  private let memory: Int?
  private let isCancelled: () -> Bool

  /// What one unit holds of a value that weights make.
  private enum Part: Sendable {
    /// A use's inputs, the weight's place empty, and the gradient of its output.
    case pair(WeightUses.Use, [Value?], Value)
    case gradient([Float])
  }

  init(
    _ network: Network, _ weights: Weights, output name: String?, memory: Int?, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.network, self.weights, self.memory, self.isCancelled) = (network, weights, memory, isCancelled)
    let output = try network.output(name)
    guard let place = network.outputs.firstIndex(where: { $0.name == output.name }) else {
      throw InferenceError(network.checkpoint.path, "has no output '\(output.name)'")
    }
    (self.output, outputNumber) = (output, network.outputNumbers[place])
    uses = WeightUses(network)
  }

  /// What sizes of values say.
  private struct Plan {
    /// Values whose parts are pairs.
    var pairs: Set<Int> = []
    /// Layers that are held together, the network's last first.
    var rounds: [[Int]] = []
  }

  /// - Parameter direction: the gradient at the output of a sample alone, from the output of its batch.
  func run(
    _ data: Dataset, samples: [Int], progress: (Int, Int) -> Void,
    direction: (_ output: Value, _ batch: Range<Int>, _ sample: Int) throws(InferenceError) -> Value,
    visit: (LayerProbe) throws -> Void
  ) throws {
    guard let first = samples.first else { return }
    let plan = try plan(try values(data, first).values, samples.count)
    var done = 0
    for round in plan.rounds {
      var parts: [Int: [[Part]]] = [:]
      var held = 0
      var way = try Round(self, plan, round)
      for (place, sample) in samples.enumerated() {
        if isCancelled() { throw InferenceError.cancelled }
        let caught = try caught(&way, try values(data, sample), sample, held, direction)
        for (number, own) in caught {
          parts[number, default: []] += [[Part]](repeating: [], count: place - (parts[number]?.count ?? 0)) + [own]
          for part in own { held += Self.bytes(part) }
        }
        done += 1
        progress(done, plan.rounds.count * samples.count)
      }
      for layer in round {
        let numbers = uses.values[layer] ?? []
        try visit(probe(layer, numbers.map { ($0, parts[$0] ?? []) }, units: samples.count))
      }
    }
  }

  private func values(_ data: Dataset, _ sample: Int) throws(InferenceError) -> (values: [Value?], batch: Range<Int>) {
    let size = data.fixedBatch ?? 1
    let first = max(0, min(sample / size * size, data.count - size))
    let batch = first..<min(data.count, first + size)
    return (try network.filled(weights, try data.batch(batch)), batch)
  }

  private static func bytes(_ part: Part) -> Int {
    switch part {
    case .pair(_, let inputs, let gradient): inputs.reduce(gradient.byteCount) { $0 + ($1?.byteCount ?? 0) }
    case .gradient(let gradient): 4 * gradient.count
    }
  }

  // MARK: - What is held

  /// Steps that are linear in a weight, so that they can be run with its change in its place.
  private func isLinear(_ use: WeightUses.Use, _ number: Int) -> Bool {
    let node = network.steps[use.step].node
    switch Operators.name(node.operatorName, domain: node.domain) {
    case "Conv", "ConvTranspose": return use.input == 1
    case "Gemm", "MatMul": return use.input < 2
    case "Gather": return use.input == 0
    case "com.microsoft.MatMulNBits": return use.input == 1 && network.weightTensors[number] != nil
    default: return false
    }
  }

  private func plan(_ values: [Value?], _ samples: Int) throws(InferenceError) -> Plan {
    let sizes = try sizes(values)
    func bytes(_ number: Int) -> Int { sizes[number] ?? 0 }
    var plan = Plan()
    var needed: [Int: Int] = [:]
    for (number, uses) in uses.uses {
      let pair = uses.reduce(0) { sum, use in
        let step = network.steps[use.step]
        return sum + step.outputs.reduce(0) { $0 + bytes($1) }
          + step.inputs.enumerated().reduce(0) { $0 + ($1.offset == use.input ? 0 : $1.element.map(bytes) ?? 0) }
      }
      let isPair = uses.allSatisfy { isLinear($0, number) } && pair < bytes(number) || cannotHold(number)
      if isPair { plan.pairs.insert(number) }
      needed[number] = isPair ? pair : bytes(number)
    }
    let reaching = reaching()
    func firstUse(_ layer: Int) -> Int {
      uses.values[layer]?.flatMap { uses.uses[$0] ?? [] }.map(\.step).min() ?? 0
    }
    let layers = uses.values.keys
      .filter { layer in
        uses.values[layer]?.contains { uses.uses[$0]?.contains { reaching.contains($0.step) } ?? false } ?? false
      }
      .sorted { (firstUse($0), $0) > (firstUse($1), $1) }
    // Half of what the weights leave; the run has the other.
    let room = max(0, (memory ?? RunBudget.whole) - weights.byteCount) / 2
    var taken = 0
    for layer in layers {
      let bytes = (uses.values[layer] ?? []).reduce(0) { $0 + (needed[$1] ?? 0) } * samples
      if plan.rounds.isEmpty || taken + bytes > room {
        plan.rounds.append([])
        taken = 0
      }
      plan.rounds[plan.rounds.count - 1].append(layer)
      taken += bytes
    }
    return plan
  }

  /// Whether a value is read by an operator whose weight has no gradient of Floats: codes.
  private func cannotHold(_ number: Int) -> Bool {
    uses.uses[number]?.contains { use in
      Operators.name(network.steps[use.step].node.operatorName, domain: network.steps[use.step].node.domain)
        == "com.microsoft.MatMulNBits" && use.input == 1
    } ?? false
  }

  /// Steps that the output depends on.
  private func reaching() -> Set<Int> {
    var numbers: Set<Int> = [outputNumber]
    var steps: Set<Int> = []
    for (index, step) in network.steps.enumerated().reversed() where step.outputs.contains(where: numbers.contains) {
      steps.insert(index)
      numbers.formUnion(step.inputs.compactMap { $0 })
      for body in step.bodies.values { numbers.formUnion(body.captures) }
    }
    return steps
  }

  /// Bytes of all values of a run.
  private func sizes(_ values: [Value?]) throws(InferenceError) -> [Int: Int] {
    var sizes: [Int: Int] = [:]
    var values = values
    func note(_ values: [Value?]) {
      for (number, value) in values.enumerated() { if let value { sizes[number] = value.byteCount } }
    }
    let budget = try network.budget(memory, weights.byteCount, values, isCancelled)
    let runner = Runner(operatorSet: network.operatorSet, observe: nil, budget: budget)
    try runner.run(network.steps, keeping: Set(network.steps.indices), &values) { note($1) }
    note(values)
    return sizes
  }

  // MARK: - One unit

  /// The way back to a round's layers.
  private struct Round {
    /// By a use's output, or the value itself.
    var places: [Int: [(number: Int, use: WeightUses.Use?)]] = [:]
    var way: Backpropagation

    init(_ probes: GraphProbes, _ plan: Plan, _ layers: [Int]) throws(InferenceError) {
      let uses = probes.uses
      var observed: Set<Int> = []
      for number in Set(layers.flatMap { uses.values[$0] ?? [] }) {
        guard plan.pairs.contains(number) else {
          places[number, default: []].append((number, nil))
          continue
        }
        for use in uses.uses[number] ?? [] {
          guard let made = probes.network.steps[use.step].outputs.first else { continue }
          places[made, default: []].append((number, use))
          observed.insert(use.step)
        }
      }
      way = try Backpropagation(
        probes.network, from: Set(places.keys), to: probes.outputNumber, observed: observed)
    }
  }

  /// What a sample gives a round's layers, by the values that come of their weights.
  private func caught(
    _ round: inout Round, _ given: (values: [Value?], batch: Range<Int>), _ sample: Int, _ held: Int,
    _ direction: (Value, Range<Int>, Int) throws(InferenceError) -> Value
  ) throws(InferenceError) -> [Int: [Part]] {
    var found: [Int: Part] = [:]
    var owners: [Int: Int] = [:]
    let places = round.places
    try round.way.run(
      given.values,
      budget: { () throws(InferenceError) in
        try network.budget(memory, weights.byteCount + held, given.values, isCancelled)
      },
      direction: { value throws(InferenceError) in try direction(value, given.batch, sample) }
    ) { number, gradient, values in
      for place in places[number] ?? [] {
        // One part a use; a value's own gradient has no use.
        let key = place.use.map { ($0.step << 8 | min(255, $0.input)) + 1 } ?? -1 - number
        owners[key] = place.number
        guard let use = place.use else {
          found[key] = .gradient(gradient.asFloats)
          continue
        }
        var inputs = network.steps[use.step].inputs.map { $0.flatMap { values[$0] } }
        inputs[use.input] = nil
        found[key] = .pair(use, inputs, gradient)
      }
    }
    var parts: [Int: [Part]] = [:]
    for (key, part) in found { if let number = owners[key] { parts[number, default: []].append(part) } }
    return parts
  }

  // MARK: - Projections

  private func probe(_ layer: Int, _ held: [(number: Int, parts: [[Part]])], units: Int) -> LayerProbe {
    let (network, weights, uses) = (network, weights, uses)
    return LayerProbe(layer: layer, units: units) { delta throws(InferenceError) in
      let budget = RunBudget(limit: nil, isCancelled: { false })
      var result = [Float](repeating: 0, count: units)
      for (number, parts) in held {
        let change = try uses.change(of: number, layer: layer, by: delta, weights, budget)
        for (unit, own) in parts.enumerated() {
          for part in own {
            switch part {
            case .gradient(let gradient): result[unit] += Self.dot(gradient, change.asFloats)
            case .pair(let use, let inputs, let gradient):
              let made = try Self.output(network, use, inputs, change, budget)
              result[unit] += Self.dot(gradient.asFloats, made.asFloats)
            }
          }
        }
      }
      return result
    }
  }

  /// A use's output with a weight's change in the weight's place, and without what it adds.
  private static func output(
    _ network: Network, _ use: WeightUses.Use, _ given: [Value?], _ change: Value, _ budget: RunBudget
  ) throws(InferenceError) -> Value {
    let step = network.steps[use.step]
    var inputs = given
    inputs[use.input] = change
    switch step.node.operatorName {
    case "Conv", "ConvTranspose", "Gemm": if inputs.count > 2 { inputs[2] = nil }
    case "MatMulNBits": if inputs.count > 5 { inputs[5] = nil }
    default: break
    }
    let call = Call(
      node: step.node, inputs: inputs, operatorSet: network.operatorSet, filler: step.filler, budget: budget)
    guard let forward = step.forward, let made = try forward(call).first else {
      throw Network.failure(step.node, "makes nothing")
    }
    return made
  }

  private static func dot(_ a: [Float], _ b: [Float]) -> Float {
    var sum = 0.0
    for index in 0..<min(a.count, b.count) { sum += Double(a[index]) * Double(b[index]) }
    return Float(sum)
  }
}
