import Checkpoints
import Compression

extension Survey {
  /// What there is to say of weights that have no distribution; `nil` for those that have one.
  package var plainWords: String? {
    let s = statistics
    if s.count == 0 { return "it has no numbers" }
    if s.nans + s.infinities == s.count { return "none of its \(Format.count(s.count)) numbers is finite" }
    guard s.minimum == s.maximum else { return nil }
    return s.count == 1
      ? "one number, \(Format.significant(Double(s.minimum)))"
      : "all \(Format.count(s.count)) numbers are \(Format.significant(Double(s.minimum)))"
  }
}

extension Session {
  /// A word on what is seen of a layer's weights, where something stands out: what sets its scales, and what would help.
  package func insight(on item: Item) -> String? {
    guard item.kind == .weight, let survey = survey(of: item) else { return nil }
    let s = survey.statistics
    guard s.count > 0, s.minimum < s.maximum else { return nil }
    if survey.shape?.isStretched == true { return outlierWords(item, survey) }
    if !survey.histogram.counts.isEmpty, survey.histogram.isDiscrete {
      let values = survey.histogram.counts.count { $0 > 0 }
      return "only \(values) different values: it was quantised before"
    }
    let zeros = Double(s.zeros) / Double(s.count)
    if zeros > 0.3 { return "\(Format.percent(zeros)) of it are zeros already: a sparse form saves them" }
    return channelWords(survey)
  }

  private func outlierWords(_ item: Item, _ survey: Survey) -> String {
    let s = survey.statistics
    let most = max(abs(Double(s.minimum)), abs(Double(s.maximum)))
    let far = max(1, survey.outliersAsFar)
    let who =
      far == 1
      ? "one weight at \(Format.significant(most)) sets" : "\(far) weights up to \(Format.significant(most)) set"
    return "\(who) the scale of \(Format.count(s.count - far)) others" + remedy(item, survey)
  }

  /// What another granularity would give at the scheme's width, or at four bits.
  private func remedy(_ item: Item, _ survey: Survey) -> String {
    guard let table = survey.errors else { return "" }
    var bits = 4
    var symmetry = Symmetry.symmetric
    if case .uniform(let uniform) = recipe[item].format, ErrorTable.widths.contains(uniform.bits) {
      (bits, symmetry) = (uniform.bits, uniform.symmetry == .affine ? .affine : .symmetric)
    }
    guard let whole = table[bits, symmetry, .tensor] else { return "" }
    for granularity in [Granularity.channel, .group(128), .group(32)] {
      guard let error = table[bits, symmetry, granularity], error < whole / 2,
        let own = decibels(relativeError: error), let plain = decibels(relativeError: whole)
      else { continue }
      let name = granularity == .channel ? "per channel" : "in groups of \(granularity.size ?? 32)"
      return ": \(name) int\(bits) has \(Format.fixed(own, 0)) dB, per tensor \(Format.fixed(plain, 0))"
    }
    return ""
  }

  /// Where one channel is far wider than the others.
  private func channelWords(_ survey: Survey) -> String? {
    let extents = zip(survey.channelMinima, survey.channelMaxima).map { max(abs($0), abs($1)) }
    guard extents.count >= 8, let most = extents.max(), most > 0 else { return nil }
    let median = extents.sorted()[extents.count / 2]
    guard median > 0, most > 4 * median, let index = extents.firstIndex(of: most) else { return nil }
    return
      "channel \(index) reaches \(Format.significant(Double(most / median), 2))× as far as the median one: a scale a channel helps"
  }
}

extension Survey {
  /// How many weights lie beyond half of the greatest magnitude.
  fileprivate var outliersAsFar: Int {
    let most = max(abs(Double(statistics.minimum)), abs(Double(statistics.maximum)))
    guard !histogram.counts.isEmpty else { return 1 }
    var count = 0.0
    for (index, number) in histogram.counts.enumerated() where number > 0 {
      let middle = histogram.edge(index) + histogram.binWidth / 2
      if abs(middle) > most / 2 { count += Double(number) }
    }
    return Int(saturating: count)
  }
}

extension Granularity {
  fileprivate var size: Int? { if case .group(let size) = self { size } else { nil } }
}
