import Compression

extension Scheme.Format {
  /// Weights side by side that share a scale, where that is chosen.
  var groupSize: Int? { if case .group(let size)? = granularity { size } else { nil } }

  func withGroup(_ size: Int) -> Scheme.Format { with(.group(size)) }

  /// The same with scales of another type.
  func withScale(_ type: ScaleType) -> Scheme.Format {
    guard case .uniform(var uniform) = self else { return self }
    uniform.scale = type
    return .uniform(uniform)
  }

  /// The same with an arithmetic that rounds, or none.
  func withRounding(_ rounds: Rounding?) -> Scheme.Format {
    guard case .uniform(var uniform) = self else { return self }
    uniform.rounds = rounds
    return .uniform(uniform)
  }

  /// Without what a tool chooses itself: the type of scales, and the arithmetic.
  var plain: Scheme.Format { withScale(.fp16).withRounding(nil) }

  /// What tells schemes apart, from the coarsest on: the word, then what shares a scale, and so on.
  var traits: [String] {
    let word = String(Scheme(self).description.prefix { $0 != "," })
    let shared: [String] =
      switch granularity {
      case nil: ["", ""]
      case .group(let size): ["groups", "groups of \(size)"]
      case .channel: ["channels", ""]
      case .tensor: ["one scale a tensor", ""]
      case .axis(let axis): ["axis \(axis)", ""]
      }
    guard case .uniform(let uniform) = self else { return [word] + shared }
    let range =
      switch uniform.range {
      case .minMax: "range=minmax"
      case .leastSquares: "range=mse"
      case .percentile: "range=percentile"
      case .entropy: "range=entropy"
      }
    return [word] + shared + [uniform.symmetry.rawValue, range, "scale=\(uniform.scale.rawValue)"]
  }
}
