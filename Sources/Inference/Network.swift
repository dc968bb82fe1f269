public import Checkpoints
internal import Numerics

/// A model as a list of steps that can be run: operators, the values between them, and named weights.
///
/// A value: running it changes nothing, and several threads may run it at once.
public struct Network: Sendable {
  /// One operator's turn. Values are numbered over the network.
  public struct Step: Sendable {
    public let node: Graph.Node
    /// Numbers of values; `nil` where an optional input is left out.
    public let inputs: [Int?]
    public let outputs: [Int]
    /// Values that no later step needs.
    let lastUses: [Int]
    let run: Operator
    let filler: Value?
  }

  typealias Operator = @Sendable (Call) throws(InferenceError) -> [Value]

  public let checkpoint: Checkpoint
  public let steps: [Step]
  /// What a caller gives, and what comes out, in the model's order.
  public let inputs: [Graph.Value]
  public let outputs: [Graph.Value]
  /// Values' names by their numbers.
  public let valueNames: [String]
  /// The checkpoint's tensors that are weights here, by value number.
  public let weightTensors: [Int: Int]
  let operatorSet: Int
  private let inputNumbers: [Int]
  private let outputNumbers: [Int]

  /// Makes the network of an ONNX checkpoint. Reads no weights.
  ///
  /// - Throws: where the checkpoint has no graph, a node has an operator that is not supported (the message names
  ///   both), or a node uses a value that nothing before it makes.
  public init(_ checkpoint: Checkpoint) throws(InferenceError) {
    guard let graph = checkpoint.graph else {
      throw InferenceError(
        checkpoint.path, "is \(checkpoint.format.rawValue), which holds no graph to run; ONNX does")
    }
    try Self.checkOperators(graph, checkpoint.path)
    var numbers: [String: Int] = [:]
    var names: [String] = []
    func define(_ name: String) -> Int {
      names.append(name)
      numbers[name] = names.count - 1
      return names.count - 1
    }
    var weights: [Int: Int] = [:]
    for (name, tensor) in graph.initializers { weights[define(name)] = tensor }
    inputNumbers = graph.inputs.map { define($0.name) }

    var drafts: [(node: Graph.Node, inputs: [Int?], outputs: [Int], run: Operator)] = []
    for node in graph.nodes where !Self.isWeight(node, graph) {
      var used: [Int?] = []
      for input in node.inputs {
        guard input.isEmpty || numbers[input] != nil else {
          throw Self.failure(node, "uses the value '\(input)', which nothing before it makes")
        }
        used.append(numbers[input])
      }
      let made = node.outputs.map { define($0) }
      drafts.append((node, used, made, Operators.all[node.operatorName]!))
    }
    var outputNumbers: [Int] = []
    for output in graph.outputs {
      guard let number = numbers[output.name] else {
        throw InferenceError(checkpoint.path, "has the output '\(output.name)', which nothing makes")
      }
      outputNumbers.append(number)
    }

    // Backwards: a value's last use is the first that is met.
    var seen = Set(outputNumbers)
    var steps: [Step] = []
    for draft in drafts.reversed() {
      var last: [Int] = []
      for number in draft.inputs.compactMap({ $0 }) + draft.outputs
      where weights[number] == nil && seen.insert(number).inserted {
        last.append(number)
      }
      steps.append(
        Step(
          node: draft.node, inputs: draft.inputs, outputs: draft.outputs, lastUses: last, run: draft.run,
          filler: try Self.filler(draft.node, checkpoint)))
    }
    self.checkpoint = checkpoint
    self.steps = steps.reversed()
    self.inputs = graph.inputs
    self.outputs = graph.outputs
    self.valueNames = names
    self.weightTensors = weights
    self.operatorSet = graph.operatorSet
    self.outputNumbers = outputNumbers
  }

  /// Whether the node only names a tensor that is a weight already.
  private static func isWeight(_ node: Graph.Node, _ graph: Graph) -> Bool {
    node.operatorName == "Constant" && node.outputs.first.map { graph.initializers[$0] != nil } == true
  }

  /// The number that a ConstantOfShape repeats: the one tensor that an attribute may hold besides Constant's.
  private static func filler(_ node: Graph.Node, _ checkpoint: Checkpoint) throws(InferenceError) -> Value? {
    guard node.operatorName == "ConstantOfShape", case .tensor(let tensor)? = node.attributes["value"] else {
      return nil
    }
    guard tensor.count == 1 else {
      throw failure(node, "repeats an array of shape \(tensor.shape); one number expected")
    }
    do throws(CheckpointError) {
      return tensor.type.isFloatingPoint
        ? Value([], try checkpoint.floats(tensor)) : Value([], integers: try checkpoint.integers(tensor))
    } catch {
      throw failure(node, error.reason)
    }
  }

  private static func checkOperators(_ graph: Graph, _ path: String) throws(InferenceError) {
    var missing: [String] = []
    var first: Graph.Node?
    for node in graph.nodes where !node.domain.isEmpty || Operators.all[node.operatorName] == nil {
      first = first ?? node
      let name = node.domain.isEmpty ? node.operatorName : "\(node.domain).\(node.operatorName)"
      if !missing.contains(name) { missing.append(name) }
    }
    guard let first else { return }
    let others = missing.dropFirst().prefix(8).joined(separator: ", ")
    throw failure(
      first,
      "needs the operator \(missing[0]), which Lathe cannot run" + (others.isEmpty ? "" : "; nor \(others)"))
  }

  /// An error at a node.
  static func failure(_ node: Graph.Node, _ reason: String) -> InferenceError {
    let name = node.name.isEmpty ? "of '\(node.outputs.first ?? "")'" : "'\(node.name)'"
    return InferenceError("node \(name) (\(node.operatorName))", reason)
  }
}

// MARK: - Running

extension Network {
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
  ///   - isCancelled: Asked before each step.
  /// - Returns: The outputs' values by name.
  /// - Throws: where an input is missing or a node cannot take its inputs (the message names the node), and
  ///   `InferenceError.cancelled`.
  public func run(
    _ inputs: [String: Value], weights: Weights, activations: ActivationRanges? = nil,
    observe: ((Step, [Value?]) -> Void)? = nil, isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> [String: Value] {
    var values = [Value?](repeating: nil, count: valueNames.count)
    for (input, number) in zip(self.inputs, inputNumbers) {
      guard let value = inputs[input.name] else {
        throw InferenceError(checkpoint.path, "is run without its input '\(input.name)'")
      }
      values[number] = value
    }
    for (number, tensor) in weightTensors { values[number] = weights.values[tensor] }
    for (number, step) in steps.enumerated() {
      if isCancelled() { throw .cancelled }
      var given = step.inputs.map { $0.flatMap { values[$0] } }
      if let activations, let first = given.first ?? nil { given[0] = activations.coded(first, step: number) }
      observe?(step, given)
      let made = try step.run(
        Call(node: step.node, inputs: given, operatorSet: operatorSet, filler: step.filler))
      for (number, value) in zip(step.outputs, made) { values[number] = value }
      for number in step.lastUses { values[number] = nil }
    }
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
