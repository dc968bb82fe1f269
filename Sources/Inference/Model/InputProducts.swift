internal import CKernels

/// The second moments of what a layer is given: all that its output's error depends on, whatever its weight becomes.
///
/// With x the inputs that the model's weights of before make, and x̂ those that the changed ones make, row after row:
/// ‖W x − Ŵ x̂‖² is a quadratic form in Ŵ of Σ x̂ x̂ᵀ and Σ x̂ (x − x̂)ᵀ.
public struct InputProducts: Sendable {
  /// The checkpoint's layer.
  public let layer: Int
  /// Columns of its matrix.
  public let columns: Int
  /// Each of equal parts of the matrix's rows, which have inputs of their own: a convolution's groups, a stack's experts.
  /// One of all others.
  public internal(set) var parts: [Part]

  public struct Part: Sendable {
    /// Σ x̂ x̂ᵀ, (columns, columns), symmetric.
    public var products: [Float]
    /// Σ x̂ (x − x̂)ᵀ, (columns, columns); empty where both are the same or it was not asked for.
    public var differences: [Float] = []
    /// Σ x̂ and Σ x by column; empty where nothing was added.
    public var sums: [Float] = []
    public var originalSums: [Float] = []
    /// How many rows of inputs.
    public var rows: Int
    /// Of an expert to which few tokens went: so many rows more, as all tokens of its block would give them on average,
    /// are counted in.
    public var borrowedRows = 0

    public init(products: [Float], differences: [Float] = [], rows: Int = 0) {
      (self.products, self.differences, self.rows) = (products, differences, rows)
    }
  }

  /// - Precondition: each part's lists are of (columns, columns).
  public init(layer: Int, columns: Int, parts: [Part]) {
    (self.layer, self.columns, self.parts) = (layer, columns, parts)
  }

  init(layer: Int, columns: Int, parts: Int = 1) {
    (self.layer, self.columns) = (layer, columns)
    self.parts = .init(repeating: Part(products: .init(repeating: 0, count: columns * columns)), count: parts)
  }

  /// The same inputs as another layer of as many columns has.
  func of(_ layer: Int) -> InputProducts {
    InputProducts(layer: layer, columns: columns, parts: parts)
  }

  /// Adds rows of inputs.
  ///
  /// - Parameters:
  ///   - changed: x̂, rows of `columns` numbers one after another.
  ///   - original: x, as many; `nil` for the same.
  mutating func add(
    _ changed: UnsafeBufferPointer<Float>, original: UnsafeBufferPointer<Float>? = nil, to part: Int = 0
  ) {
    let rows = changed.count / max(1, columns)
    guard rows > 0, let x = changed.baseAddress, parts.indices.contains(part) else { return }
    parts[part].rows += rows
    Self.add(x, x, rows, columns, to: &parts[part].products)
    Self.add(x, rows, columns, to: &parts[part].sums)
    guard let original, original.count == changed.count, let start = original.baseAddress else {
      Self.add(x, rows, columns, to: &parts[part].originalSums)
      return
    }
    Self.add(start, rows, columns, to: &parts[part].originalSums)
    if parts[part].differences.isEmpty { parts[part].differences = .init(repeating: 0, count: columns * columns) }
    let difference = Scratch(changed.count)
    for index in 0..<changed.count { difference.start[index] = original[index] - changed[index] }
    Self.add(x, difference.start, rows, columns, to: &parts[part].differences)
  }

  /// Fills a part up to so many rows with those of another, each counted for as much as the other has too many.
  ///
  /// - Parameter rows: what it should have; nothing is done where it has them.
  mutating func fill(_ part: Int, upTo rows: Int, with other: Part) {
    guard parts.indices.contains(part), parts[part].rows < rows, other.rows > 0 else { return }
    let missing = rows - parts[part].rows
    let share = Float(missing) / Float(other.rows)
    func add(_ more: [Float], to sum: inout [Float]) {
      guard !more.isEmpty else { return }
      if sum.isEmpty { sum = .init(repeating: 0, count: more.count) }
      sum.withUnsafeMutableBufferPointer { sum in
        more.withUnsafeBufferPointer { more in
          if let sum = sum.baseAddress, let start = more.baseAddress {
            lathe_accumulate_scaled(sum, start, share, more.count)
          }
        }
      }
    }
    add(other.products, to: &parts[part].products)
    add(other.differences, to: &parts[part].differences)
    add(other.sums, to: &parts[part].sums)
    add(other.originalSums, to: &parts[part].originalSums)
    parts[part].rows = rows
    parts[part].borrowedRows = missing
  }

  /// sum += the rows' sum.
  private static func add(_ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, to sum: inout [Float]) {
    if sum.isEmpty { sum = .init(repeating: 0, count: columns) }
    sum.withUnsafeMutableBufferPointer { sum in
      guard let sum = sum.baseAddress else { return }
      for row in 0..<rows { lathe_accumulate(sum, x + row * columns, columns) }
    }
  }

  /// sum += aᵀ b.
  private static func add(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ rows: Int, _ columns: Int, to sum: inout [Float]
  ) {
    sum.withUnsafeMutableBufferPointer { sum in
      guard let sum = sum.baseAddress else { return }
      BLAS.multiply(
        .init(start: a, stride: columns, isTransposed: true), .init(start: b, stride: columns), into: sum, m: columns,
        n: columns, k: rows, beta: 1, unless: { false })
    }
  }
}
