internal import Numerics

/// Finds the uses of weights in a graph, the graphs in it (which see the outer ones' values), and the functions that
/// it calls (which see what they are given).
struct ONNXUses {
  private var uses: ONNXUseLists
  /// Those of codes that are dequantised for whatever comes then.
  private var dequantized: ONNXUseLists
  /// Scales and zero points.
  private(set) var parameters: Set<Int> = []
  private let tensors: [Tensor]
  private var functions: [String: Graph] = [:]
  /// Nodes that may still be looked at: functions that call functions could multiply beyond any bound.
  private var budget = 2_000_000
  private static let maximumDepth = 24

  init(_ tensors: [Tensor], _ functions: [Graph]) {
    self.tensors = tensors
    (uses, dequantized) = (ONNXUseLists(tensors.count), ONNXUseLists(tensors.count))
    for function in functions { self.functions[function.name] = function }
  }

  /// By the weight; codes that no known operator takes, by the node that makes numbers of them. A scale is none, though
  /// it be looked up in the same way as its codes are.
  var allUses: ONNXUseLists {
    var all = uses
    for weight in tensors.indices where uses.isEmpty(of: weight) {
      for use in dequantized[weight] { all.append(use) }
    }
    for use in all.all { for scale in use.quantization?.tensors ?? [] { all.remove(scale) } }
    return all
  }

  mutating func collect(_ graph: Graph, _ outer: [String: Int], depth: Int) {
    let values = ONNXValues(
      graph.nodes, outer.isEmpty ? graph.initializers : outer.merging(graph.initializers) { $1 }, tensors)
    for node in graph.nodes {
      budget -= 1
      guard budget > 0 else { return }
      if let use = ONNXUse(node, values, tensors) { uses.append(use) }
      if let use = ONNXUse(dequantizing: node, values) { dequantized.append(use) }
      for name in ONNXParameters.inputs(of: node) {
        if let tensor = values.constant(name) { parameters.insert(tensor) }
      }
      // A recurrent node has two weights, W and R.
      if let use = ONNXUse(recurrent: node, values) { uses.append(use) }
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
