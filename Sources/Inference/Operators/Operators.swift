/// How one of ONNX's operators is computed.
struct Operator: Sendable {
  /// The node's outputs from its inputs; outputs at the end may be missing where they are optional.
  typealias Forward = @Sendable (Call) throws(InferenceError) -> [Value]
  /// The gradients with respect to the inputs from those with respect to the outputs: `nil` where there is none or
  /// nobody asked; those at the end may be missing.
  typealias Backward = @Sendable (BackwardCall) throws(InferenceError) -> [Value?]

  let forward: Forward
  /// `nil`: no gradient goes through the operator.
  var backward: Backward?
}

/// The operators that can be run, by ONNX's names (onnx/docs/Operators.md); those of other domains as `DOMAIN.NAME`.
enum Operators {
  typealias Table = [String: Operator.Forward]

  static let all: [String: Operator] = {
    var all: [String: Operator] = [:]
    let groups: [Table] = [
      elementwise, arithmetic, comparison, products, convolutions, pooling, normalisation, shaping, selection,
      reductions, scattering, searching, quantised, quantisedLinear, recurrent, resizing, signals, losses, sampling,
      contributed,
      blockQuantised,
    ]
    for group in groups {
      for (name, forward) in group { all[name] = Operator(forward: forward, backward: gradients[name]) }
    }
    return all
  }()

  /// Operators that run graphs of their own; see `ControlFlow`.
  static let control: Set<String> = ["If", "Loop", "Scan"]

  /// The name that the table has a node's operator under.
  static func name(_ operatorName: String, domain: String) -> String {
    domain.isEmpty ? operatorName : "\(domain).\(operatorName)"
  }
}
