internal import CKernels
internal import Checkpoints
internal import FileAccess

/// Where a network's layers come in: the steps that put their weights, as they are or as operators on weights alone make
/// them, together with what depends on the inputs.
struct WeightUses {
  /// A step that reads such a value as one of its inputs.
  struct Use: Sendable {
    let step: Int
    let input: Int
  }

  private(set) var uses: [Int: [Use]] = [:]
  /// By layer: the values that come of its weight and that steps use.
  private(set) var values: [Int: [Int]] = [:]
  /// Which step makes a value out of weights alone.
  private var makers: [Int: Int] = [:]
  private let network: Network

  init(_ network: Network) {
    self.network = network
    var layers: [Int: Set<Int>] = [:]
    var isFixed = Set(network.weightTensors.keys)
    let byTensor = Dictionary(
      network.checkpoint.layers.enumerated().filter { $1.matrix != nil }.map { ($1.weight, $0) },
      uniquingKeysWith: { first, _ in first })
    for (number, tensor) in network.weightTensors { if let layer = byTensor[tensor] { layers[number] = [layer] } }
    for (index, step) in network.steps.enumerated() {
      let inputs = step.inputs.compactMap { $0 }
      if step.forward != nil, step.bodies.isEmpty, inputs.allSatisfy(isFixed.contains) {
        isFixed.formUnion(step.outputs)
        let own = inputs.reduce(into: Set<Int>()) { $0.formUnion(layers[$1] ?? []) }
        for output in step.outputs {
          makers[output] = index
          if !own.isEmpty, !Operators.isConstant(step.node) { layers[output] = own }
        }
        continue
      }
      for (input, number) in step.inputs.enumerated() {
        guard let number, let own = layers[number] else { continue }
        uses[number, default: []].append(Use(step: index, input: input))
        for layer in own where values[layer]?.contains(number) != true { values[layer, default: []].append(number) }
      }
    }
  }

  /// What a weight's change makes of a value that comes of it. A weight that is used as it is: the change itself, in the
  /// form that its operators read, so that what is linear in it can be run with the change in its place.
  func change(
    of number: Int, layer: Int, by delta: [Float], _ weights: Weights, _ budget: RunBudget
  ) throws(InferenceError) -> Value {
    let tensor = network.checkpoint.layers[layer].weight
    if network.weightTensors[number] == tensor {
      guard let value = try weights.replacing(layer: layer, withMatrix: delta).values[tensor] else {
        throw InferenceError(network.checkpoint.path, "has no weight for the layer \(layer)")
      }
      return value
    }
    let matrix: [Float]
    do throws(CheckpointError) {
      matrix = try network.checkpoint.matrix(layer: layer)
    } catch { throw InferenceError(error.file, error.reason) }
    let moved = Kernels.combine(LATHE_ADD, matrix, [matrix.count], delta, [delta.count], [matrix.count])
    let new = try value(number, try weights.replacing(layer: layer, withMatrix: moved), budget)
    let old = try value(number, try weights.replacing(layer: layer, withMatrix: matrix), budget)
    guard let a = new.floats, let b = old.floats else { return new }
    return Value(new.shape, Kernels.combine(LATHE_SUB, a, new.shape, b, new.shape, new.shape))
  }

  /// A value that weights alone make.
  private func value(_ number: Int, _ weights: Weights, _ budget: RunBudget) throws(InferenceError) -> Value {
    if let tensor = network.weightTensors[number], let value = weights.values[tensor] { return value }
    guard let index = makers[number], let place = network.steps[index].outputs.firstIndex(of: number),
      let forward = network.steps[index].forward
    else { throw InferenceError(network.checkpoint.path, "makes '\(network.valueNames[number])' of more than weights") }
    let step = network.steps[index]
    var inputs: [Value?] = []
    for input in step.inputs {
      guard let input else {
        inputs.append(nil)
        continue
      }
      inputs.append(try value(input, weights, budget))
    }
    let made = try forward(
      Call(
        node: step.node, inputs: inputs, operatorSet: network.operatorSet, filler: step.filler, budget: budget))
    guard place < made.count else { throw Network.failure(step.node, "makes \(made.count) values") }
    return made[place]
  }
}
