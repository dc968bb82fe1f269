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
    /// `nil` for operators that run graphs of their own.
    let forward: Operator.Forward?
    let filler: Value?
    /// The graphs in its attributes.
    let bodies: [String: Body]
  }

  public let checkpoint: Checkpoint
  public let steps: [Step]
  /// What a caller gives, and what comes out, in the model's order.
  public let inputs: [Graph.Value]
  public let outputs: [Graph.Value]
  /// Values' names by their numbers.
  public let valueNames: [String]
  /// The checkpoint's tensors that are weights here, by value number; those of inner graphs too.
  public let weightTensors: [Int: Int]
  let operatorSet: Int
  let inputNumbers: [Int]
  let outputNumbers: [Int]

  /// Makes the network of an ONNX checkpoint. Reads no weights.
  ///
  /// - Throws: where the checkpoint has no graph, a node has an operator that is not supported (the message names
  ///   both), or a node uses a value that nothing before it makes.
  public init(_ checkpoint: Checkpoint) throws(InferenceError) {
    guard let graph = checkpoint.graph else {
      throw InferenceError(
        checkpoint.path, "is \(checkpoint.format.rawValue), which holds no graph to run; ONNX does")
    }
    try self.init(checkpoint, graph: graph)
  }

  /// The same with another graph than the checkpoint's, on its tensors.
  package init(_ checkpoint: Checkpoint, graph: Graph) throws(InferenceError) {
    try Planner.checkOperators(graph, checkpoint.path)
    var planner = Planner(checkpoint)
    let body = try planner.plan(graph)
    self.checkpoint = checkpoint
    steps = body.steps
    inputs = graph.inputs
    outputs = graph.outputs
    valueNames = planner.names
    weightTensors = planner.weights
    operatorSet = graph.operatorSet
    inputNumbers = body.inputs
    outputNumbers = body.outputs
  }

  /// Some of a network's steps, which make one of its values; all are numbered as they are there.
  init(_ network: Network, steps: Range<Int>, making output: Int) {
    (checkpoint, valueNames, weightTensors) = (network.checkpoint, network.valueNames, network.weightTensors)
    operatorSet = network.operatorSet
    self.steps = Array(network.steps[steps])
    (inputs, outputs, inputNumbers, outputNumbers) = ([], [], [], [output])
  }

  /// An error at a node.
  static func failure(_ node: Graph.Node, _ reason: String) -> InferenceError {
    let name = node.name.isEmpty ? "of '\(node.outputs.first ?? "")'" : "'\(node.name)'"
    return InferenceError("node \(name) (\(node.operatorName))", reason)
  }
}
