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

  /// Chooses the codes for what the layer is given. Memory: three copies of the weight, and five of the inputs' moments.
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
    var grid = try WeightGrid(scheme, of: source)
    if let own = grid, !own.blocks.isEmpty || scheme.hasRangeOfItsOwn || scheme.by == .equalised {
      grid = own
    } else if let own = grid {
      // What a column's rounding costs once the others make good what they can; of nearest levels, all together.
      let searched = ScaleSearch(scheme: scheme, factors: factors.map(\.variancesByColumn)).searched(own, weights)
      grid = scheme.by == .ranges ? RangeSearch(scheme: scheme, factors: factors).searched(own, weights) : searched
    }
    let mask = try fixedMask(source)
    let feedback = ErrorFeedback(scheme: scheme, grid: grid, rows: rows, columns: columns)
    let nearest = try nearestValues(source)
    var result = (codes: [UInt8](), values: [Float]())
    var (cost, nearestCost) = (0.0, 0.0)
    var notes: [String] = []
    let starved = products.parts.count { $0.borrowedRows > 0 }
    if starved > 0 {
      let whose = products.parts.count > 1 ? " to \(starved) of its \(products.parts.count) experts" : " to it"
      notes.append("fewer tokens came\(whose) than it has inputs: filled up with what all tokens would give")
    }
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
      let isNearest = scheme.by == .ranges || scheme.by == .equalised
      let choice = feedback.choose(
        isNearest ? Array(weights[own]) : target, firstRow: own.lowerBound / columns, rows: count,
        isNearest ? factor.independent : factor, mask: mask.map { Array($0[own]) })
      result.codes += choice.codes
      result.values += choice.values
      var errors = target
      for place in errors.indices { errors[place] -= nearest[own.lowerBound + place] }
      nearestCost += factor.cost(of: errors, rows: count)
      for place in errors.indices { errors[place] = target[place] - choice.values[place] }
      cost += factor.cost(of: errors, rows: count)
    }
    if grid == nil, let halfType { result.values = result.values.map { halfType.float(halfType.bits($0)) } }
    let ratio = nearestCost > 0 ? cost / nearestCost : 1
    var weight =
      grid.map { ChosenWeight(scheme: scheme, grid: $0, codes: result.codes, outputError: ratio) }
      ?? ChosenWeight(
        scheme: scheme, rows: rows, columns: columns, content: .numbers(result.values), outputError: ratio)
    weight.nearestError = Self.relativeError(nearest, weights)
    return Result(weight: weight, values: weight.values, notes: notes)
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
