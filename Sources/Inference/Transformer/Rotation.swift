#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A rotary embedding: pair i of a head at place p is turned by p · frequency i, and lengthened by `magnitude`.
public struct Rotation: Sendable, Hashable {
  /// Radians a token, a pair.
  public var frequencies: [Float]
  public var magnitude: Float = 1
  /// Whether pairs are neighbours (GGUF's llama), or i and i + half (Hugging Face's).
  public var isInterleaved = false
  /// What holds in texts longer than `longFrom` tokens (Phi-3's LongRoPE, arXiv:2402.13753); empty for the same.
  public var longFrequencies: [Float] = []
  public var longMagnitude: Float = 1
  public var longFrom = Int.max

  /// base^(−2i / dimensions).
  public init(base: Double, dimensions: Int) {
    frequencies = stride(from: 0, to: max(0, dimensions) / 2 * 2, by: 2).map {
      1 / powf(Float(base), Float($0) / Float(dimensions))
    }
  }

  /// Every frequency divided: the same angles at places `factor` times as far (S. Chen et al., arXiv:2306.15595).
  mutating func scaleLinearly(by factor: Double) {
    frequencies = frequencies.map { $0 / Float(factor) }
  }

  mutating func divide(by factors: [Float]) {
    frequencies = zip(frequencies, factors).map { $0 / $1 }
  }

  /// YaRN (B. Peng et al., arXiv:2309.00071): high frequencies stay, low ones are divided, those between are mixed.
  mutating func scaleByYarn(
    factor: Double, base: Double, original: Int, betaFast: Double, betaSlow: Double, magnitude: Double?
  ) {
    let dimensions = Double(2 * frequencies.count)
    func turns(_ count: Double) -> Double {
      dimensions * log(Double(original) / (count * 2 * .pi)) / (2 * log(base))
    }
    let low = max(0, turns(betaFast).rounded(.down))
    var high = min(dimensions - 1, turns(betaSlow).rounded(.up))
    if low == high { high += 0.001 }
    frequencies = frequencies.enumerated().map { index, frequency in
      let ramp = Float(min(1, max(0, (Double(index) - low) / (high - low))))
      return frequency / Float(factor) * ramp + frequency * (1 - ramp)
    }
    self.magnitude = Float(magnitude ?? (factor > 1 ? 0.1 * log(factor) + 1 : 1))
  }

  /// LongRoPE: factors for short and for long texts, and the magnitude that goes with the stretch.
  mutating func scaleByFactors(short: [Float], long: [Float], context: Int?, original: Int, magnitude: Double?) {
    let plain = frequencies
    let stretch = Double(context ?? original) / Double(max(1, original))
    let length = Float(
      magnitude ?? (stretch > 1 && original > 1 ? (1 + log(stretch) / log(Double(original))).squareRoot() : 1))
    frequencies = zip(plain, short).map { $0 / $1 }
    longFrequencies = zip(plain, long).map { $0 / $1 }
    (self.magnitude, longMagnitude, longFrom) = (length, length, original)
  }

  /// Whether a text of so many tokens is turned by what holds in long ones.
  func isLong(_ length: Int) -> Bool { length > longFrom && !longFrequencies.isEmpty }

  /// Cosines and sines of places, (places, pairs) each.
  func table(_ places: Range<Int>, isLong: Bool) -> (cosines: [Float], sines: [Float]) {
    let (frequencies, magnitude) = isLong ? (longFrequencies, longMagnitude) : (frequencies, magnitude)
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(places.count * frequencies.count)
    sines.reserveCapacity(places.count * frequencies.count)
    for place in places {
      for frequency in frequencies {
        let angle = Float(place) * frequency
        cosines.append(cosf(angle) * magnitude)
        sines.append(sinf(angle) * magnitude)
      }
    }
    return (cosines, sines)
  }
}
