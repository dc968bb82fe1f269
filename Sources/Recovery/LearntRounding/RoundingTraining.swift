import Compression

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Learnt rounding: each weight goes to the level below it or to the one above, whichever the loss prefers.
///
/// Ŵ = s·(l + h(V)·(l⁺ − l)) + m between its two levels l and l⁺, with h(V) = clip(1.2·σ(V) − 0.1, 0, 1). A term
/// λ·Σ (1 − |2h − 1|^β) drives h to 0 or 1: λ rises by a power from a tenth of the training on, β falls from 3 to 2. What λ
/// is measured by is how large the loss's gradients are for weights that are rounded: the first step runs these, and moves
/// nothing. Scales stay. At the end h is rounded.
///
/// Source: M. Nagel et al. (AdaRound, arXiv:2004.10568), here for the loss of the whole model. Memory: 25 bytes a weight.
public struct RoundingTraining: TrainedWeight {
  public let rows: Int
  public let columns: Int
  private let chosen: ChosenWeight
  private let grid: WeightGrid
  private let runs: ScaleRuns
  /// The levels below, as codes.
  private let lower: [UInt8]
  /// s·(l⁺ − l), and s·l + m.
  private let gaps: [Float]
  private let floors: [Float]
  private var choice: [Float]
  private var adam: Adam
  /// The root mean square of the loss's gradients by h, of rounded weights; 0 before the first step.
  private var unit: Float = 0
  public private(set) var values: [Float] = []

  /// How far V can go in a whole training, however many its steps: from one level to the other it is five.
  public static let standardWay: Float = 5
  private static let stretch: Float = 0.1
  /// λ at the beginning and at the end.
  private static let force: (first: Float, last: Float) = (0.05, 5)

  /// - Parameters:
  ///   - chosen: the codes to begin with.
  ///   - original: the weight, (rows, columns): how far it lies from either level is where V begins, as far as the code
  ///     that was chosen stays the nearer.
  /// - Returns: `nil` of plain numbers.
  /// - Precondition: as many weights.
  public init?(_ chosen: ChosenWeight, original: [Float]) {
    guard let (grid, codes) = chosen.gridAndCodes, grid.levels.count > 1 else { return nil }
    precondition(original.count == codes.count)
    (self.chosen, self.grid, rows, columns) = (chosen, grid, chosen.rows, chosen.columns)
    runs = ScaleRuns(grid)
    let cells = LevelCells(grid.levels)
    var (lower, gaps, floors) = (codes, original, original)
    var choice = original
    runs.forEach { run, weights in
      let (scale, base) = (grid.scales[run], grid.base(run))
      for index in weights {
        let x = cells.place(original[index], scale, base, in: codes[index])
        let place = min(
          cells.levels.count - 2,
          x >= cells.levels[Int(codes[index])] || codes[index] == 0
            ? Int(codes[index]) : Int(codes[index]) - 1)
        let (level, gap) = (cells.levels[place], cells.levels[place + 1] - cells.levels[place])
        lower[index] = UInt8(place)
        gaps[index] = scale * gap
        floors[index] = scale * level + base
        let h = max(0, min(1, (x - level) / gap))
        let share = (h + Self.stretch) / (1 + 2 * Self.stretch)
        choice[index] = logf(share / (1 - share))
      }
    }
    (self.lower, self.gaps, self.floors, self.choice) = (lower, gaps, floors, choice)
    adam = Adam(choice.count)
    values = chosen.values
  }

  private static func share(_ v: Float) -> (h: Float, slope: Float) {
    let sigmoid = 1 / (1 + expf(-v))
    let h = (1 + 2 * stretch) * sigmoid - stretch
    if h <= 0 { return (0, 0) }
    if h >= 1 { return (1, 0) }
    return (h, (1 + 2 * stretch) * sigmoid * (1 - sigmoid))
  }

  public var byteCount: Int { 25 * values.count }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    var slopes = gradient
    let isFirst = unit == 0
    let share = Float(max(0, (moment.share - 0.1) / 0.9))
    let beta = 3 - share
    let force = share > 0 ? Self.force.first * powf(Self.force.last / Self.force.first, share) : 0
    let (choice, gaps, unit) = (choice, gaps, unit)
    var power = 0.0
    slopes.withUnsafeMutableBufferPointer { slopes in
      choice.withUnsafeBufferPointer { choice in
        gaps.withUnsafeBufferPointer { gaps in
          for index in 0..<slopes.count {
            let own = slopes[index] * gaps[index]
            if isFirst {
              power += Double(own) * Double(own)
              continue
            }
            let (h, slope) = Self.share(choice[index])
            let away = 2 * h - 1
            let pull = force * beta * powf(abs(away), beta - 1) * 2
            slopes[index] = slope * (own / unit - (away > 0 ? pull : -pull))
          }
        }
      }
    }
    if isFirst {
      self.unit = max(Float((power / Double(max(1, slopes.count))).squareRoot()), .leastNormalMagnitude)
    } else {
      // The rate falls along a cosine, whose mean is a half.
      let rate = min(0.2, 2 * Self.standardWay / Float(max(1, moment.steps)))
      adam.step(&self.choice, slopes, rate: rate * moment.rate)
    }
    renew()
  }

  private mutating func renew() {
    let (choice, gaps, floors) = (choice, gaps, floors)
    values.withUnsafeMutableBufferPointer { values in
      choice.withUnsafeBufferPointer { choice in
        for index in 0..<values.count { values[index] = floors[index] + Self.share(choice[index]).h * gaps[index] }
      }
    }
  }

  public func finished() -> ChosenWeight {
    if adam.count == 0 { return chosen }
    var codes = lower
    for index in codes.indices where choice[index] > 0 { codes[index] += 1 }
    return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    bytes.put(choice)
    bytes.put([unit])
    adam.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    choice = try bytes.floats(choice.count)
    unit = try bytes.floats(1)[0]
    try adam.read(from: &bytes)
    if unit == 0 { values = chosen.values } else { renew() }
  }
}
