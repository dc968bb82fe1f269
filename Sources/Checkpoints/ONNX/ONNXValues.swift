internal import Numerics

/// What names stand for in a graph: tensors, and values that are tensors dequantised, turned or passed on.
struct ONNXValues {
  var tensors: [String: Int]
  private let all: [Tensor]
  private let nodes: [Graph.Node]
  /// Nodes by the value that they make, where they are of those that are looked through; places in `nodes`.
  private var producers: [String: Int32] = [:]
  /// The nodes that pass a value on, scale it or add to it: the first and the last of a chain of `uses`.
  private var users: [String: (first: Int32, last: Int32)] = [:]
  /// A node, and the next use of the same value; −1 for the last.
  private var uses: [(node: Int32, next: Int32)] = []
  /// Nodes between a value and its tensor.
  private static let maximumDepth = 6

  struct Value {
    let tensor: Int
    var isTurned = false
    /// What its numbers are multiplied by, where they are codes.
    var scaling: ONNXScaling?
    /// What is taken off them before.
    var zero: Int?
  }

  init(_ nodes: [Graph.Node], _ tensors: [String: Int], _ all: [Tensor]) {
    self.tensors = tensors
    self.all = all
    self.nodes = nodes
    for (place, node) in nodes.enumerated() {
      let place = Int32(clamping: place)
      switch node.operatorName {
      case "DequantizeLinear", "Identity", "Transpose", "Cast", "Gather":
        if let output = node.outputs.first, !node.inputs.isEmpty { producers[output] = place }
        if let input = node.inputs.first { addUse(of: input, place) }
      case "Mul", "Sub", "Add":
        guard node.inputs.count == 2, let output = node.outputs.first else { continue }
        producers[output] = place
        addUse(of: node.inputs[0], place)
        if node.inputs[1] != node.inputs[0] { addUse(of: node.inputs[1], place) }
      default: break
      }
    }
  }

  private mutating func addUse(of value: String, _ node: Int32) {
    let place = Int32(clamping: uses.count)
    uses.append((node, -1))
    if let known = users[value] {
      uses[Int(known.last)].next = place
      users[value] = (known.first, place)
    } else {
      users[value] = (place, place)
    }
  }

  private func producer(of value: String) -> Graph.Node? { producers[value].map { nodes[Int($0)] } }

  /// The nodes that use a value, in the graph's order.
  private func users(of value: String) -> some Sequence<Graph.Node> {
    sequence(state: users[value]?.first ?? -1) { at -> Graph.Node? in
      guard at >= 0 else { return nil }
      let use = uses[Int(at)]
      at = use.next
      return nodes[Int(use.node)]
    }
  }

  /// The tensor behind a value, through at most a few nodes that only pass it on or make numbers of codes.
  func weight(_ name: String) -> Value? { weight(name, depth: 0) }

  private func weight(_ name: String, depth: Int) -> Value? {
    if let tensor = tensors[name] { return Value(tensor: tensor) }
    guard depth < Self.maximumDepth, let node = producer(of: name) else { return nil }
    switch node.operatorName {
    case "Identity", "Cast": return weight(node.inputs[0], depth: depth + 1)
    case "Transpose":
      if case .ints(let order) = node.attributes["perm"], order != [1, 0] { return nil }
      var found = weight(node.inputs[0], depth: depth + 1)
      found?.isTurned.toggle()
      return found
    case "DequantizeLinear":
      guard var found = weight(node.inputs[0], depth: depth + 1), found.scaling == nil else { return nil }
      if let scale = constant(node, 1) {
        found.zero = constant(node, 2)
        let place = ONNXScaling.Place.axis(node.int("axis") ?? 1, block: node.int("block_size") ?? 0)
        found.scaling = ONNXScaling(scale: scale, place: place, isTurned: found.isTurned)
      }
      return found
    case "Sub":
      guard var found = codes(node.inputs[0], depth: depth + 1), found.zero == nil, let zero = constant(node, 1) else {
        return nil
      }
      found.zero = zero
      return found
    case "Mul":
      for (input, factor) in [(0, 1), (1, 0)] {
        guard let scale = constant(node, factor), all[scale].type.isFloatingPoint,
          var found = codes(node.inputs[input], depth: depth + 1)
        else { continue }
        found.scaling = ONNXScaling(scale: scale, place: .broadcast, isTurned: found.isTurned)
        return found
      }
      return nil
    default: return nil
    }
  }

  /// The tensor of codes behind a value, not yet scaled.
  private func codes(_ name: String, depth: Int) -> Value? {
    guard let found = weight(name, depth: depth), found.scaling == nil, isCodes(found.tensor) else { return nil }
    return found
  }

  /// Whether a tensor's numbers may be codes of a quantised weight.
  func isCodes(_ tensor: Int) -> Bool {
    let type = all[tensor].type
    return all[tensor].shape.count >= 2 && type != .bool && !type.isFloatingPoint && type.bits <= 16
  }

  func rank(_ tensor: Int) -> Int { all[tensor].shape.count }
  func shape(_ tensor: Int) -> [Int] { all[tensor].shape }
  func isBytes(_ tensor: Int) -> Bool { all[tensor].type == .u8 }

  /// The tensor that a node's input is, or is cast from.
  func constant(_ node: Graph.Node, _ input: Int) -> Int? {
    input < node.inputs.count ? constant(node.inputs[input]) : nil
  }

  func constant(_ name: String) -> Int? {
    var name = name
    for _ in 0..<3 {
      if let tensor = tensors[name] { return tensor }
      guard let node = producer(of: name), ["Identity", "Cast"].contains(node.operatorName) else { return nil }
      name = node.inputs[0]
    }
    return nil
  }

  /// What makes numbers of codes after a node took them: a table's rows are looked up and then dequantised, a product with
  /// codes is multiplied by their scale (and that of the other factor).
  func scaling(after node: Graph.Node) -> (scaling: ONNXScaling, zero: Int?)? {
    var name = node.outputs.first ?? ""
    var zero: Int?
    for _ in 0..<4 {
      guard let next = users(of: name).first(where: { $0.operatorName != "Add" }) else { return nil }
      let other = next.inputs.first { $0 != name } ?? ""
      switch next.operatorName {
      case "Identity", "Cast": break
      case "Sub" where next.inputs[0] == name:
        guard zero == nil, let found = parameter(other, of: node) else { return nil }
        zero = found.tensor
      case "Mul":
        guard let found = parameter(other, of: node), all[found.tensor].type.isFloatingPoint else { return nil }
        return (ONNXScaling(scale: found.tensor, place: found.place, isTurned: false), zero)
      case "DequantizeLinear" where next.inputs[0] == name && next.inputs.count > 1:
        guard let found = parameter(next.inputs[1], of: node) else { return nil }
        let point = next.inputs.count > 2 ? parameter(next.inputs[2], of: node)?.tensor : nil
        return (ONNXScaling(scale: found.tensor, place: found.place, isTurned: false), point)
      default: return nil
      }
      name = next.outputs.first ?? ""
    }
    return nil
  }

  /// A scale or zero point that meets a node's output: a tensor along the last axis, one that is looked up at the same
  /// places, or one that was multiplied by the scale of the activations.
  private func parameter(_ name: String, of node: Graph.Node) -> (tensor: Int, place: ONNXScaling.Place)? {
    let isTable = node.operatorName == "Gather"
    if let tensor = constant(name) { return (tensor, isTable ? .last : .outputs) }
    guard let maker = producer(of: name) else { return nil }
    if isTable {
      guard maker.operatorName == "Gather", maker.inputs.count > 1, maker.inputs[1] == node.inputs[1],
        let tensor = constant(maker, 0)
      else { return nil }
      return (tensor, .axis(0, block: 0))
    }
    guard maker.operatorName == "Mul" else { return nil }
    return maker.inputs.lazy.compactMap { self.constant($0) }.first.map { ($0, .outputs) }
  }

  /// The vector of a width that is added to a value.
  func added(to value: String, width: Int) -> Int? {
    users(of: value).lazy.filter { $0.operatorName == "Add" }.flatMap { node in node.inputs.filter { $0 != value } }
      .compactMap { weight($0)?.tensor }
      .first { all[$0].shape.count == 1 && all[$0].shape.first == width }
  }
}

/// The scale that a graph multiplies codes by, and how it lies over them.
struct ONNXScaling {
  let scale: Int
  let place: Place
  /// Whether the codes were turned before.
  let isTurned: Bool

  enum Place {
    /// One for all, or one an index of an axis; in blocks along it, where above 0.
    case axis(Int, block: Int)
    /// As shapes are broadcast.
    case broadcast
    /// One for all, or one an index of the last axis.
    case last
    /// One for all, or one an output.
    case outputs
  }
}
