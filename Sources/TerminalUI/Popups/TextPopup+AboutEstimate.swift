import Inference
import Workbench

extension TextPopup {
  /// How size and estimate are worked out, what they are worth, and what is to be known of this one.
  static func aboutEstimate(_ session: Session) -> TextPopup {
    let now = session.sensitivities == nil ? uncalibrated : calibrated(session)
    return TextPopup(title: "The estimate", lines: exact + now + method)
  }

  private static let exact = [
    "size     exact, to the byte: codes, scales and zero points of every",
    "         tensor, without a container's padding (\"packed\")",
    "bpw      8 · bytes of all parameters as coded / parameters",
    "t²       ‖ŵ − w‖² / ‖w‖² of a layer's weight, exact, sparsity included",
    "SQNR     −10 · log10 t² decibels",
    "",
  ]

  private static let uncalibrated = [
    "damage ≈ Σ n·t² / Σ n over weights (n: a layer's weights), divided by the",
    "         same with int4,group=32 everywhere. UNCALIBRATED: it ranks",
    "         recipes by far no better than their size does; no accuracy.",
    "Δ        a layer's share of it. c calibrates on data of yours.",
    "",
  ]

  private static func calibrated(_ session: Session) -> [String] {
    guard let adopted = session.sensitivities else { return [] }
    let values = adopted.values
    let metric =
      switch values.difference {
      case .kl: "KL divergence of classes or tokens from the original's, nats"
      case .cosine: "1 − cosine of the outputs to the original's"
      case .squaredError: "mean squared difference of the outputs"
      }
    var lines = [
      "≈        \(metric)",
      "on       \(values.data.outputs) outputs of \(values.data.name): \(values.layers.count) layers alone, \(values.trials.count) recipes",
    ]
    for prediction in session.predictions(of: session.estimate) {
      let name = prediction.metric + String(repeating: " ", count: max(1, 12 - prediction.metric.count))
      lines.append("         \(name) \(prediction.text)  90 %: \(prediction.rangeText)")
    }
    return lines + session.warnings.map { "!        \($0)" } + [""]
  }

  private static let method = [
    "Calibrated: every layer is replaced alone by 2, 3 and 4 bits, and",
    "the outputs' change is measured; another scheme's follows through its",
    "exact t², in proportion below, along a line of logarithms between.",
    "The sum over the layers is fitted to recipes measured as wholes (and to",
    "each that m measures): ln y = ln T + level + slope, with priors from four",
    "models; the interval is Student's, and holds 9 of 10 new measurements.",
    "Below three bits layers add to each other: a lower bound. Sparse schemes",
    "do not follow t²: they are measured alone, once chosen (c again).",
  ]
}
