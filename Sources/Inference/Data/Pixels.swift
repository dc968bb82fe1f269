/// An image in memory: rows of red, green and blue bytes.
struct Pixels: Sendable {
  let width: Int
  let height: Int
  let bytes: [UInt8]

  /// The image at another size, from a part of it: each pixel the mean of those around it, weighted by a triangle as wide
  /// as the reduction (Pillow's and torchvision's antialiased bilinear filter; without their rounding in between).
  ///
  /// - Returns: rows of RGB, 0 to 255.
  func resized(width target: Int, height targetHeight: Int, from part: Part) -> [Float] {
    let across = Self.taps(target, from: part.x, length: part.width, limit: width)
    let down = Self.taps(targetHeight, from: part.y, length: part.height, limit: height)
    // Only the rows that are looked at, each reduced across first.
    let rows = (down.first?.start ?? 0)..<((down.last.map { $0.start + $0.weights.count }) ?? 0)
    var narrowed = [Float](repeating: 0, count: rows.count * target * 3)
    for row in rows {
      for (x, tap) in across.enumerated() {
        var sums: (Float, Float, Float) = (0, 0, 0)
        for (index, weight) in tap.weights.enumerated() {
          let at = 3 * (row * width + tap.start + index)
          sums.0 += weight * Float(bytes[at])
          sums.1 += weight * Float(bytes[at + 1])
          sums.2 += weight * Float(bytes[at + 2])
        }
        let to = 3 * ((row - rows.lowerBound) * target + x)
        (narrowed[to], narrowed[to + 1], narrowed[to + 2]) = sums
      }
    }
    var out = [Float](repeating: 0, count: targetHeight * target * 3)
    for (y, tap) in down.enumerated() {
      for (index, weight) in tap.weights.enumerated() {
        let from = (tap.start - rows.lowerBound + index) * target * 3
        for column in 0..<target * 3 { out[y * target * 3 + column] += weight * narrowed[from + column] }
      }
    }
    return out
  }

  /// A part of an image, in pixels.
  struct Part {
    var x: Double
    var y: Double
    var width: Double
    var height: Double
  }

  private struct Tap {
    let start: Int
    let weights: [Float]
  }

  private static func taps(_ count: Int, from start: Double, length: Double, limit: Int) -> [Tap] {
    let step = length / Double(count)
    let reach = max(1, step)
    return (0..<count).map { index in
      let center = start + (Double(index) + 0.5) * step
      let first = max(0, Int((center - reach + 0.5).rounded(.down)))
      let last = min(limit, Int((center + reach + 0.5).rounded(.down)))
      var weights = (first..<max(last, first + 1)).map { max(0, 1 - abs((Double($0) + 0.5 - center) / reach)) }
      let sum = weights.reduce(0, +)
      weights = sum > 0 ? weights.map { $0 / sum } : [1]
      return Tap(start: min(first, limit - weights.count), weights: weights.map { Float($0) })
    }
  }
}
