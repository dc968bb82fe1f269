internal import Checkpoints

/// What is known of a network's images without any: means of the channels and random fields around them. Images are drawn
/// by it for `--data self`.
///
/// x_c(p) = m_c + Σ_j w_jc · z_j(p), where z_j is a field of mean 0 and variance 1 whose numbers r pixels apart, along rows
/// and along columns, are correlated by ρ_j^r. Neighbours in photographs have ρ of about .95 (Jain, Fundamentals of Digital
/// Image Processing, 1989).
struct InputStatistics: Sendable {
  var means: [Double]
  var fields: [Field]
  var source: Source

  struct Field: Sendable, Hashable {
    /// A factor a channel.
    var weights: [Double]
    /// ρ, 0 for white noise.
    var correlation: Double
  }

  /// Where they come from, in the words that a person reads.
  enum Source: String, Sendable {
    case normalisation = "normalisation statistics"
    case inputScaling = "the input's own scaling"
    case unitNormal = "unit normal"
  }

  static let neighbours = 0.95

  /// Nothing known: mean 0, variance 1, smooth.
  static func unitNormal(channels: Int) -> InputStatistics {
    InputStatistics(means: .init(repeating: 0, count: channels), fields: smooth(channels), source: .unitNormal)
  }

  /// Unit variance in each channel: half of it the same in all, as of grey pictures.
  static func smooth(_ channels: Int) -> [Field] {
    guard channels > 1 else { return [Field(weights: [1], correlation: neighbours)] }
    let half = 0.5.squareRoot()
    let own = (0..<channels).map { channel in
      Field(weights: (0..<channels).map { $0 == channel ? half : 0 }, correlation: neighbours)
    }
    return own + [Field(weights: .init(repeating: half, count: channels), correlation: neighbours)]
  }

  /// The image of a number, channel by channel, rows from above: the same every time.
  func image(_ index: Int, width: Int, height: Int) -> [Float] {
    let plane = width * height
    var image = [Float](repeating: 0, count: means.count * plane)
    var draws = Draws(state: 0x5E1F &+ UInt64(truncatingIfNeeded: index) &* 0xD134_2543_DE82_EF95)
    for channel in means.indices {
      for pixel in 0..<plane { image[channel * plane + pixel] = Float(means[channel]) }
    }
    for field in fields {
      let values = Self.field(field.correlation, width, height, &draws)
      for (channel, weight) in field.weights.enumerated() where weight != 0 {
        for pixel in 0..<plane { image[channel * plane + pixel] += Float(weight * values[pixel]) }
      }
    }
    return image
  }

  /// White noise through a first-order recursion along columns, then along rows.
  private static func field(_ correlation: Double, _ width: Int, _ height: Int, _ draws: inout Draws) -> [Double] {
    var values = (0..<width * height).map { _ in draws.normal() }
    guard correlation > 0 else { return values }
    let rest = (1 - correlation * correlation).squareRoot()
    for place in width..<max(width, values.count) {
      values[place] = correlation * values[place - width] + rest * values[place]
    }
    for place in values.indices where place % width != 0 {
      values[place] = correlation * values[place - 1] + rest * values[place]
    }
    return values
  }
}
