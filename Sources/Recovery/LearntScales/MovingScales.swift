import Compression
import Numerics

/// The scales, minima and zero points of a weight's runs while they learn, and what the scheme keeps of them.
///
/// s = kept(s₀·(1 + θ)), m = kept(m₀ + s₀·φ), or of ggml's blocks m₀·(1 + φ) with the factors that all a block's scales, or
/// minima, are multiples of; z = round(z₀ + ψ) within the codes. θ, φ and ψ go by Adam, straight through what is kept. A
/// scale keeps its sign. Powers of two stay, and so do zero points where sparsity needs a level that is zero.
///
/// Sources: S. Esser et al. (LSQ, arXiv:1902.08153) for steps that are learnt, Y. Bhalgat et al. (LSQ+, arXiv:2004.09576) for
/// zero points. Memory: 20 bytes a scale, minimum and zero point each.
struct MovingScales: Sendable {
  /// s₀, m₀ and z₀ of each run.
  let firstScales: [Float]
  let firstBases: [Float]
  let firstZeros: [Float]
  /// As they are kept.
  private(set) var scales: [Float]
  private(set) var bases: [Float]
  private(set) var zeros: [Float]
  /// Whether nothing moves.
  let areFixed: Bool
  /// A step's share of a scale at the training's beginning.
  private let rate: Float
  private let search: ScaleSearch
  /// `nil` of ggml's blocks.
  private let grid: WeightGrid?
  /// Where a zero point may lie.
  private let reach: ClosedRange<Float>
  private var growth: Learnt
  private var shift: Learnt
  private var drift: Learnt

  /// A zero point's step at the training's beginning, in codes: it has a code's half to go before anything changes.
  private static let zeroRate: Float = 0.02

  /// Those of a grid.
  init(_ grid: WeightGrid, _ scheme: Scheme, rate: Float, movesZeros: Bool = true) {
    let movesZeros = movesZeros && scheme.sparsity == .none
    let codes = -(grid.levels.last ?? 0)...max(-(grid.levels.last ?? 0), -(grid.levels.first ?? 0))
    self.init(
      grid.scales, grid.offsets, grid.shifts, grid, scheme, areFixed: grid.hasFixedScales(scheme),
      movesZeros: movesZeros, codes, rate)
  }

  /// The factors of ggml's blocks; `nil` for types that have none.
  init(_ factors: BlockFactors?, of bytes: [UInt8], blocks: Int, _ scheme: Scheme, rate: Float) {
    self.init(
      factors.map { $0.factors($0.scale, of: bytes) } ?? .init(repeating: 0, count: blocks),
      factors.flatMap { own in own.minimum.map { own.factors($0, of: bytes) } } ?? [], [], nil, scheme,
      areFixed: factors == nil, movesZeros: false, 0...0, rate)
  }

  private init(
    _ scales: [Float], _ bases: [Float], _ zeros: [Float], _ grid: WeightGrid?, _ scheme: Scheme, areFixed: Bool,
    movesZeros: Bool, _ reach: ClosedRange<Float>, _ rate: Float
  ) {
    (firstScales, firstBases, firstZeros, self.areFixed) = (scales, bases, zeros, areFixed)
    (self.scales, self.bases, self.zeros) = (scales, bases, zeros)
    (self.grid, self.reach, self.rate) = (grid, reach, rate)
    search = ScaleSearch(scheme: scheme, factors: [])
    growth = Learnt(areFixed ? 0 : scales.count)
    shift = Learnt(areFixed ? 0 : bases.count)
    drift = Learnt(areFixed || !movesZeros ? 0 : zeros.count)
  }

  var movesZeros: Bool { drift.count > 0 }
  var hasMoved: Bool { growth.hasMoved }

  /// What numbers of a run are counted from: s·z + m.
  @inline(__always)
  func base(_ run: Int) -> Float {
    (zeros.isEmpty ? 0 : scales[run] * zeros[run]) + (bases.isEmpty ? 0 : bases[run])
  }

  /// Bytes that it holds.
  var byteCount: Int {
    4 * 2 * (scales.count + bases.count + zeros.count) + growth.byteCount + shift.byteCount + drift.byteCount
  }

  // MARK: - Steps

  /// ∂loss/∂θ, ∂φ and ∂ψ of each run; a list may be empty where it does not move.
  struct Slopes {
    var growth: [Float]
    var shift: [Float] = []
    var drift: [Float] = []
  }

  /// Those of a grid.
  ///
  /// - Parameters:
  ///   - products: Σ g·Ŵ of each run, with g = ∂loss/∂Ŵ.
  ///   - sums: Σ g; empty where there are neither minima nor zero points.
  ///   - zeroSums: Σ g·∂Ŵ/∂(s·z), where zero points move.
  func slopes(products: [Float], sums: [Float], zeroSums: [Float]) -> Slopes {
    var slopes = Slopes(growth: products)
    for run in products.indices {
      // Of m, which is no part of what the scale makes.
      if !bases.isEmpty { slopes.growth[run] -= sums[run] * bases[run] }
      slopes.growth[run] *= scales[run] != 0 ? firstScales[run] / scales[run] : 0
    }
    if !bases.isEmpty { slopes.shift = sums.indices.map { sums[$0] * firstScales[$0] } }
    if movesZeros { slopes.drift = zeroSums.indices.map { zeroSums[$0] * scales[$0] } }
    return slopes
  }

  /// - Parameter share: of the rate at the training's beginning.
  mutating func step(_ slopes: Slopes, share: Float) {
    guard !areFixed else { return }
    growth.step(slopes.growth, rate: rate * share)
    growth.keep(from: -0.95)
    shift.step(slopes.shift, rate: rate * share)
    drift.step(slopes.drift, rate: Self.zeroRate * share)
    renew()
  }

  private mutating func renew() {
    for run in growth.values.indices {
      let moved = firstScales[run] * (1 + growth.values[run])
      if let grid, moved != 0 {
        let kept = search.kept(moved, grid)
        scales[run] = kept != 0 && kept.isFinite ? kept : firstScales[run]
      } else {
        scales[run] = grid == nil ? Self.half(moved) : moved
      }
    }
    for run in shift.values.indices {
      bases[run] =
        grid == nil
        ? Self.half(firstBases[run] * (1 + shift.values[run]))
        : search.keptEdge(firstBases[run] + firstScales[run] * shift.values[run])
    }
    for run in drift.values.indices {
      let moved = (firstZeros[run] + drift.values[run]).rounded(.toNearestOrEven)
      zeros[run] = max(min(reach.lowerBound, firstZeros[run]), min(max(reach.upperBound, firstZeros[run]), moved))
    }
  }

  private static func half(_ number: Float) -> Float { HalfType.f16.float(HalfType.f16.bits(number)) }

  // MARK: - As bytes

  func write(to bytes: inout StateWriter) { for part in [growth, shift, drift] { part.write(to: &bytes) } }

  /// - Throws: where there are not as many of each.
  mutating func read(from bytes: inout StateReader) throws(RecoveryError) {
    try growth.read(from: &bytes)
    try shift.read(from: &bytes)
    try drift.read(from: &bytes)
    if hasMoved { renew() }
  }
}

/// Numbers from 0 on that go by Adam.
private struct Learnt: Sendable {
  private(set) var values: [Float]
  private var adam: Adam

  init(_ count: Int) { (values, adam) = ([Float](repeating: 0, count: count), Adam(count)) }

  var count: Int { values.count }
  var byteCount: Int { 12 * count }
  var hasMoved: Bool { adam.count > 0 }

  mutating func step(_ slopes: [Float], rate: Float) {
    if !values.isEmpty { adam.step(&values, slopes, rate: rate) }
  }

  mutating func keep(from least: Float) { for index in values.indices { values[index] = max(least, values[index]) } }

  func write(to bytes: inout StateWriter) {
    bytes.put(values)
    adam.write(to: &bytes)
  }

  mutating func read(from bytes: inout StateReader) throws(RecoveryError) {
    values = try bytes.floats(values.count)
    try adam.read(from: &bytes)
  }
}

extension WeightGrid {
  /// Whether its scales are no numbers that could move a little: powers of two, and those of ggml's blocks.
  func hasFixedScales(_ scheme: Scheme) -> Bool {
    if !blocks.isEmpty { return true }
    if case .smallFloat(let small) = scheme.format, case .microscaling = small.scaling { return true }
    return false
  }
}
