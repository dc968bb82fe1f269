internal import Checkpoints

extension Network {
  /// How an output changes, in one direction, with inputs and weights.
  public struct Gradients: Sendable {
    /// By the inputs' names; an input that nothing depends on is left out.
    public internal(set) var inputs: [String: Value] = [:]
    /// By the checkpoint's tensors.
    public internal(set) var tensors: [Int: Value] = [:]
  }

  /// The gradients of ⟨v, output⟩ with respect to some inputs and weights.
  ///
  /// Costs two to three forward runs, and the memory of what they keep; see `Backpropagation`.
  ///
  /// - Parameters:
  ///   - output: its name; `nil` for the first.
  ///   - inputs: names of inputs whose gradients are asked for.
  ///   - tensors: the checkpoint's.
  ///   - memory: bytes that weights and arrays may take at a time; see `run`.
  ///   - direction: v, of the output's shape, from the output.
  /// - Throws: where an operator on the way has no gradient (`lacksGradient`; the message names the first node), and as
  ///   `run`.
  public func gradients(
    _ given: [String: Value], weights: Weights, output: String? = nil, ofInputs inputs: [String] = [],
    ofTensors tensors: [Int] = [], memory: Int? = nil, isCancelled: @escaping () -> Bool = { false },
    direction: (Value) throws(InferenceError) -> Value
  ) throws(InferenceError) -> Gradients {
    let name = try self.output(output).name
    guard let place = outputs.firstIndex(where: { $0.name == name }) else { return Gradients() }
    var sources: [Int: Int] = [:]
    for (number, tensor) in weightTensors where tensors.contains(tensor) { sources[number] = tensor }
    var named: [Int: String] = [:]
    for (input, number) in zip(self.inputs, inputNumbers) where inputs.contains(input.name) {
      named[number] = input.name
    }
    var way = try Backpropagation(self, from: Set(sources.keys).union(named.keys), to: outputNumbers[place])
    let values = try filled(weights, given)
    var found = Gradients()
    try way.run(
      values,
      budget: { () throws(InferenceError) in try budget(memory, weights.byteCount, values, isCancelled) },
      direction: direction
    ) { number, gradient, _ in
      if let name = named[number] { found.inputs[name] = gradient }
      if let tensor = sources[number] { found.tensors[tensor] = gradient }
    }
    return found
  }
}
