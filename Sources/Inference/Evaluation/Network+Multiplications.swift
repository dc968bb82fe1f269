internal import Checkpoints
internal import Numerics

extension Network {
  /// Multiplications that each layer's weight takes part in for one sample, by the checkpoint's layer; `nil` where an
  /// input's shape is not known.
  ///
  /// Runs the network once, on zeros: shapes of inner values are only known so.
  ///
  /// - Throws: what a run throws.
  public func multiplications(isCancelled: @escaping () -> Bool = { false }) throws(InferenceError) -> [Int: Int]? {
    var given: [String: Value] = [:]
    for (place, input) in inputs.enumerated() {
      guard let shape = input.shape else { return nil }
      var extents: [Int] = []
      for (axis, extent) in shape.enumerated() {
        switch extent {
        case .fixed(let count): extents.append(count)
        case .free where place == 0 && axis == 0 || axis == input.batchAxis: extents.append(1)
        case .free: return nil
        }
      }
      guard let count = Shape.sizeIfBounded(extents), count < 1 << 28 else { return nil }
      given[input.name] =
        input.type?.isFloatingPoint == false
        ? Value(extents, integers: [Int64](repeating: 0, count: count))
        : Value(extents, [Float](repeating: 0, count: count))
    }
    var layers: [Int: Int] = [:]
    for (index, layer) in checkpoint.layers.enumerated() where layer.matrix != nil { layers[layer.weight] = index }
    var found: [Int: Int] = [:]
    let weights = try loadWeights()
    _ = try run(
      given, weights: weights,
      observe: { step, inputs in
        guard
          let place = step.inputs.firstIndex(where: { $0.flatMap { weightTensors[$0] }.flatMap { layers[$0] } != nil }),
          let layer = step.inputs[place].flatMap({ weightTensors[$0] }).flatMap({ layers[$0] }),
          let count = Self.multiplications(step, inputs, weight: place, operatorSet)
        else { return }
        found[layer, default: 0] += count
      }, isCancelled: isCancelled)
    return found
  }

  private static func multiplications(
    _ step: Step, _ inputs: [Value?], weight place: Int, _ operatorSet: Int
  ) -> Int? {
    guard let weight = inputs[place], let other = inputs.first ?? nil else { return nil }
    switch step.node.operatorName {
    case "Conv", "ConvInteger", "QLinearConv":
      let call = Call(
        node: step.node, inputs: inputs, operatorSet: operatorSet, filler: nil,
        budget: RunBudget(limit: nil, isCancelled: { false }))
      guard other.shape.count > 2, weight.shape.count == other.shape.count,
        let window = try? Window(call, input: Array(other.shape[2...]), kernel: Array(weight.shape[2...]))
      else { return nil }
      return other.shape[0] * window.output.product * weight.count
    case "ConvTranspose":
      return other.shape.count > 2 ? other.shape[0] * other.shape[2...].reduce(1, *) * weight.count : nil
    case "Gather": return 0
    default:
      // A product: each row of the other operand meets the whole matrix.
      guard place > 0, let depth = other.shape.last, depth > 0, weight.shape.count >= 2 else { return nil }
      return other.count / depth * weight.count
    }
  }
}
