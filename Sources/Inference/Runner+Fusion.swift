internal import Checkpoints

/// A convolution, the batch normalisation after it and the bounds after that (Relu, Clip), taken in one go: each plane
/// is finished while the processor's caches hold it. The numbers are those of the steps one by one, bit for bit.
extension Runner {
  /// The output of the last of some steps from `index` on, and how many they are; `nil` where the step is to be taken by
  /// itself.
  func fused(
    _ steps: [Network.Step], at index: Int, keeping: Set<Int>, _ values: [Value?]
  ) throws(InferenceError) -> (made: Value, count: Int)? {
    guard observe == nil, steps[index].node.operatorName == "Conv", steps[index].node.domain.isEmpty else { return nil }
    var finish = Convolution.Finish()
    var last = index
    while let next = follower(steps, of: last, keeping), next.node.domain.isEmpty {
      let given = next.inputs.map { $0.flatMap { values[$0] } }
      let call = Call(node: next.node, inputs: given, operatorSet: operatorSet, budget: budget)
      let hasBounds = finish.low != -.infinity || finish.high != .infinity
      switch next.node.operatorName {
      case "BatchNormalization" where finish.gains == nil && !hasBounds && !call.flag("training_mode"):
        guard let channels = call.optional(1)?.count else { return nil }
        let scales = try Operators.batchScales(call, channels: channels)
        (finish.gains, finish.offsets) = (scales.gains, scales.offsets)
      case "Relu" where !hasBounds: finish.low = 0
      case "Clip" where !hasBounds:
        finish.low = try call.scalar(1) ?? call.float("min") ?? -.infinity
        finish.high = try call.scalar(2) ?? call.float("max") ?? .infinity
      default: return last == index ? nil : try convolved(steps, index, last, finish, values)
      }
      last += 1
    }
    return last == index ? nil : try convolved(steps, index, last, finish, values)
  }

  /// The next step, where it alone reads this one's output, and that as its first input.
  private func follower(_ steps: [Network.Step], of index: Int, _ keeping: Set<Int>) -> Network.Step? {
    guard index + 1 < steps.count, !keeping.contains(index + 1), let output = steps[index].outputs.first else {
      return nil
    }
    let next = steps[index + 1]
    let isOnlyInput = next.inputs.first == output && !next.inputs.dropFirst().contains(output)
    return isOnlyInput && next.lastUses.contains(output) ? next : nil
  }

  private func convolved(
    _ steps: [Network.Step], _ first: Int, _ last: Int, _ finish: Convolution.Finish, _ values: [Value?]
  ) throws(InferenceError) -> (made: Value, count: Int)? {
    let step = steps[first]
    let given = step.inputs.map { $0.flatMap { values[$0] } }
    let call = Call(node: step.node, inputs: given, operatorSet: operatorSet, budget: budget)
    let convolution = try Convolution(call, finish: finish)
    // What does not fit is refused at its own node.
    guard finish.gains.map({ $0.count == convolution.filters }) ?? true else { return nil }
    return (try convolution.run()[0], last - first + 1)
  }
}
