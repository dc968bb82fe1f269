internal import CKernels
internal import Checkpoints
internal import FileAccess

extension Transformer {
  /// The embeddings of some texts' tokens: where block 0 starts.
  ///
  /// - Throws: where there is no text, one is empty or too long for the model's places, or a token is none of the
  ///   vocabulary's; the message names it.
  public func embed(_ texts: [[Int]], weights: TransformerWeights) throws(InferenceError) -> Activations {
    try embed(texts, from: 0, weights)
  }

  /// - Parameter isNormalised: whether the norm after them, where there is one, is run.
  func embed(
    _ texts: [[Int]], from place: Int, _ weights: TransformerWeights, isNormalised: Bool = true
  ) throws(InferenceError) -> Activations {
    guard !texts.isEmpty else { throw InferenceError("text", "there is none") }
    var ranges: [Range<Int>] = []
    var count = 0
    for (number, text) in texts.enumerated() {
      guard !text.isEmpty else { throw InferenceError("text \(number)", "has no tokens") }
      if let at = text.firstIndex(where: { $0 < 0 || $0 >= vocabularySize }) {
        throw InferenceError(
          "text \(number)", "has the token \(text[at]) at \(at), but the model has \(vocabularySize) tokens")
      }
      if let most = places, place + text.count > most {
        throw InferenceError("text \(number)", "has \(place + text.count) tokens; the model has places for \(most)")
      }
      ranges.append(count..<count + text.count)
      count += text.count
    }
    let hidden = shape.hidden
    try weights.checkRoom(for: Self.product([count, hidden, 4]), "\(count) tokens")
    var values = [Float](repeating: 0, count: count * hidden)
    try values.withUnsafeMutableBufferPointer { values throws(InferenceError) in
      let start = values.baseAddress!
      for (text, range) in zip(texts, ranges) {
        for (offset, token) in text.enumerated() {
          try row(token, of: embedding, weights, into: start + (range.lowerBound + offset) * hidden)
        }
      }
      if shape.embeddingScale != 1 { for index in values.indices { values[index] *= shape.embeddingScale } }
      var addend = [Float](repeating: 0, count: hidden)
      func add(_ row: Int, of table: Linear, to index: Int) throws(InferenceError) {
        try addend.withUnsafeMutableBufferPointer { addend throws(InferenceError) in
          try self.row(row, of: table, weights, into: addend.baseAddress!)
          lathe_accumulate(start + index * hidden, addend.baseAddress!, hidden)
        }
      }
      if let tokenTypes { for index in 0..<count { try add(0, of: tokenTypes, to: index) } }
      if let positionEmbedding {
        for range in ranges {
          for index in range {
            try add(firstPlace + place + index - range.lowerBound, of: positionEmbedding, to: index)
          }
        }
      }
      if let embeddingNorm, isNormalised { normalise(embeddingNorm, weights, start, into: start, rows: count) }
    }
    return Activations(values: values, texts: ranges, nextBlock: 0)
  }

  /// The first text token's row of the learned places.
  var firstPlace: Int {
    switch shape.positions {
    case .learned(let offset), .relative(let offset): offset
    case .rotary: 0
    }
  }

  /// How many tokens a text may have; `nil` where places are turned and never run out.
  public var places: Int? { positionEmbedding.map { max(0, $0.outputs - firstPlace) } }

  private func row(
    _ row: Int, of table: Linear, _ weights: TransformerWeights, into target: UnsafeMutablePointer<Float>
  ) throws(InferenceError) {
    if let matrix = weights.matrices[table.layer] {
      matrix.withUnsafeBufferPointer {
        target.update(from: $0.baseAddress! + row * table.inputs, count: table.inputs)
      }
      return
    }
    do throws(CheckpointError) {
      try checkpoint.readMatrix(
        layer: table.layer, rows: row..<row + 1, columns: 0..<table.inputs,
        into: UnsafeMutableBufferPointer(start: target, count: table.inputs))
    } catch { throw InferenceError(error.file, error.reason) }
  }

  /// Runs blocks on what stands before them.
  ///
  /// The cost is the blocks' multiplications; memory besides is proportional to the tokens. The same activations give
  /// the same bits, wherever the run began.
  ///
  /// - Parameters:
  ///   - activations: What `embed` gave, or an earlier run.
  ///   - end: The block before which to stop; all are run where it is `nil`.
  ///   - observe: Called with the inputs of each linear layer before it is run.
  ///   - isCancelled: Asked before each half of a block.
  /// - Throws: where a weight cannot be read, and `InferenceError.cancelled`.
  public func run(
    _ activations: Activations, upTo end: Int? = nil, weights: TransformerWeights, observe: LinearObserver? = nil,
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> Activations {
    var none: TransformerCache?
    return try run(activations, upTo: end, weights, &none, observe, isCancelled)
  }

  /// The same, with a watch on which experts tokens go to.
  func run(
    _ activations: Activations, upTo end: Int?, weights: TransformerWeights, observe: @escaping LinearObserver,
    routing: RoutingWatch, isCancelled: () -> Bool
  ) throws(InferenceError) -> Activations {
    var none: TransformerCache?
    return try run(activations, upTo: end, weights, &none, observe, isCancelled, routing)
  }

  /// What stands before a block, for texts run from their beginning.
  public func hiddenStates(
    beforeBlock block: Int, of texts: [[Int]], weights: TransformerWeights, isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> Activations {
    try run(try embed(texts, weights: weights), upTo: block, weights: weights, isCancelled: isCancelled)
  }

  /// An empty cache for a text of at most so many tokens.
  public func makeCache(capacity: Int) -> TransformerCache {
    TransformerCache(blocks: blocks.count, capacity: max(0, capacity))
  }

  /// Runs more tokens of a text whose earlier ones are in the cache.
  ///
  /// - Returns: The logits after the last of them, one a token of the vocabulary.
  /// - Throws: as `embed` and `run`; where the cache is full; for an encoder.
  public func append(
    _ tokens: [Int], to cache: inout TransformerCache, weights: TransformerWeights,
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> [Float] {
    guard cache.keys.count == blocks.count, shape.isCausal else {
      throw InferenceError("cache", "is not this model's, or the model reads texts as a whole")
    }
    guard tokens.count <= cache.capacity - cache.count else {
      throw InferenceError("cache", "holds \(cache.count) of \(cache.capacity) tokens; \(tokens.count) more do not fit")
    }
    let start = try embed([tokens], from: cache.count, weights)
    var filled: TransformerCache? = cache
    // The only reference, so that growing does not copy.
    cache = TransformerCache(blocks: 0, capacity: cache.capacity)
    defer { cache = filled! }
    let end = try run(start, upTo: nil, weights, &filled, nil, isCancelled)
    filled!.count += tokens.count
    return try logits(end, rows: tokens.count - 1..<tokens.count, weights: weights)
  }

  private func run(
    _ activations: Activations, upTo end: Int?, _ weights: TransformerWeights, _ cache: inout TransformerCache?,
    _ observe: LinearObserver?, _ isCancelled: () -> Bool, _ routing: RoutingWatch? = nil
  ) throws(InferenceError) -> Activations {
    let last = min(end ?? blocks.count, blocks.count)
    guard activations.nextBlock < last else { return activations }
    var result = activations
    try weights.checkRoom(for: runBytes(activations.texts, past: cache?.count), "\(activations.tokens) tokens")
    let run = try BlockRun(self, weights, activations.texts, past: cache?.count ?? 0, observe, routing)
    try result.values.withUnsafeMutableBufferPointer { values throws(InferenceError) in
      for number in activations.nextBlock..<last {
        if isCancelled() { throw .cancelled }
        try run.attend(number, values.baseAddress!, &cache, isCancelled)
        if isCancelled() { throw .cancelled }
        try run.feedForward(number, values.baseAddress!, isCancelled)
      }
    }
    if isCancelled() { throw .cancelled }
    result.nextBlock = last
    return result
  }
}

// MARK: - Memory

extension Transformer {
  /// Bytes that a run of some texts takes beside the weights: the tokens' numbers before and in a block, products with
  /// keys, angles and biases, and what is in the cache.
  func runBytes(_ texts: [Range<Int>], past: Int?) -> Int {
    let count = texts.last?.upperBound ?? 0
    let longest = (texts.map(\.count).max() ?? 0).addingReportingOverflow(past ?? 0).partialValue
    let inner = blocks.map(\.upWidth).max() ?? 0
    let experts = shape.experts.map { 2 * shape.hidden + 2 * $0.count + 2 * $0.used } ?? 0
    let token = 3 * shape.hidden + 2 * shape.queryWidth + 2 * shape.keyWidth + inner + experts
    var parts = [Self.product([count, token, 4]), Self.product([longest, Attention.rows, 4])]
    if case .rotary(let rotations) = shape.positions {
      parts.append(Self.product([longest, rotations.map(\.frequencies.count).max() ?? 0, 8]))
    }
    if relativeBias != nil { parts.append(Self.product([longest, 2 * shape.heads, 4])) }
    // Growing lists take up to twice what is in them.
    if past != nil { parts.append(Self.product([longest, blocks.count, 2 * shape.keyWidth, 8])) }
    return parts.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 }
  }

  /// Bytes that scoring windows of text takes beside the weights: two runs of a batch, and some rows of logits.
  public func scoringBytes(_ windows: TextWindows) -> Int {
    let count = max(1, Self.batchTokens / max(1, windows.context)) * max(1, windows.context)
    let run = runBytes([0..<count], past: nil)
    return run > .max / 4 ? .max : 2 * run + 3 * 4 * max(Self.logitsAtATime, vocabularySize)
  }

  /// The product, or as much as an Int holds.
  static func product(_ factors: [Int]) -> Int {
    factors.reduce(1) { $0.multipliedReportingOverflow(by: $1).overflow ? .max : $0 * $1 }
  }
}

// MARK: - Parts

extension Transformer {
  /// y = W x + b of `count` rows of x, the rows of y `stride` apart.
  func multiply(
    _ linear: Linear, _ weights: TransformerWeights, _ x: UnsafePointer<Float>, count: Int,
    into y: UnsafeMutablePointer<Float>, stride: Int, outputs: Range<Int>? = nil, unless isCancelled: () -> Bool
  ) throws(InferenceError) {
    let outputs = outputs ?? 0..<linear.outputs
    func multiply(_ matrix: UnsafePointer<Float>, _ rows: Range<Int>) {
      let target = y + (rows.lowerBound - outputs.lowerBound)
      if count == 1 {
        lathe_matrix_vector(matrix, rows.count, linear.inputs, linear.inputs, x, nil, target)
      } else {
        BLAS.multiply(
          .init(start: x, stride: linear.inputs), .init(start: matrix, stride: linear.inputs, isTransposed: true),
          into: target, stride: stride, m: count, n: rows.count, k: linear.inputs,
          unless: isCancelled)
      }
    }
    if let matrix = weights.matrices[linear.layer] {
      let first = (linear.firstRow + outputs.lowerBound) * linear.inputs
      matrix.withUnsafeBufferPointer { multiply($0.baseAddress! + first, outputs) }
    } else {
      let most = min(outputs.count, max(1, Self.tileSize / linear.inputs))
      let tile = UnsafeMutableBufferPointer<Float>.allocate(capacity: most * linear.inputs)
      defer { tile.deallocate() }
      for first in Swift.stride(from: outputs.lowerBound, to: outputs.upperBound, by: most) {
        let rows = first..<min(first + most, outputs.upperBound)
        do throws(CheckpointError) {
          try checkpoint.readMatrix(
            layer: linear.layer, rows: linear.firstRow + rows.lowerBound..<linear.firstRow + rows.upperBound,
            columns: 0..<linear.inputs, into: tile)
        } catch { throw InferenceError(error.file, error.reason) }
        if isCancelled() { throw .cancelled }
        multiply(tile.baseAddress!, rows)
      }
    }
    guard let bias = linear.bias.flatMap({ weights.vectors[$0] }) else { return }
    bias.withUnsafeBufferPointer { bias in
      for row in 0..<count {
        lathe_accumulate(
          y + row * stride, bias.baseAddress! + linear.firstRow + outputs.lowerBound, outputs.count)
      }
    }
  }

  /// Floats of a matrix that are decoded at a time: 4 MiB.
  static let tileSize = 1 << 20

  /// Rows of the norm's length, `stride` apart.
  func normalise(
    _ norm: Norm, _ weights: TransformerWeights, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
    rows: Int, stride: Int? = nil
  ) {
    guard let weight = weights.vectors[norm.weight] else { return }
    let stride = stride ?? weight.count
    weight.withUnsafeBufferPointer { weight in
      for row in 0..<rows {
        if shape.usesRMSNorm {
          lathe_rms_norm(x + row * stride, weight.baseAddress!, shape.epsilon, y + row * stride, weight.count)
        } else if let bias = norm.bias.flatMap({ weights.vectors[$0] }) {
          bias.withUnsafeBufferPointer {
            lathe_centred_norm(
              x + row * stride, weight.baseAddress!, $0.baseAddress!, shape.epsilon, y + row * stride, weight.count)
          }
        } else {
          lathe_centred_norm(x + row * stride, weight.baseAddress!, nil, shape.epsilon, y + row * stride, weight.count)
        }
      }
    }
  }
}
