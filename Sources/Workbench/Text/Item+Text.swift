import Checkpoints

extension Item {
  /// The shape for people: `32×128`, `scalar`.
  package var shapeText: String {
    let shape = shape
    guard var text = shape.first.map(String.init) else { return "scalar" }
    for extent in shape.dropFirst() {
      text += "×"
      text += String(extent)
    }
    return text
  }

  /// Which axes are outputs and inputs, where the file does not store outputs first; `nil` elsewhere.
  package var orderText: String? {
    guard kind == .weight, !matrix.isRowMajor else { return nil }
    let experts = matrix.stack > 1 ? "\(matrix.stack) × " : ""
    return "inputs first: \(experts)\(matrix.height) outputs by \(matrix.columns)"
  }

  /// What it does in the network, or what it is.
  package var kindText: String {
    isLayersWeight ? operatorName ?? role.label : kind.rawValue
  }
}

extension Layer.Role {
  /// As the list shows it, in ten letters at most.
  fileprivate var label: String {
    switch self {
    case .attentionQuery: "attn q"
    case .attentionKey: "attn k"
    case .attentionValue: "attn v"
    case .attentionQKV: "attn qkv"
    case .attentionOutput: "attn out"
    case .feedForwardUp: "ffn up"
    case .feedForwardGate: "ffn gate"
    case .feedForwardDown: "ffn down"
    case .convolution: "conv"
    case .positional: "position"
    default: rawValue
    }
  }
}
