internal import Checkpoints
internal import FileAccess
internal import Numerics

/// A graph whose nodes were put in order: the network's own, or one inside a node (If, Loop, Scan).
///
/// Values are numbered over the whole network, so that an inner graph reads the outer one's values by their numbers.
struct Body: Sendable {
  let inputs: [Int]
  let outputs: [Int]
  let steps: [Network.Step]
  /// Values of the graphs around it that it uses.
  let captures: Set<Int>
  /// Its inputs and outputs that are neither weights nor from around it: nobody's when it has run.
  let own: [Int]
}

/// Numbers a model's values and turns its nodes into steps.
struct Planner {
  private(set) var names: [String] = []
  /// The checkpoint's tensors that are weights, by value number.
  private(set) var weights: [Int: Int] = [:]
  private let checkpoint: Checkpoint

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  private mutating func define(_ name: String, _ scope: inout [String: Int]) -> Int {
    names.append(name)
    // An output that is left out has no name; nothing may find it.
    if !name.isEmpty { scope[name] = names.count - 1 }
    return names.count - 1
  }

  /// Plans a graph inside `outer`, the values that are in sight around it.
  mutating func plan(_ graph: Graph, outer: [String: Int] = [:]) throws(InferenceError) -> Body {
    var scope = outer
    let first = names.count
    for (name, tensor) in graph.initializers.sorted(by: { $0.value < $1.value }) {
      weights[define(name, &scope)] = tensor
    }
    var inputs: [Int] = []
    for input in graph.inputs { inputs.append(define(input.name, &scope)) }

    var drafts: [(node: Graph.Node, inputs: [Int?], outputs: [Int], bodies: [String: Body])] = []
    for node in graph.nodes where !Self.isWeight(node, graph) {
      var used: [Int?] = []
      for input in node.inputs {
        guard input.isEmpty || scope[input] != nil else {
          throw Network.failure(node, "uses the value '\(input)', which nothing before it makes")
        }
        used.append(input.isEmpty ? nil : scope[input])
      }
      var bodies: [String: Body] = [:]
      for (name, attribute) in node.attributes.sorted(by: { $0.key < $1.key }) {
        if case .graph(let inner) = attribute { bodies[name] = try plan(inner, outer: scope) }
      }
      var made: [Int] = []
      for output in node.outputs { made.append(define(output, &scope)) }
      drafts.append((node, used, made, bodies))
    }
    var outputs: [Int] = []
    for output in graph.outputs {
      guard let number = scope[output.name] else {
        throw InferenceError(checkpoint.path, "has the output '\(output.name)', which nothing makes")
      }
      outputs.append(number)
    }

    // Backwards: a value's last use is the first that is met. Values from outside are not this graph's to free.
    var seen = Set(outputs)
    var captures = Set(outputs.filter { $0 < first })
    var steps: [Network.Step] = []
    for draft in drafts.reversed() {
      var last: [Int] = []
      let reads = draft.inputs.compactMap { $0 } + draft.bodies.values.flatMap(\.captures)
      for number in reads where number < first { captures.insert(number) }
      for number in reads + draft.outputs
      where number >= first && weights[number] == nil && seen.insert(number).inserted {
        last.append(number)
      }
      let name = Operators.name(draft.node.operatorName, domain: draft.node.domain)
      steps.append(
        Network.Step(
          node: draft.node, inputs: draft.inputs, outputs: draft.outputs, lastUses: last,
          forward: Operators.all[name]?.forward, filler: try filler(draft.node), bodies: draft.bodies))
    }
    let own = Set(inputs + outputs).filter { $0 >= first && weights[$0] == nil }
    return Body(
      inputs: inputs, outputs: outputs, steps: steps.reversed(), captures: captures, own: own.sorted())
  }

  /// Whether the node only names a tensor that is a weight already.
  private static func isWeight(_ node: Graph.Node, _ graph: Graph) -> Bool {
    node.operatorName == "Constant" && node.outputs.first.map { graph.initializers[$0] != nil } == true
  }

  /// The number that a ConstantOfShape repeats: the one tensor that an attribute may hold besides Constant's.
  private func filler(_ node: Graph.Node) throws(InferenceError) -> Value? {
    guard node.operatorName == "ConstantOfShape", case .tensor(let tensor)? = node.attributes["value"] else {
      return nil
    }
    guard tensor.count == 1 else {
      throw Network.failure(node, "repeats an array of shape \(tensor.shape); one number expected")
    }
    do throws(CheckpointError) {
      return try Value(reading: tensor, of: checkpoint).reshaped([])
    } catch {
      throw Network.failure(node, error.reason)
    }
  }

  // MARK: What cannot be run

  /// Refuses a graph with operators that are not there: names the first with its node, the others, and how much of
  /// the network waits for them.
  static func checkOperators(_ graph: Graph, _ path: String) throws(InferenceError) {
    var missing: [String] = []
    var first: Graph.Node?
    visit(graph.nodes) { node in
      let name = Operators.name(node.operatorName, domain: node.domain)
      guard Operators.all[name] == nil, !Operators.control.contains(name) else { return }
      first = first ?? node
      if !missing.contains(name) { missing.append(name) }
    }
    guard let first else { return }
    let others = missing.dropFirst().prefix(8).joined(separator: ", ")
    throw Network.failure(
      first,
      "needs the operator \(missing[0]), which Lathe cannot run" + (others.isEmpty ? "" : "; nor \(others)")
        + blocked(graph, Set(missing)))
  }

  /// Visits nodes and those in the graphs inside them.
  private static func visit(_ nodes: [Graph.Node], _ body: (Graph.Node) -> Void) {
    for node in nodes {
      body(node)
      for case .graph(let inner) in node.attributes.values { visit(inner.nodes, body) }
    }
  }

  /// ": it blocks 3 of 7 nodes" and the outputs that come of them.
  private static func blocked(_ graph: Graph, _ missing: Set<String>) -> String {
    var waiting = Set<String>()
    var count = 0
    for node in graph.nodes {
      var isMissing = false
      visit([node]) { isMissing = isMissing || missing.contains(Operators.name($0.operatorName, domain: $0.domain)) }
      guard isMissing || node.inputs.contains(where: { waiting.contains($0) }) else { continue }
      count += 1
      waiting.formUnion(node.outputs.filter { !$0.isEmpty })
    }
    let outputs = graph.outputs.map(\.name).filter { waiting.contains($0) }
    guard graph.nodes.count > 1 else { return "" }
    let names = outputs.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
    return "; \(count) of \(graph.nodes.count) nodes wait for it"
      + (names.isEmpty ? "" : ", and the output\(outputs.count == 1 ? "" : "s") \(names)")
  }
}

extension Value {
  /// A tensor of a checkpoint, decoded.
  init(reading tensor: Tensor, of checkpoint: Checkpoint) throws(CheckpointError) {
    guard Shape.isBounded(tensor.shape) else {
      throw CheckpointError(
        file: checkpoint.path, tensor: tensor.name, "has the shape \(tensor.shape), which is too large")
    }
    if tensor.type.isFloatingPoint {
      self.init(tensor.shape, try checkpoint.floats(tensor), type: tensor.type)
    } else {
      self.init(tensor.shape, integers: try checkpoint.integers(tensor), type: tensor.type)
    }
  }
}
