#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Adam with bias correction (D. Kingma and J. Ba, arXiv:1412.6980): steps of about the rate, whatever the gradients' size.
/// Memory: 8 bytes a parameter.
struct Adam: Sendable, Hashable {
  private(set) var means: [Float]
  private(set) var squares: [Float]
  private(set) var count = 0

  static let (meanShare, squareShare): (Float, Float) = (0.9, 0.99)
  /// So small that it counts only where a gradient is nothing.
  private static let least: Float = 1e-15

  init(_ count: Int) {
    means = [Float](repeating: 0, count: count)
    squares = means
  }

  /// Moves parameters by −rate · m̂ / √v̂.
  ///
  /// - Precondition: as many of each.
  mutating func step(_ parameters: inout [Float], _ gradient: [Float], rate: Float) {
    precondition(parameters.count == means.count && gradient.count == means.count)
    count += 1
    let (a, b) = (Self.meanShare, Self.squareShare)
    let size = rate / (1 - powf(a, Float(count)))
    let correction = 1 / (1 - powf(b, Float(count)))
    let least = Self.least
    parameters.withUnsafeMutableBufferPointer { parameters in
      gradient.withUnsafeBufferPointer { gradient in
        means.withUnsafeMutableBufferPointer { means in
          squares.withUnsafeMutableBufferPointer { squares in
            for index in 0..<parameters.count {
              let g = gradient[index]
              let mean = a * means[index] + (1 - a) * g
              let square = b * squares[index] + (1 - b) * g * g
              means[index] = mean
              squares[index] = square
              parameters[index] -= size * mean / ((square * correction).squareRoot() + least)
            }
          }
        }
      }
    }
  }

  func write(to bytes: inout StateWriter) {
    bytes.put(UInt64(count))
    bytes.put(means)
    bytes.put(squares)
  }

  /// - Throws: where there are not as many parameters.
  mutating func read(from bytes: inout StateReader) throws(RecoveryError) {
    count = Int(try bytes.number() & 0xFFFF_FFFF)
    means = try bytes.floats(means.count)
    squares = try bytes.floats(squares.count)
  }
}
