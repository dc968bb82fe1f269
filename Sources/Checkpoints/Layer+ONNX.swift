internal import Numerics

extension Layer {
  /// Puts an ONNX model's tensors together to layers by the operators that use them.
  ///
  /// A tensor that a node takes as its weight makes a layer with the node's bias and statistics, named as the
  /// node where that is the weight's only user and has a name; all else is a layer by itself.
  static func grouped(_ tensors: [Tensor], _ graph: Graph) -> [Layer] {
    var uses: [Int: [ONNXUse]] = [:]
    collect(graph, [:], tensors, &uses)

    var isPart = [Bool](repeating: false, count: tensors.count)
    var biases: [Int: Int] = [:]
    var companions: [Int: [Int]] = [:]
    for weight in tensors.indices {
      guard let use = uses[weight]?.first else { continue }
      if let bias = use.bias, uses[bias] == nil, !isPart[bias] {
        biases[weight] = bias
        isPart[bias] = true
      }
      for companion in use.companions where uses[companion] == nil && !isPart[companion] {
        companions[weight, default: []].append(companion)
        isPart[companion] = true
      }
    }

    var taken = Set<String>(minimumCapacity: tensors.count)
    var layers: [Layer] = []
    for (index, tensor) in tensors.enumerated() where !isPart[index] {
      let users = uses[index] ?? []
      let use = users.first
      let ownName = tensor.name.hasSuffix(".weight") ? String(tensor.name.dropLast(7)) : tensor.name
      let isNamed = users.count == 1 && use?.node.name.isEmpty == false
      var name = isNamed ? use!.node.name : ownName
      if taken.contains(name) { name = tensor.name }
      var (block, blockName) = blockPosition(tensor.name)
      if block == nil, let node = use?.node.name { (block, blockName) = blockPosition(node) }
      layers.append(
        Layer(
          name: unique(name, &taken), weight: index, bias: biases[index], companions: companions[index] ?? [],
          operatorName: use?.node.operatorName, role: role(tensor, use), block: block, blockName: blockName,
          matrix: MatrixShape(tensor, use)))
    }
    return layers
  }

  /// Finds the uses of weights in a graph and the graphs in it, which see the outer ones' values.
  private static func collect(
    _ graph: Graph, _ outer: [String: Int], _ tensors: [Tensor], _ uses: inout [Int: [ONNXUse]]
  ) {
    let values = outer.merging(graph.initializers) { $1 }
    // A MatMul's bias is added by the next node.
    var additions: [String: [String]] = [:]
    for node in graph.nodes where node.operatorName == "Add" && node.inputs.count == 2 {
      additions[node.inputs[0], default: []].append(node.inputs[1])
      additions[node.inputs[1], default: []].append(node.inputs[0])
    }
    for node in graph.nodes {
      if let use = ONNXUse(node, values, tensors, additions) { uses[use.weight, default: []].append(use) }
      // A recurrent node has two weights, W and R.
      if let use = ONNXUse(recurrent: node, values) { uses[use.weight, default: []].append(use) }
      for case .graph(let inner) in node.attributes.sorted(by: { $0.key < $1.key }).map(\.value) {
        collect(inner, values, tensors, &uses)
      }
    }
  }

  private static func role(_ tensor: Tensor, _ use: ONNXUse?) -> Role {
    let byName = Role(name: tensor.name, shape: tensor.shape)
    guard let use else {
      // Nothing says that a loose array is a matrix or a filter.
      return tensor.type.isFloatingPoint && byName != .linear && byName != .convolution ? byName : .other
    }
    switch use.node.operatorName {
    case "Conv", "ConvTranspose", "ConvInteger", "QLinearConv": return .convolution
    case "Gather": return byName == .positional ? .positional : .embedding
    case "MatMul", "Gemm", "MatMulInteger", "QLinearMatMul":
      if byName != .linear, byName != .other, byName != .convolution { return byName }
      let parents = use.node.name.split(separator: "/").dropLast().joined(separator: "/")
      let byParents = Role(name: parents, shape: tensor.shape)
      return byParents == .convolution || byParents == .norm ? .linear : byParents
    case "LSTM", "GRU", "RNN": return .linear
    default: return .norm
    }
  }
}

/// A node's use of a tensor as its weight.
struct ONNXUse {
  let node: Graph.Node
  let weight: Int
  var bias: Int?
  var companions: [Int] = []
  /// Whether the weight is the right one of a product, so that its last axis is the output.
  var isRightFactor = false

  /// Where operators have their weight, bias and statistics among their inputs.
  private static let places: [String: (weight: Int, bias: Int?, companions: [Int])] = [
    "Conv": (1, 2, []), "ConvTranspose": (1, 2, []), "Gemm": (1, 2, []), "MatMul": (1, nil, []),
    "ConvInteger": (1, nil, [3]), "MatMulInteger": (1, nil, [3]), "QLinearConv": (3, 8, [4, 5]),
    "QLinearMatMul": (3, nil, [4, 5]), "Gather": (0, nil, []), "BatchNormalization": (1, 2, [3, 4]),
    "InstanceNormalization": (1, 2, []), "LayerNormalization": (1, 2, []), "GroupNormalization": (1, 2, []),
    "RMSNormalization": (1, nil, []), "SimplifiedLayerNormalization": (1, nil, []), "PRelu": (1, nil, []),
    "LSTM": (1, 3, []), "GRU": (1, 3, []), "RNN": (1, 3, []),
  ]

  init?(_ node: Graph.Node, _ values: [String: Int], _ tensors: [Tensor], _ additions: [String: [String]]) {
    guard let place = Self.places[node.operatorName] else { return nil }
    func tensor(_ input: Int?) -> Int? {
      guard let input, input < node.inputs.count else { return nil }
      return values[node.inputs[input]]
    }
    var found = tensor(place.weight)
    isRightFactor = found != nil && (node.operatorName == "MatMul" || node.operatorName == "Gemm")
    if node.operatorName == "MatMul", found == nil { found = tensor(0) }
    guard let weight = found else { return nil }
    if node.operatorName == "Gather", !tensors[weight].type.isFloatingPoint || tensors[weight].shape.count < 2 {
      return nil
    }
    if node.operatorName == "Gemm", case .int(let transposed) = node.attributes["transB"], transposed != 0 {
      isRightFactor = false
    }
    self.node = node
    self.weight = weight
    bias = tensor(place.bias)
    companions = place.companions.compactMap { tensor($0) }
    if node.operatorName == "MatMul", isRightFactor, let output = node.outputs.first {
      let width = tensors[weight].shape.last
      bias = additions[output, default: []].lazy.compactMap { values[$0] }
        .first { tensors[$0].shape.count == 1 && tensors[$0].shape.first == width }
    }
  }

  /// The recurrent matrix R of LSTM, GRU and RNN, beside W.
  init?(recurrent node: Graph.Node, _ values: [String: Int]) {
    guard ["LSTM", "GRU", "RNN"].contains(node.operatorName), node.inputs.count > 2,
      let weight = values[node.inputs[2]]
    else { return nil }
    self.node = Graph.Node(
      name: node.name.isEmpty ? "" : "\(node.name).R", operatorName: node.operatorName, domain: node.domain,
      inputs: node.inputs, outputs: node.outputs, attributes: node.attributes)
    self.weight = weight
  }
}

extension MatrixShape {
  /// How an ONNX weight is read as a matrix of outputs by inputs; `nil` for what is none.
  init?(_ tensor: Tensor, _ use: ONNXUse?) {
    let shape = tensor.shape
    guard shape.count >= 2, tensor.type.isFloatingPoint, tensor.count > 0 else { return nil }
    // A vector shaped to be broadcast, as exporters write biases and gains.
    if use == nil, shape.contains(tensor.count) { return nil }
    switch use?.node.operatorName {
    case "MatMul" where use?.isRightFactor == true, "Gemm" where use?.isRightFactor == true:
      // (…, inputs, outputs)
      let rows = shape[shape.count - 1]
      self.init(rows: rows, columns: tensor.count / rows, outer: tensor.count / rows)
    case "ConvTranspose":
      // (inputs, outputs / groups, kernel …)
      let (inputs, rows) = (shape[0], shape[1])
      self.init(rows: rows, columns: tensor.count / rows, outer: inputs)
    case "LSTM", "GRU", "RNN":
      // (directions, gates · hidden, inputs)
      let columns = shape[shape.count - 1]
      self.init(rows: tensor.count / columns, columns: columns)
    default:
      self.init(rows: shape[0], columns: tensor.count / shape[0])
    }
  }
}
