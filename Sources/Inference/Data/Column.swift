internal import Checkpoints
internal import Numerics

/// One input's array in a data set, and how samples lie in it.
///
/// - An array with one axis more than the input holds whole inputs, one a sample, along its first axis.
/// - Of another, samples lie along the input's batch axis: the one whose name says so (`batch`, `N`), else the only one that
///   is free behind a first that is fixed to more than 1, else the first.
/// - A single number, an array of extent 1 along the batch axis beside others of more (a first state), and one of just the
///   shape that the network fixes are constants: the same for every sample.
struct Column: Sendable {
  let name: String
  private let tensor: Tensor
  private let input: Graph.Value
  /// Whether the network wants integers.
  private let isInteger: Bool
  /// All values, where the file cannot be entered midway or samples do not lie one after another.
  private let whole: Value?
  private var kind: Kind

  private enum Kind: Sendable {
    /// Samples along an axis of the input's own.
    case samples(axis: Int)
    /// Whole inputs along the first axis.
    case inputs
    /// The same for all; repeated along an axis for each sample, or as it is.
    case constant(repeatedAlong: Int?)
  }

  /// - Throws: where shape or type do not fit the input.
  init(_ tensor: Tensor, _ input: Graph.Value, _ file: Checkpoint) throws(InferenceError) {
    (name, self.tensor, self.input) = (tensor.name, tensor, input)
    isInteger = input.type.map { !$0.isFloatingPoint } ?? false
    guard !isInteger || !tensor.type.isFloatingPoint, tensor.type.isDecodable else {
      throw InferenceError(
        file.path, "'\(tensor.name)' holds \(tensor.type), but the network takes \(input.type?.name ?? "numbers")")
    }
    let axis = input.batchAxis
    let rank = input.shape?.count ?? tensor.shape.count
    kind =
      tensor.shape.isEmpty
      ? .constant(repeatedAlong: nil) : tensor.shape.count == rank + 1 ? .inputs : .samples(axis: axis)
    try Self.check(tensor, input, kind, file.path)
    var isWhole = tensor.shape.isEmpty
    if case .samples(let axis) = kind, axis > 0 { isWhole = true }
    if case .deflated = tensor.location { isWhole = true }
    if isWhole { try Dataset.check(tensor, file) }
    let isInteger = isInteger
    whole =
      isWhole
      ? try Dataset.reading { () throws(CheckpointError) in
        isInteger
          ? Value(tensor.shape, integers: try file.integers(tensor)) : Value(tensor.shape, try file.floats(tensor))
      } : nil
  }

  private static func check(_ tensor: Tensor, _ input: Graph.Value, _ kind: Kind, _ path: String)
    throws(InferenceError)
  {
    guard let expected = input.shape else { return }
    var (found, free) = (tensor.shape, -1)
    if case .inputs = kind { found.removeFirst() }
    if case .samples(let axis) = kind { free = axis }
    let fits =
      expected.count == found.count
      && zip(expected, found).enumerated().allSatisfy { axis, pair in
        axis == free || (fixed(pair.0) ?? pair.1) == pair.1
      }
    guard !fits else { return }
    let shape = expected.map { fixed($0).map { "\($0)" } ?? "any" }
    throw InferenceError(
      path,
      "'\(tensor.name)' has the shape \(tensor.shape), but the network takes [\(shape.joined(separator: ", "))]")
  }

  static func fixed(_ extent: Graph.Extent) -> Int? {
    if case .fixed(let size) = extent, size > 0 { size } else { nil }
  }

  /// How many samples it holds by itself; `nil` of a constant.
  private var extent: Int? {
    switch kind {
    case .samples(let axis): tensor.shape[axis]
    case .inputs: tensor.shape[0]
    case .constant: nil
    }
  }

  /// Whether it is just what the network fixes.
  private var isExact: Bool {
    guard case .samples = kind, let shape = input.shape else { return false }
    return shape.map(Self.fixed) == tensor.shape.map { $0 }
  }

  /// Finds how many samples there are, and which columns are constants.
  ///
  /// - Throws: where there are none, or columns disagree.
  static func settle(_ columns: inout [Column], _ path: String) throws(InferenceError) -> Int {
    let open = columns.filter { !$0.isExact }.compactMap(\.extent)
    guard let count = open.max() ?? columns.compactMap(\.extent).max(), count > 0 else {
      throw InferenceError(path, "holds no samples")
    }
    for index in columns.indices {
      guard let extent = columns[index].extent, extent != count else { continue }
      if case .samples(let axis) = columns[index].kind, extent == 1 {
        columns[index].kind = .constant(repeatedAlong: axis)
      } else if columns[index].isExact {
        columns[index].kind = .constant(repeatedAlong: nil)
      } else {
        let other = columns.first { $0.extent == count }?.name ?? ""
        throw InferenceError(
          path, "has \(count) samples of '\(other)' but \(extent) of '\(columns[index].name)'")
      }
    }
    return count
  }

  /// The samples at once that its input's shape fixes.
  var fixedBatch: Int? {
    switch kind {
    case .inputs: 1
    case .samples(let axis), .constant(repeatedAlong: let axis?):
      input.shape.flatMap { axis < $0.count ? Self.fixed($0[axis]) : nil }
    case .constant(repeatedAlong: nil): nil
    }
  }

  /// What the network gets for some samples; one where whole inputs lie here.
  func value(_ samples: Range<Int>, _ file: Checkpoint) throws(InferenceError) -> Value {
    switch kind {
    case .constant(let axis):
      let all = try read(0..<tensor.count, tensor.shape, file)
      guard let axis, samples.count > 1 else { return all }
      return all.taking(.init(repeating: 0, count: samples.count), axis: axis)
    case .samples(let axis) where axis > 0:
      return try read(0..<tensor.count, tensor.shape, file).taking(Array(samples), axis: axis)
    case .samples, .inputs:
      let sample = Array(tensor.shape.dropFirst())
      let size = Shape.product(sample)
      var shape = [samples.count] + sample
      if case .inputs = kind { shape = sample }
      return try read(samples.lowerBound * size..<samples.upperBound * size, shape, file)
    }
  }

  /// The same for samples in any order.
  func value(_ samples: [Int], _ file: Checkpoint) throws(InferenceError) -> Value {
    guard let first = samples.first else { return try value(0..<0, file) }
    switch kind {
    case .constant: return try value(0..<samples.count, file)
    case .inputs: return try value(first..<first + 1, file)
    case .samples(let axis) where axis > 0:
      return try read(0..<tensor.count, tensor.shape, file).taking(samples, axis: axis)
    case .samples:
      if samples.indices.allSatisfy({ samples[$0] == first + $0 }) {
        return try value(first..<first + samples.count, file)
      }
      let shape = [samples.count] + tensor.shape.dropFirst()
      var (floats, integers): ([Float], [Int64]) = ([], [])
      for sample in samples {
        switch try value(sample..<sample + 1, file).elements {
        case .floats(let own): floats += own
        case .integers(let own): integers += own
        }
      }
      return isInteger ? Value(shape, integers: integers) : Value(shape, floats)
    }
  }

  private func read(_ elements: Range<Int>, _ shape: [Int], _ file: Checkpoint) throws(InferenceError) -> Value {
    switch whole?.elements {
    case .floats(let floats): return Value(shape, Array(floats[elements]))
    case .integers(let integers): return Value(shape, integers: Array(integers[elements]))
    case nil:
      return try Dataset.reading { () throws(CheckpointError) in
        isInteger
          ? Value(shape, integers: try file.integers(tensor, elements: elements))
          : Value(shape, try file.floats(tensor, elements: elements))
      }
    }
  }
}

extension Graph.Value {
  /// The axis that counts samples: the one whose name says so; the only free one of (2, ?, 128), as states have it; else
  /// the first.
  var batchAxis: Int {
    guard let shape else { return 0 }
    let named = shape.firstIndex { extent in
      guard case .free(let name) = extent else { return false }
      let word = name.lowercased()
      return word.contains("batch") || ["n", "b", "bs", "bsz"].contains(word)
    }
    if let named { return named }
    let free = shape.indices.filter { if case .free = shape[$0] { true } else { false } }
    if case .fixed(let first)? = shape.first, first > 1, free.count == 1 { return free[0] }
    return 0
  }
}
