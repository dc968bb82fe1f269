internal import Checkpoints

extension Operators {
  /// The operators' gradients, by the names that the operators have.
  static let gradients: GradientTable = {
    var all: GradientTable = [:]
    let groups: [GradientTable] = [
      elementwiseGradients, arithmeticGradients, productGradients, convolutionGradients, poolingGradients,
      normalisationGradients, reductionGradients, shapingGradients, otherGradients,
    ]
    for group in groups { all.merge(group) { known, _ in known } }
    return all
  }()

  /// Operators whose results do not change with small changes of what goes in: shapes, questions, whole numbers.
  private static let constant: Set<String> = [
    "Shape", "Size", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN",
    "IsInf", "ArgMax", "ArgMin", "NonZero", "ConstantOfShape", "EyeLike", "OneHot", "Sign", "BitwiseAnd", "BitwiseOr",
    "BitwiseXor", "BitwiseNot", "BitShift",
  ]

  /// Whether a node's outputs do not change with small changes of its inputs, so that no gradient is lost at it.
  static func isConstant(_ node: Graph.Node) -> Bool {
    guard node.domain.isEmpty else { return false }
    if node.operatorName == "Cast", case .int(let number)? = node.attributes["to"] {
      // Codes stand for numbers; other whole numbers are places.
      return ![1, 10, 11, 16].contains(number)
    }
    return constant.contains(node.operatorName)
  }
}
