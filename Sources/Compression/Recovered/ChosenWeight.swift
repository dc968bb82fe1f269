import CKernels
import Numerics

/// A weight whose codes somebody chose with more than the weight in view: what error feedback, training and their like
/// give. It stands in for the nearest levels wherever its scheme is applied to that weight.
public struct ChosenWeight: Sendable, Hashable {
  /// The scheme with its `by`.
  public let scheme: Scheme
  public let rows: Int
  public let columns: Int
  public let content: Content
  /// The error of the outputs over that of nearest levels, as far as it was found: what an estimate multiplies a layer's
  /// damage by. `nil` where nobody knows.
  public var outputError: Double?
  /// t² of the nearest levels.
  public var nearestError: Double?
  /// What it was moved together with, where factors moved between layers before it was chosen.
  public var moved: Moved?

  /// Weights and biases that compute what the original's do only all together.
  public struct Moved: Sendable, Hashable {
    /// The same for all of them.
    public let group: Int32
    /// How many there are.
    public let count: Int32

    public init(group: Int32, count: Int32) { (self.group, self.count) = (group, count) }
  }

  /// t² as it counts in a damage. What was chosen for the outputs lies further from the weights than the nearest levels and
  /// does less: what counts is the nearest ones' t² times the share of the outputs' error that is left. `nil` where that is
  /// not known.
  public var countedError: Double? {
    guard let outputError, let nearestError else { return nil }
    return outputError * nearestError
  }

  public enum Content: Sendable, Hashable {
    /// A code a weight, row after row: places among the grid's levels.
    case codes(WeightGrid, [UInt8])
    /// ggml's bytes.
    case blocks(BlockType, [UInt8])
    /// Numbers, where the scheme keeps floats.
    case numbers([Float])
  }

  public init(scheme: Scheme, rows: Int, columns: Int, content: Content, outputError: Double? = nil) {
    (self.scheme, self.rows, self.columns, self.content) = (scheme, rows, columns, content)
    self.outputError = outputError
  }

  /// Codes on a grid: of ggml's types they go into its blocks.
  ///
  /// - Parameter codes: a code a weight, row after row.
  public init(scheme: Scheme, grid: WeightGrid, codes: [UInt8], outputError: Double? = nil) {
    precondition(codes.count == grid.rows * grid.columns)
    let content: Content
    if case .block(let type) = scheme.format, let places = BlockCodes(type) {
      var blocks = grid.blocks
      places.put(codes, into: &blocks)
      content = .blocks(type, blocks)
    } else {
      content = .codes(grid, codes)
    }
    self.init(scheme: scheme, rows: grid.rows, columns: grid.columns, content: content, outputError: outputError)
  }

  /// All numbers, row after row.
  public var values: [Float] {
    [Float](unsafeUninitializedCapacity: rows * columns) { values, count in
      count = rows * columns
      if let start = values.baseAddress { read(rows: 0..<rows, into: start) }
    }
  }

  /// Fills `target` with the numbers of some rows.
  public func read(rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    let count = rows.count * columns
    switch content {
    case .codes(let grid, let codes):
      codes.withUnsafeBufferPointer { codes in
        if let start = codes.baseAddress { grid.decode(start + rows.lowerBound * columns, rows: rows, into: target) }
      }
    case .blocks(let type, let bytes):
      let row = columns / type.blockWeights * type.blockBytes
      bytes.withUnsafeBytes { bytes in
        ElementType.ggml(type).decode(
          UnsafeRawBufferPointer(rebasing: bytes[rows.lowerBound * row..<rows.upperBound * row]),
          into: UnsafeMutableBufferPointer(start: target, count: count))
      }
    case .numbers(let numbers):
      numbers.withUnsafeBufferPointer { numbers in
        if let start = numbers.baseAddress { target.update(from: start + rows.lowerBound * columns, count: count) }
      }
    }
  }

  /// Fills `target` with some rows' codes as the scheme's format has them; of blocks and plain numbers there are none.
  func readCodes(rows: Range<Int>, into target: UnsafeMutablePointer<Int32>) {
    guard case .codes(let grid, let codes) = content else { return }
    for row in rows {
      for column in 0..<columns {
        let shift = grid.shifts.isEmpty ? 0 : Int32(grid.shifts[grid.run(row: row, column: column)])
        target[(row - rows.lowerBound) * columns + column] =
          grid.formatCodes[Int(codes[row * columns + column])] + shift
      }
    }
  }

  /// Whether it is one of a weight of that form, and its parts fit together.
  public func fits(rows: Int, columns: Int) -> Bool {
    guard self.rows == rows, self.columns == columns else { return false }
    switch content {
    case .codes(let grid, let codes):
      // As many levels as the scheme's codes have bits for.
      if case .block = scheme.format { return false }
      let most = scheme.format.codeBits.map { 1 << min(8, Int($0.rounded(.up))) } ?? 256
      guard scheme.hasGrid, grid.levels.count <= max(3, most) else { return false }
      return codes.count == rows * columns && grid.isWhole
        && codes.allSatisfy { Int($0) < grid.levels.count }
    case .blocks(let type, let bytes):
      guard scheme.format == .block(type) else { return false }
      return columns % type.blockWeights == 0
        && bytes.count == rows * (columns / type.blockWeights) * type.blockBytes
    // Where there are codes, plain numbers say none.
    case .numbers(let numbers): return !scheme.hasGrid && numbers.count == rows * columns
    }
  }
}

extension WeightGrid {
  /// Whether its lists have the lengths that its form asks for, and hold numbers that make sense.
  var isWhole: Bool {
    if case .runs(let size) = sharing { guard size > 0, columns % size == 0 else { return false } }
    // Zero points and codes are small whole numbers.
    let most: Float = 65_536
    guard shifts.allSatisfy({ abs($0) <= most && $0 == $0.rounded() }),
      formatCodes.allSatisfy({ (-65_536...65_536).contains($0) }),
      levels.allSatisfy(\.isFinite), scales.allSatisfy(\.isFinite), offsets.allSatisfy(\.isFinite)
    else { return false }
    return (1...256).contains(levels.count) && formatCodes.count == levels.count && scales.count == runCount
      && (shifts.isEmpty || shifts.count == runCount) && (offsets.isEmpty || offsets.count == runCount)
  }
}
