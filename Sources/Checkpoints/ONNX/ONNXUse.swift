internal import Numerics

/// A node's use of a tensor as its weight.
struct ONNXUse {
  /// Those of the node.
  let nodeName: String
  let operatorName: String
  let weight: Int
  var bias: Int?
  var companions: [Int] = []
  /// Whether the weight is the right one of a product, so that its last axis is the output.
  var isRightFactor = false
  /// How the weight is quantised, where it is.
  var quantization: ONNXQuantization?

  /// Where operators have their weight, bias and companions among their inputs.
  private static let places: [String: (weight: Int, bias: Int?, companions: [Int])] = [
    "Conv": (1, 2, []), "FusedConv": (1, 2, []), "ConvTranspose": (1, 2, []), "Gemm": (1, 2, []),
    "FusedGemm": (1, 2, []), "MatMul": (1, nil, []), "FusedMatMul": (1, nil, []), "Attention": (1, 2, []),
    "ConvInteger": (1, nil, [3]), "MatMulInteger": (1, nil, [3]), "QLinearConv": (3, 8, [4, 5]),
    "QLinearMatMul": (3, nil, [4, 5]), "QGemm": (3, 6, [4, 5]), "MatMulNBits": (1, 5, [2, 3, 4]),
    "DynamicQuantizeMatMul": (1, 4, [2, 3]), "MatMulIntegerToFloat": (1, 6, [3, 5]), "QAttention": (1, 2, [4, 7]),
    "DynamicQuantizeLSTM": (1, 3, [8, 9]), "Gather": (0, nil, []), "GatherBlockQuantized": (0, nil, [2, 3]),
    "BatchNormalization": (1, 2, [3, 4]), "InstanceNormalization": (1, 2, []), "LayerNormalization": (1, 2, []),
    "GroupNormalization": (1, 2, []), "RMSNormalization": (1, nil, []),
    "SimplifiedLayerNormalization": (1, nil, []), "SkipLayerNormalization": (2, 3, []),
    "SkipSimplifiedLayerNormalization": (2, nil, []), "PRelu": (1, nil, []), "LSTM": (1, 3, []),
    "GRU": (1, 3, []), "RNN": (1, 3, []),
  ]
  private static let products: Set<String> = [
    "MatMul", "FusedMatMul", "Gemm", "FusedGemm", "MatMulInteger", "QLinearMatMul", "QGemm", "Attention",
    "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention",
  ]
  /// Recurrent operators, whose second weight R stands after W, with its scale and zero point.
  private static let recurrent: [String: [Int]] = [
    "LSTM": [], "GRU": [], "RNN": [], "DynamicQuantizeLSTM": [10, 11],
  ]

  init?(_ node: Graph.Node, _ values: ONNXValues, _ tensors: [Tensor]) {
    guard let place = Self.places[node.operatorName] else { return nil }
    func value(_ input: Int?) -> ONNXValues.Value? {
      guard let input, input < node.inputs.count else { return nil }
      return values.weight(node.inputs[input])
    }
    func tensor(_ input: Int?) -> Int? {
      guard let input, input < node.inputs.count else { return nil }
      return values.tensors[node.inputs[input]]
    }
    var found = value(place.weight)
    isRightFactor = found != nil && Self.products.contains(node.operatorName)
    // A product with the weight on the left.
    if found == nil, node.operatorName == "MatMul" { found = value(0) }
    guard let found else { return nil }
    let weight = found.tensor
    quantization = ONNXQuantization(node, found, values, place.companions)
    if node.operatorName == "Gather", quantization == nil,
      !tensors[weight].type.isFloatingPoint || tensors[weight].shape.count < 2
    {
      return nil
    }
    if ["Gemm", "FusedGemm", "QGemm"].contains(node.operatorName) { isRightFactor = !node.flag("transB") }
    if node.operatorName == "FusedMatMul", node.flag("transB") { isRightFactor = false }
    if found.isTurned, tensors[weight].shape.count == 2 { isRightFactor.toggle() }
    (nodeName, operatorName) = (node.name, node.operatorName)
    self.weight = weight
    bias = tensor(place.bias) ?? place.bias.flatMap { value($0)?.tensor }
    companions = place.companions.compactMap { tensor($0) }
    companions += quantization?.tensors.filter { !companions.contains($0) } ?? []
    if isRightFactor, bias == nil, let output = node.outputs.first, let width = tensors[weight].shape.last {
      bias = values.added(to: output, width: width)
    }
  }

  /// Codes that are dequantised for a node that is none of the above.
  init?(dequantizing node: Graph.Node, _ values: ONNXValues) {
    guard ["DequantizeLinear", "Mul"].contains(node.operatorName), let output = node.outputs.first,
      let found = values.weight(output), found.scaling != nil
    else { return nil }
    (nodeName, operatorName) = (node.name, node.operatorName)
    weight = found.tensor
    quantization = ONNXQuantization(node, found, values, [])
    companions = quantization?.tensors ?? []
  }

  /// The recurrent matrix R of LSTM, GRU and RNN, beside W.
  init?(recurrent node: Graph.Node, _ values: ONNXValues) {
    guard let places = Self.recurrent[node.operatorName], node.inputs.count > 2,
      let weight = values.weight(node.inputs[2])
    else { return nil }
    (nodeName, operatorName) = (node.name.isEmpty ? "" : "\(node.name).R", node.operatorName)
    self.weight = weight.tensor
    quantization = ONNXQuantization(node, weight, values, places)
    companions = quantization?.tensors ?? []
  }
}

extension Graph.Node {
  func int(_ name: String) -> Int? { if case .int(let value) = attributes[name] { value } else { nil } }
  func flag(_ name: String) -> Bool { int(name) ?? 0 != 0 }
}
