extension Sparsity {
  /// What follows `sparsity=`; a threshold has an option of its own.
  var words: String {
    switch self {
    case .none: "0"
    case .ratio(let ratio): "\(ratio)"
    case .threshold(let threshold): "\(threshold)"
    case .pattern(let keep, let of): "\(keep):\(of)"
    case .weighted(let ratio): "wanda:\(ratio)"
    case .weightedPattern(let keep, let of): "wanda:\(keep):\(of)"
    case .model(let ratio): "model:\(ratio)"
    case .structured(let structure): structure.words
    }
  }

  /// Parses what follows `sparsity=`.
  ///
  /// - Parameter wrong: makes the error that says what was expected.
  init(_ value: String, wrong: (String) -> SpecError) throws(SpecError) {
    func ratio(_ text: some StringProtocol) throws(SpecError) -> Double {
      guard let ratio = Double(text), (0...1).contains(ratio) else { throw wrong("a ratio from 0 to 1") }
      return ratio
    }
    func pattern(_ keep: Substring, _ of: Substring) throws(SpecError) -> (Int, Int) {
      guard let keep = Int(keep), let of = Int(of), (1...64).contains(of), (1..<of).contains(keep) else {
        throw wrong("N:M with N less than M, as in 2:4")
      }
      return (keep, of)
    }
    var parts = value.split(separator: ":", omittingEmptySubsequences: false)
    var norm = Structure.Norm.l2
    if parts.count > 2, let named = Structure.Norm(rawValue: String(parts[parts.count - 1])) {
      norm = named
      parts.removeLast()
    }
    switch (String(parts[0]), parts.count) {
    case ("channel", 2), ("filter", 2): self = .structured(Structure(.channel, ratio: try ratio(parts[1]), norm: norm))
    case ("input", 2): self = .structured(Structure(.input, ratio: try ratio(parts[1]), norm: norm))
    case ("head", 3):
      guard let size = Int(parts[1]), (1...65_536).contains(size) else {
        throw wrong("head:ROWS:RATIO, as in head:64:0.25")
      }
      self = .structured(Structure(.head(size), ratio: try ratio(parts[2]), norm: norm))
    case ("block", 3):
      let sides = parts[1].split(separator: "x").compactMap { Int($0) }
      guard sides.count == 2, sides.allSatisfy({ (1...65_536).contains($0) }) else {
        throw wrong("block:ROWSxCOLUMNS:RATIO, as in block:4x4:0.5")
      }
      self = .structured(
        Structure(.block(rows: sides[0], columns: sides[1]), ratio: try ratio(parts[2]), norm: norm))
    case ("model", 2): self = .model(try ratio(parts[1]))
    case ("wanda", 2): self = .weighted(try ratio(parts[1]))
    case ("wanda", 3):
      let (keep, of) = try pattern(parts[1], parts[2])
      self = .weightedPattern(keep: keep, of: of)
    case (_, 1):
      let share = try ratio(value)
      self = share == 0 ? .none : .ratio(share)
    case (_, 2):
      let (keep, of) = try pattern(parts[0], parts[1])
      self = .pattern(keep: keep, of: of)
    default:
      throw wrong("a ratio, N:M, channel:, input:, head:ROWS:, block:RxC:, wanda: or model: and a ratio")
    }
  }
}

extension Sparsity.Structure {
  fileprivate var words: String {
    let unit =
      switch unit {
      case .channel: "channel"
      case .input: "input"
      case .head(let size): "head:\(size)"
      case .block(let rows, let columns): "block:\(rows)x\(columns)"
      }
    return "\(unit):\(ratio)" + (norm == .l1 ? ":l1" : "")
  }
}
