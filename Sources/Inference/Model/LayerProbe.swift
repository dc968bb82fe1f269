#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// One layer's part in random projections of a model's outputs.
///
/// For a sample of the model's outputs z let v be random with E[v vᵀ] = H, where ½ Δzᵀ H Δz is the metric's change to
/// second order: the Fisher information of a classifier (S. Amari, 1998), of a cosine or of squared differences their own
/// curvature. Then with g the gradient of ⟨v, z⟩ with respect to a layer's weight, ½ E⟨g, Δ⟩² is what the change Δ costs.
/// No weight's gradient is needed for it: a layer is linear in its weight, so that ⟨g, Δ⟩ = ⟨δ, layer(x, Δ)⟩ with its
/// inputs x and the gradient δ of its outputs.
public struct LayerProbe: Sendable {
  /// The checkpoint's layer.
  public let layer: Int
  /// Samples of a graph, sentences of an encoder, scored positions of a language model: numbers that `projections` gives.
  public let units: Int
  /// The parts of a language model's units that lie in one window of text: their sums are exact, one a window, where
  /// single positions leave out how they go together. Of all others a unit each.
  public let groups: [Range<Int>]
  private let project: @Sendable ([Float]) throws(InferenceError) -> [Float]

  init(
    layer: Int, units: Int, groups: [Range<Int>]? = nil,
    project: @escaping @Sendable ([Float]) throws(InferenceError) -> [Float]
  ) {
    (self.layer, self.units, self.project) = (layer, units, project)
    self.groups = groups ?? (0..<units).map { $0..<$0 + 1 }
  }

  /// ⟨gᵢ, Δ⟩ a unit, scaled so that ½ · mean P² estimates the metric's change for the weight W + Δ: the mean KL
  /// divergence, 1 − cosine, or mean squared difference a unit.
  ///
  /// Costs about a forward run of the layer on all units.
  ///
  /// - Parameter delta: the change, outputs by inputs, as `Checkpoint.readMatrix` gives a weight.
  /// - Throws: where the layer's weight cannot be read.
  /// - Precondition: as many numbers as the matrix has.
  public func projections(onto delta: [Float]) throws(InferenceError) -> [Float] { try project(delta) }
}

/// ±1 at random, the same for the same seed and sample wherever and in whichever order they are drawn (SplitMix64, G.
/// Steele et al. 2014).
struct RandomSigns {
  private var state: UInt64
  private var bits: UInt64 = 0
  private var left = 0

  init(seed: UInt64, sample: Int) {
    state = Self.mixed(seed &+ Self.mixed(UInt64(truncatingIfNeeded: sample) &+ 1))
  }

  mutating func next() -> Float {
    if left == 0 {
      state &+= 0x9e37_79b9_7f4a_7c15
      (bits, left) = (Self.mixed(state), 64)
    }
    defer { (bits, left) = (bits >> 1, left - 1) }
    return bits & 1 == 0 ? 1 : -1
  }

  private static func mixed(_ number: UInt64) -> UInt64 {
    var z = number
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Random directions v of outputs, so that E⟨v, Δz⟩² is twice the metric's change to second order.
enum OutputDirection {
  /// Of scores z before softmax, for the KL divergence: v = √p ε − p (√p · ε).
  static func logits(_ z: UnsafeBufferPointer<Float>, _ signs: inout RandomSigns, into v: UnsafeMutablePointer<Float>) {
    let largest = z.reduce(-Float.infinity) { max($0, $1) }
    let sum = z.reduce(0.0) { $0 + exp(Double($1 - largest)) }
    var dot = 0.0
    for index in z.indices {
      let p = exp(Double(z[index] - largest)) / sum
      let part = p.squareRoot() * Double(signs.next())
      dot += part
      v[index] = Float(part)
    }
    for index in z.indices { v[index] -= Float(exp(Double(z[index] - largest)) / sum * dot) }
  }

  /// Of probabilities p, for the KL divergence: ε / √p, less a constant, which changes nothing as they add up to one.
  static func probabilities(_ p: UnsafeBufferPointer<Float>, _ signs: inout RandomSigns) -> [Float] {
    // What can no longer be told from nothing has no part.
    let parts = p.map { $0 > 1e-30 ? Double(signs.next()) / Double($0).squareRoot() : 0 }
    let mean = zip(p, parts).reduce(0) { $0 + Double($1.0) * $1.1 } / max(1e-30, p.reduce(0) { $0 + Double($1) })
    return parts.map { Float($0 - mean) }
  }

  /// Of an embedding z, for 1 − cosine: v = (ε − ẑ (ẑ · ε)) / ‖z‖.
  static func cosine(_ z: UnsafeBufferPointer<Float>, _ signs: inout RandomSigns) -> [Float] {
    let norm = z.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard norm > 0 else { return .init(repeating: 0, count: z.count) }
    let parts = z.map { _ in Double(signs.next()) }
    let dot = zip(z, parts).reduce(0) { $0 + Double($1.0) * $1.1 } / norm
    return zip(z, parts).map { Float(($1 - Double($0) / norm * dot) / norm) }
  }

  /// Of any numbers, for the mean squared difference: v = ε √(2 / width).
  static func numbers(_ count: Int, _ signs: inout RandomSigns) -> [Float] {
    let size = (2 / Float(max(1, count))).squareRoot()
    return (0..<count).map { _ in size * signs.next() }
  }
}
