import Compression

extension Scheme {
  /// What a template can say of a scheme.
  var templateValues: [String: Any] {
    var values: [String: Any] = [:]
    switch format.granularity {
    case .group(let size): (values["group"], values["group_wise"]) = (size, true)
    case .channel: values["channel_wise"] = true
    case .tensor: values["tensor_wise"] = true
    case .axis(let axis): values["along_axis"] = axis
    case nil: break
    }
    switch format {
    case .uniform(let uniform):
      values["bits"] = uniform.bits
      values[uniform.symmetry.isAffine ? "affine" : "symmetric"] = true
      values["integers"] = true
      if uniform.range == .leastSquares { values["least_squares"] = true }
    case .codebook(let codebook):
      (values["bits"], values["entries"]) = (codebook.bits, codebook.entries)
    default: break
    }
    if sparsity != .none { values["pruned"] = true }
    switch sparsity {
    case .ratio(let ratio), .weighted(let ratio), .model(let ratio): values["ratio"] = ratio
    case .threshold(let threshold): values["threshold"] = threshold
    case .pattern(let keep, let of), .weightedPattern(let keep, let of):
      (values["keep"], values["of"], values["zeros"]) = (keep, of, of - keep)
      values["ratio"] = Double(of - keep) / Double(of)
    case .none, .structured: break
    }
    return values
  }
}

extension Sparsity {
  /// Its kind, as `by.sparsity` has it.
  var word: String? {
    switch self {
    case .none: nil
    case .ratio: "ratio"
    case .threshold: "threshold"
    case .pattern: "pattern"
    case .weighted, .weightedPattern: "wanda"
    case .structured: "structured"
    case .model: "model"
    }
  }
}
