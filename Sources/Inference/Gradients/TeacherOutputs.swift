internal import Synchronization

/// What the original makes of samples, kept over the steps of a training: the same numbers again, without another run.
///
/// Of one model, its weights and its data. Samples run in parts that are the same whichever of them is asked for first, so
/// that what is kept does not depend on the order. Where all would take more than there is room for, nothing is kept.
public final class TeacherOutputs: Sendable {
  /// Bytes that they may take.
  private let limit: Int
  private let known = Mutex(Known())

  private struct Known: Sendable {
    var rows: [Int: [Float]] = [:]
    /// A sample's.
    var shape: [Int] = []
    var isTooMuch = false
  }

  public init(bytes limit: Int) { self.limit = limit }

  /// Bytes of what is kept.
  var byteCount: Int { known.withLock { $0.rows.values.reduce(0) { $0 + 4 * $1.count } } }

  /// What is kept of some samples, made where it is not there yet.
  ///
  /// - Parameters:
  ///   - count: all samples.
  ///   - size: samples that run together.
  ///   - make: gives what the original makes of some, a list each, and a sample's shape.
  /// - Returns: `nil` where nothing is kept.
  func rows(
    _ samples: [Int], of count: Int, together size: Int, _ make: ([Int]) throws(InferenceError) -> ([[Float]], [Int])
  ) throws(InferenceError) -> (rows: [[Float]], shape: [Int])? {
    if known.withLock({ $0.isTooMuch }) { return nil }
    for sample in samples where known.withLock({ $0.rows[sample] == nil }) {
      let first = sample / max(1, size) * max(1, size)
      let part = Array(first..<min(count, first + max(1, size)))
      let (made, shape) = try make(part)
      let each = made.reduce(0) { max($0, 4 * $1.count) }
      let all = each.multipliedReportingOverflow(by: count)
      let fits = made.count == part.count && !all.overflow && all.partialValue <= limit
      known.withLock { known in
        if fits {
          for (sample, row) in zip(part, made) { known.rows[sample] = row }
          known.shape = shape
        } else {
          known = Known(isTooMuch: true)
        }
      }
      if !fits { return nil }
    }
    return known.withLock { known in (samples.compactMap { known.rows[$0] }, known.shape) }
  }
}
