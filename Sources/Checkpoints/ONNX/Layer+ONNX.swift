internal import Numerics

extension Layer {
  /// Puts an ONNX model's tensors together to layers by the operators that use them.
  ///
  /// A tensor that a node takes as its weight makes a layer with the node's bias, statistics and quantisation, named
  /// as the node where that is the weight's only user and has a name; all else is a layer by itself.
  static func grouped(_ tensors: [Tensor], _ graph: Graph, functions: [Graph] = []) -> [Layer] {
    var search = ONNXUses(tensors, functions)
    search.collect(graph, [:], depth: 0)
    let (uses, parameters) = (search.allUses, search.parameters)

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
      let names = users.map(\.node.name).filter { !$0.isEmpty }
      let ownName = tensor.name.hasSuffix(".weight") ? String(tensor.name.dropLast(7)) : tensor.name
      let isNamed = users.count == 1 && use?.node.name.isEmpty == false
      var name = isNamed ? use!.node.name : ownName
      if taken.contains(name) { name = tensor.name }
      var (block, blockName) = blockPosition(tensor.name)
      if block == nil, let node = use?.node.name { (block, blockName) = blockPosition(node) }
      let matrix = MatrixShape(tensor, use)
      let packed = use?.quantization?.packing(tensor, matrix, tensors)
      let isNumbers = tensor.type.isFloatingPoint || packed != nil
      layers.append(
        Layer(
          name: unique(name, &taken), weight: index, bias: biases[index], companions: companions[index] ?? [],
          operatorName: use?.node.operatorName, role: role(tensor, use), block: block,
          blockName: blockName.map { String($0) },
          matrix: packed?.1 ?? (isNumbers ? matrix : nil), packing: packed?.0,
          ties: users.count < 2 ? [] : names, nodes: names,
          isQuantizationParameter: users.isEmpty && parameters.contains(index)))
    }
    return layers
  }

  private static func role(_ tensor: Tensor, _ use: ONNXUse?) -> Role {
    let byName = Role(name: tensor.name, shape: tensor.shape)
    guard let use else {
      // Nothing says that a loose array is a matrix or a filter.
      return tensor.type.isFloatingPoint && byName != .linear && byName != .convolution ? byName : .other
    }
    switch use.node.operatorName {
    case "Conv", "FusedConv", "ConvTranspose", "ConvInteger", "QLinearConv": return .convolution
    case "Gather", "GatherBlockQuantized": return byName == .positional ? .positional : .embedding
    case "Attention", "QAttention": return .attentionQKV
    case "LSTM", "GRU", "RNN", "DynamicQuantizeLSTM": return .linear
    case "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
      "RMSNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
      "SkipSimplifiedLayerNormalization", "PRelu":
      return .norm
    default:
      if byName != .linear, byName != .other, byName != .convolution { return byName }
      let parents = use.node.name.split(separator: "/").dropLast().joined(separator: "/")
      let byParents = Role(name: parents, shape: tensor.shape)
      return byParents == .convolution || byParents == .norm ? .linear : byParents
    }
  }
}

/// Finds the uses of weights in a graph, the graphs in it (which see the outer ones' values), and the functions that
/// it calls (which see what they are given).
private struct ONNXUses {
  private var uses: [Int: [ONNXUse]] = [:]
  /// Those of codes that are dequantised for whatever comes then.
  private var dequantized: [Int: [ONNXUse]] = [:]
  /// Scales and zero points.
  private(set) var parameters: Set<Int> = []
  private let tensors: [Tensor]
  private var functions: [String: Graph] = [:]
  /// Nodes that may still be looked at: functions that call functions could multiply beyond any bound.
  private var budget = 2_000_000
  private static let maximumDepth = 24

  init(_ tensors: [Tensor], _ functions: [Graph]) {
    self.tensors = tensors
    for function in functions { self.functions[function.name] = function }
  }

  /// By the weight; codes that no known operator takes, by the node that makes numbers of them. A scale is none, though
  /// it be looked up in the same way as its codes are.
  var allUses: [Int: [ONNXUse]] {
    var all = uses.merging(dequantized) { known, _ in known }
    for use in all.values.joined() { for scale in use.quantization?.tensors ?? [] { all[scale] = nil } }
    return all
  }

  mutating func collect(_ graph: Graph, _ outer: [String: Int], depth: Int) {
    let values = ONNXValues(graph.nodes, outer.merging(graph.initializers) { $1 }, tensors)
    for node in graph.nodes {
      budget -= 1
      guard budget > 0 else { return }
      if let use = ONNXUse(node, values, tensors) { uses[use.weight, default: []].append(use) }
      if let use = ONNXUse(dequantizing: node, values) { dequantized[use.weight, default: []].append(use) }
      for name in ONNXParameters.inputs(of: node) {
        if let tensor = values.constant(name) { parameters.insert(tensor) }
      }
      // A recurrent node has two weights, W and R.
      if let use = ONNXUse(recurrent: node, values) { uses[use.weight, default: []].append(use) }
      guard depth < Self.maximumDepth else { continue }
      for case .graph(let inner) in node.attributes.sorted(by: { $0.key < $1.key }).map(\.value) {
        collect(inner, values.tensors, depth: depth + 1)
      }
      if let function = functions["\(node.domain)/\(node.operatorName)"] {
        var given: [String: Int] = [:]
        for (formal, actual) in zip(function.inputs, node.inputs) {
          given[formal.name] = values.tensors[actual]
        }
        collect(function, given, depth: depth + 1)
      }
    }
  }
}

extension MatrixShape {
  /// How an ONNX weight is read as a matrix of outputs by inputs; `nil` for what is none.
  init?(_ tensor: Tensor, _ use: ONNXUse?) {
    let shape = tensor.shape
    guard shape.count >= 2, tensor.type.isFloatingPoint || use?.quantization != nil, tensor.count > 0 else {
      return nil
    }
    // A vector shaped to be broadcast, as exporters write biases and gains.
    if use == nil, shape.contains(tensor.count) { return nil }
    if use?.isRightFactor == true {
      // (…, inputs, outputs)
      let rows = shape[shape.count - 1]
      self.init(rows: rows, columns: tensor.count / rows, outer: tensor.count / rows)
      return
    }
    switch use?.node.operatorName {
    case "ConvTranspose":
      // (inputs, outputs / groups, kernel …)
      let (inputs, rows) = (shape[0], shape[1])
      self.init(rows: rows, columns: tensor.count / rows, outer: inputs)
    case "DynamicQuantizeLSTM":
      // (directions, inputs, gates · hidden)
      guard shape.count == 3 else { return nil }
      self.init(rows: shape[0] * shape[2], columns: shape[1], outer: shape[1], stack: shape[0])
    case "LSTM", "GRU", "RNN":
      // (directions, gates · hidden, inputs)
      let columns = shape[shape.count - 1]
      self.init(rows: tensor.count / columns, columns: columns)
    default:
      self.init(rows: shape[0], columns: tensor.count / shape[0])
    }
  }
}
