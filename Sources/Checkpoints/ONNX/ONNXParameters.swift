/// Which inputs of operators are scales and zero points of others: no weights, whatever their shape.
enum ONNXParameters {
  private static let places: [String: [Int]] = [
    "QuantizeLinear": [1, 2], "DequantizeLinear": [1, 2], "QLinearConv": [1, 2, 4, 5, 6, 7],
    "QLinearMatMul": [1, 2, 4, 5, 6, 7], "ConvInteger": [2, 3], "MatMulInteger": [2, 3], "QGemm": [1, 2, 4, 5, 7, 8],
    "QAttention": [3, 4, 6, 7], "DynamicQuantizeLSTM": [8, 9, 10, 11], "DynamicQuantizeMatMul": [2, 3],
    "MatMulIntegerToFloat": [2, 3, 4, 5], "MatMulNBits": [2, 3, 4], "MatMulBnb4": [2], "GatherBlockQuantized": [2, 3],
    "QMoE": [3, 6, 9], "QEmbedLayerNormalization": [8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    "QLinearAdd": [1, 2, 4, 5, 6, 7], "QLinearMul": [1, 2, 4, 5, 6, 7], "QLinearWhere": [2, 3, 5, 6, 7, 8],
    "QLinearSigmoid": [1, 2, 3, 4], "QLinearLeakyRelu": [1, 2, 3, 4], "QLinearSoftmax": [1, 2, 3, 4],
    "QLinearAveragePool": [1, 2, 3, 4], "QLinearGlobalAveragePool": [1, 2, 3, 4], "QLinearReduceMean": [1, 2, 3, 4],
  ]

  /// The inputs of a node that are such.
  static func inputs(of node: Graph.Node) -> [String] {
    // Two for the output, then three a part: the part, its scale, its zero point.
    let places =
      node.operatorName == "QLinearConcat"
      ? node.inputs.indices.filter { $0 < 2 || ($0 - 2) % 3 != 0 } : places[node.operatorName] ?? []
    return places.lazy.filter { $0 < node.inputs.count }.map { node.inputs[$0] }.filter { !$0.isEmpty }
  }
}
