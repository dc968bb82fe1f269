import Foundation

/// Numbers that look random and are the same everywhere (SplitMix64, Steele et al. 2014).
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(_ seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Gaussian numbers (Box and Muller 1958).
  public mutating func gaussian(_ count: Int, deviation: Double = 1) -> [Float] {
    (0..<count).map { _ in
      let radius = (-2 * log(Double.random(in: .leastNonzeroMagnitude..<1, using: &self))).squareRoot()
      return Float(deviation * radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
    }
  }
}
