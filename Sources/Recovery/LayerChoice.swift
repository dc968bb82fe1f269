import Compression
import Inference

/// One layer's codes chosen by what it is given: `by=ranges` and `by=gptq`, and what learning begins with.
public struct LayerChoice: Sendable {
  public let scheme: Scheme
  /// (rows, columns), finite.
  public let weights: [Float]
  public let rows: Int
  public let columns: Int
  public let shape: [Int]
  /// What floats are rounded to, where the weight stays in them.
  private let halfType: HalfType?

  /// Reads a weight.
  ///
  /// - Throws: `Cancelled`, or what the source throws.
  public init(_ scheme: Scheme, of source: some WeightSource, control: PassControl = .silent) throws {
    (self.scheme, rows, columns, shape) = (scheme, source.rows, source.columns, source.shape)
    switch scheme.format {
    case .f16: halfType = .f16
    case .bf16: halfType = .bf16
    default: halfType = source.halfType
    }
    var weights: [Float] = []
    weights.reserveCapacity(source.count)
    try source.forEachPruned(.none, control) { _, piece in weights += piece }
    self.weights = weights
  }

  /// What was chosen, and what a person should know of it.
  public struct Result: Sendable {
    public var weight: ChosenWeight
    public var values: [Float]
    public var notes: [String] = []
  }

  /// Chooses the codes for what the layer is given. Memory: seven copies of the weight, and five of the inputs' moments.
  ///
  /// - Parameter products: of as many columns; their parts divide the rows.
  /// - Throws: what sparsity's own rules throw.
  public func result(_ products: InputProducts) throws -> Result {
    let parts = max(1, products.parts.count)
    let squares = products.parts.map { part in
      (0..<columns).map { part.products[$0 * columns + $0] / Float(max(1, part.rows)) }
    }
    let source = ArrayWeights(
      rows: rows, columns: columns, values: weights, shape: shape,
      importances: rows % parts == 0 ? squares.flatMap { $0 } : squares.first)
    let factors = try factors(of: products)
    let grids = try grids(source, factors)
    let mask = try fixedMask(source)
    let nearest = try nearestValues(source)
    let isNearest = scheme.by == .ranges || scheme.by == .equalised
    var best = RowChoice(grid: grids.first, rows: rows, columns: columns)
    var nearestCost = 0.0
    var notes: [String] = []
    let starved = products.parts.count { $0.borrowedRows > 0 }
    if starved > 0 {
      let whose = products.parts.count > 1 ? " to \(starved) of its \(products.parts.count) experts" : " to it"
      notes.append("fewer tokens came\(whose) than it has inputs: filled up with what all tokens would give")
    }
    var targets: [[Float]] = []
    for (index, part) in products.parts.enumerated() {
      let own = index * rows / parts * columns..<(index + 1) * rows / parts * columns
      let count = own.count / columns
      let factor = factors[index]
      if part.rows < columns, part.borrowedRows == 0 {
        notes.append("\(part.rows) rows of inputs for \(columns) columns: the moments are damped")
      }
      if factor.damping > InputFactor.leastDamping {
        notes.append("the inputs' moments had to be damped by \(factor.damping) of their mean")
      }
      if factor.deadColumns > 0 { notes.append("\(factor.deadColumns) inputs are always zero") }
      var target = Array(weights[own])
      if let shift = factor.shift {
        var moved = target
        BLAS.multiply(target, shift, into: &moved, m: count, n: columns, k: columns)
        if moved.allSatisfy(\.isFinite) { target = moved }
      }
      targets.append(target)
      nearestCost += factor.costs(of: Self.differences(target, nearest[own]), rows: count).reduce(0, +)
    }
    for grid in grids.isEmpty ? [nil] : grids.map(Optional.some) {
      let feedback = ErrorFeedback(scheme: scheme, grid: grid, rows: rows, columns: columns)
      var tried = RowChoice(grid: grid, rows: rows, columns: columns)
      for (index, target) in targets.enumerated() {
        let own = index * rows / parts * columns..<(index + 1) * rows / parts * columns
        let count = own.count / columns
        let choice = feedback.choose(
          isNearest ? Array(weights[own]) : target, firstRow: own.lowerBound / columns, rows: count,
          isNearest ? factors[index].independent : factors[index], mask: mask.map { Array($0[own]) })
        let costs = factors[index].costs(of: Self.differences(target, choice.values[...]), rows: count)
        tried.put(choice, costs, at: own.lowerBound / columns)
      }
      best.take(tried)
    }
    let ratio = nearestCost > 0 ? best.costs.reduce(0, +) / nearestCost : 1
    var weight: ChosenWeight
    if let grid = best.grid {
      weight = ChosenWeight(scheme: scheme, grid: grid, codes: best.codes, outputError: ratio)
    } else {
      let numbers = halfType.map { type in best.values.map { type.float(type.bits($0)) } } ?? best.values
      weight = ChosenWeight(
        scheme: scheme, rows: rows, columns: columns, content: .numbers(numbers), outputError: ratio)
    }
    weight.nearestError = Self.relativeError(nearest, weights)
    return Result(weight: weight, values: weight.values, notes: notes)
  }

  /// The grids that are tried, one of which each row takes: that of the scheme's own scales, and those searched for the least
  /// error of the outputs, by what a column's rounding costs alone and by what it costs once the others make good what they
  /// can. None where the weight stays in floats.
  private func grids(_ source: ArrayWeights, _ factors: [InputFactor]) throws -> [WeightGrid] {
    guard let own = try WeightGrid(scheme, of: source) else { return [] }
    if !own.blocks.isEmpty || scheme.hasRangeOfItsOwn || scheme.by == .equalised { return [own] }
    if scheme.by == .ranges { return [RangeSearch(scheme: scheme, factors: factors).searched(own, weights)] }
    let searched = ScaleSearch(scheme: scheme, factors: factors.map(\.variancesByColumn)).searched(own, weights)
    // Codes that fit the samples best leave what is held out of them nothing to judge a training by.
    if scheme.by != .gptq { return [searched] }
    return [
      searched,
      ScaleSearch(scheme: scheme, factors: factors.map(\.momentsByColumn)).searched(own, weights), own,
    ]
  }

  private static func differences(_ target: [Float], _ values: ArraySlice<Float>) -> [Float] {
    zip(target, values).map { $0 - $1 }
  }

  private func factors(of products: InputProducts) throws -> [InputFactor] {
    try products.parts.map { part in
      guard let factor = InputFactor(part, columns: columns, ordered: scheme.sparsity.keptPattern == nil) else {
        throw RecoveryError("the inputs' second moments are no finite numbers")
      }
      return factor
    }
  }

  /// What sparsity takes away by a rule of its own; `nil` where error feedback chooses, and where there is none.
  private func fixedMask(_ source: ArrayWeights) throws -> [Bool]? {
    switch scheme.sparsity {
    case .none: return nil
    case .ratio, .pattern, .weighted, .weightedPattern:
      if scheme.by != .ranges, scheme.by != .equalised { return nil }
    default: break
    }
    var mask: [Bool] = []
    try source.forEachPruned(scheme.sparsity, .silent) { _, weights in mask += weights.map { $0 == 0 } }
    return mask
  }

  private static func relativeError(_ values: [Float], _ weights: [Float]) -> Double? {
    var (error, norm) = (0.0, 0.0)
    for (value, weight) in zip(values, weights) {
      error += Double(value - weight) * Double(value - weight)
      norm += Double(weight) * Double(weight)
    }
    return norm > 0 && error.isFinite ? error / norm : nil
  }

  /// The nearest levels, as numbers.
  ///
  /// - Throws: what sparsity's own rules throw.
  public func nearest() throws -> [Float] {
    try nearestValues(ArrayWeights(rows: rows, columns: columns, values: weights, shape: shape))
  }

  private func nearestValues(_ source: ArrayWeights) throws -> [Float] {
    var values = [Float](repeating: 0, count: source.count)
    _ = try values.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: scheme.withNearestLevels, into: $0)
    }
    return values
  }
}

/// Why something could not be recovered.
public struct RecoveryError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
