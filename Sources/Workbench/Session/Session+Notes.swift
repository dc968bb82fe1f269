import Compression
import Numerics

/// What a row says.
extension Session {
  /// Why an item is as it is, where that needs words: a scheme it could not take, an error that is not computed,
  /// numbers that could not be read.
  public func note(on item: Item) -> String? {
    if let failure = answers.failures[item.id] { return failure }
    if !history.notes.isEmpty, let note = history.notes[item.name] { return note }
    return targetNote(on: item) ?? ownNote(on: item)
  }

  /// The same without what the chosen target has to say, which takes longer to find out.
  public func ownNote(on item: Item) -> String? {
    if let failure = answers.failures[item.id] { return failure }
    if !history.notes.isEmpty, let note = history.notes[item.name] { return note }
    let scheme = scheme(of: item)
    if scheme.by != .nearest, !item.hasChosen(scheme) {
      return "by=\(scheme.by.rawValue): its codes are not chosen yet (:recover); figures are of the nearest levels"
    }
    if answers.isBlank, scheme.isKeep { return item.ownNote }
    if !scheme.isComputed { return "\(scheme): its error is not yet computed" }
    if hasNoFiniteNumber(item) {
      return "all of its \(item.count) numbers are NaN or infinite and count as zero"
        + (scheme.isKeep ? "" : ": there is no error to state")
    }
    if let assessment = assessment(of: item, in: scheme), assessment.relativeError == nil {
      return "\(scheme) makes numbers that are not finite: the weights are too large for its scales"
    }
    if let count = nonFinite(in: item), count > 0 {
      let what = item.type == .f64 ? "NaN, infinite or too large for F32" : "NaN or infinite"
      return "\(count) number\(count == 1 ? " is" : "s are") \(what) and count\(count == 1 ? "s" : "") as zero"
    }
    return item.ownNote
  }
}
