extension TextPopup {
  /// How size and relative damage are worked out.
  static let aboutDamage = TextPopup(
    title: "The estimate",
    lines: [
      "size     exact, to the byte: codes, scales and zero points of every",
      "         tensor, without a container's padding (\"packed\")",
      "bpw      8 · bytes of all parameters as coded / parameters",
      "t²       ‖ŵ − w‖² / ‖w‖² of a layer's weight, exact, sparsity included",
      "SQNR     −10 · log10 t² decibels",
      "",
      "damage ≈ Σ n·t² / Σ n over weights (n: a layer's weights), divided by",
      "         the same with int4,group=32 everywhere. Layers that cannot",
      "         take that group count as exact in the divisor.",
      "",
      "The damage is UNCALIBRATED: nothing has been measured on this model. It",
      "follows the linearity of the loss in t² at three bits and more (HIGGS,",
      "arXiv 2411.17525) with the same weight for every layer; it ranks",
      "recipes, and is no accuracy. A measurement (m) is listed as ◊, with its",
      "standard error. Below three bits, take the damage as a lower bound.",
      "",
      "Δ        a layer's share of the damage, n·t² of the sum, in percent",
    ])
}
