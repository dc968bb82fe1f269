internal import Synchronization

/// Inputs that were decoded from images, kept so that another turn through the same samples decodes none.
final class KeptInputs: Sendable {
  private let limit: Int
  private let known = Mutex(Known())

  private struct Known: Sendable {
    var rows: [Int: [Float]] = [:]
    /// One sample's.
    var shape: [Int] = []
    var bytes = 0
  }

  /// - Parameter limit: bytes; what comes when they are full is decoded each time.
  init(bytes limit: Int) { self.limit = limit }

  /// The inputs of some samples, along the first axis.
  ///
  /// - Parameter decode: makes those of one sample, (1, …).
  func batch(
    _ samples: [Int], _ decode: (Int) throws(InferenceError) -> Value
  ) throws(InferenceError) -> Value {
    var numbers: [Float] = []
    var shape: [Int] = []
    for sample in samples {
      if let (row, own) = known.withLock({ known in known.rows[sample].map { ($0, known.shape) } }) {
        numbers += row
        shape = own
        continue
      }
      let value = try decode(sample)
      let row = value.asFloats
      shape = Array(value.shape.dropFirst())
      numbers += row
      known.withLock { known in
        guard known.rows[sample] == nil, known.bytes + 4 * row.count <= limit else { return }
        known.rows[sample] = row
        known.shape = shape
        known.bytes += 4 * row.count
      }
    }
    return Value([samples.count] + shape, numbers)
  }
}
