/// How the codes of a scheme are chosen: a step of a recipe, `by=` in a SPEC.
///
/// Each but `nearest` needs data, and keeps what was chosen beside the recipe (`ChosenWeight`). Those further down begin
/// with what those above them find.
public enum CodeChoice: String, Sendable, Hashable, CaseIterable {
  /// Each weight's nearest level.
  case nearest
  /// Nearest levels under the scales that keep the outputs' error least.
  case ranges
  /// Error feedback: what a weight's rounding does to the outputs is made good by those that are chosen after it
  /// (E. Frantar et al., arXiv:2210.17323).
  case gptq
  /// Scales and minima learnt from what the original makes of the data; codes by error feedback.
  case scales
  /// Rounding up or down learnt, weight by weight (M. Nagel et al., arXiv:2004.10568).
  case rounding
  /// Training with straight-through gradients, the original as teacher.
  case trained
  /// Nearest levels once factors have moved between neighbouring layers so that their channels are of like sizes: cross-layer
  /// equalisation (M. Nagel et al., arXiv:1906.04721). Of a bias: moved with its layer's outputs.
  case equalised
  /// Of a bias that is kept: what the outputs' mean has lost is added (the same paper's bias correction).
  case corrected

  /// How a person has the codes of any weight chosen.
  public static let methods: [CodeChoice] = [.nearest, .ranges, .gptq, .scales, .rounding, .trained]

  /// Whether the model's gradients are needed, not only its layers' inputs.
  public var needsGradients: Bool { self == .scales || self == .rounding || self == .trained }

  /// What it does, in a line for people.
  public var meaning: String {
    switch self {
    case .nearest: "each weight's nearest level"
    case .ranges: "scales searched for the least error of the outputs; data, seconds"
    case .gptq: "error feedback by the inputs' moments (GPTQ); data, seconds to minutes"
    case .scales: "error feedback, then scales learnt; data, gradients, minutes"
    case .rounding: "rounding learnt weight by weight (AdaRound); data, gradients, minutes"
    case .equalised: "nearest, factors moved between neighbours first (CNNs: --equalise); data, seconds"
    case .corrected: "of biases: the outputs' mean made good (--correct-biases); data, seconds"
    case .trained: "trained through the rounding, distilled; data, gradients, minutes on"
    }
  }
}
