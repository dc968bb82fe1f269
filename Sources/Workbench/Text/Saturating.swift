extension Int {
  /// A number as a whole one to be shown: what is out of reach goes to the nearest that is not, NaN to zero. Weights and
  /// what a file says of them may be anything, and what is worked out from them as well.
  package init(saturating value: Double) {
    self = value.isNaN ? 0 : Int(Swift.max(-1e15, Swift.min(1e15, value)))
  }
}
