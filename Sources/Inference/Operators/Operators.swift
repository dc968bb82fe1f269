/// The operators that can be run, by ONNX's names (onnx/docs/Operators.md).
enum Operators {
  static let all: [String: Network.Operator] = {
    var all: [String: Network.Operator] = [:]
    let groups = [
      elementwise, arithmetic, comparison, products, convolutions, pooling, normalisation, shaping, selection,
      reductions,
    ]
    for group in groups {
      all.merge(group) { _, new in new }
    }
    return all
  }()
}
