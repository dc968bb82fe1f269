internal import Checkpoints

/// A network cut into stretches, where a single array that changes with both the inputs and the weights that learn goes
/// from one step to the next: residual blocks stay whole.
struct StretchCuts {
  /// Steps, the array that they make, and the layers that they are the first to read.
  struct Part: Sendable {
    let steps: Range<Int>
    let output: Int
    let layers: [Int]
  }

  private(set) var parts: [Part] = []

  /// Each stretch reads one weight that learns at least, and goes on until right before the next.
  ///
  /// - Parameters:
  ///   - layers: the checkpoint's.
  ///   - output: the number of the value that is looked at.
  init(_ network: Network, _ layers: Set<Int>, output: Int) {
    var byNumber: [Int: [Int]] = [:]
    for (number, tensor) in network.weightTensors {
      let own = layers.filter { network.checkpoint.layers[$0].weight == tensor }
      if !own.isEmpty { byNumber[number] = own.sorted() }
    }
    let steps = network.steps
    let reads = steps.map { step in step.inputs.compactMap { $0 } + step.bodies.values.flatMap(\.captures) }
    /// Which layers each step is the first to read.
    var firsts: [(step: Int, layers: [Int])] = []
    var seen = Set<Int>()
    for (index, read) in reads.enumerated() {
      let own = Set(read.flatMap { byNumber[$0] ?? [] }).subtracting(seen)
      guard !own.isEmpty else { continue }
      seen.formUnion(own)
      firsts.append((index, own.sorted()))
    }
    guard let first = firsts.first else { return }
    let cuts = Self.cuts(network, reads, Set(byNumber.keys), output)
    var start = (step: first.step, layers: first.layers)
    for (place, own) in firsts.enumerated().dropFirst() {
      let before = firsts[place - 1].step
      if let cut = cuts.last(where: { $0.step > before && $0.step <= own.step }), cut.step > start.step {
        parts.append(Part(steps: start.step..<cut.step, output: cut.value, layers: start.layers))
        start = (cut.step, [])
      }
      start.layers += own.layers
    }
    parts.append(Part(steps: start.step..<steps.count, output: output, layers: start.layers))
  }

  /// Places before which one array alone is alive that changes with the inputs and with a weight that learns, and nothing
  /// else that changes with such a weight.
  private static func cuts(
    _ network: Network, _ reads: [[Int]], _ weights: Set<Int>, _ output: Int
  ) -> [(step: Int, value: Int)] {
    var carrying = weights
    var fromInputs = Set(network.inputNumbers)
    var lastUse: [Int: Int] = [output: network.steps.count]
    for number in network.outputNumbers { lastUse[number] = network.steps.count }
    for (index, step) in network.steps.enumerated() {
      for number in reads[index] { lastUse[number] = max(lastUse[number] ?? 0, index) }
      if reads[index].contains(where: fromInputs.contains) { fromInputs.formUnion(step.outputs) }
      if !Operators.isConstant(step.node), reads[index].contains(where: carrying.contains) {
        carrying.formUnion(step.outputs)
      }
    }
    var alive = Set<Int>()
    var cuts: [(step: Int, value: Int)] = []
    for (index, step) in network.steps.enumerated() {
      alive.formUnion(step.outputs.filter { carrying.contains($0) })
      alive = alive.filter { (lastUse[$0] ?? -1) > index }
      if alive.count == 1, let value = alive.first, fromInputs.contains(value) { cuts.append((index + 1, value)) }
    }
    return cuts
  }
}
