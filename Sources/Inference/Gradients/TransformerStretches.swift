internal import CKernels
internal import Checkpoints

extension Transformer {
  /// Its blocks that have a layer of those that were asked for, and its head, where that is no embedding too: tables that
  /// are looked up belong to no stretch.
  public func stretches(
    _ data: ScoredText, batch: Int, original: TransformerWeights, changed: TransformerWeights, layers: Set<Int>,
    _ loss: DistillationLoss, activations: ActivationRanges?, _ request: MeasurementRequest,
    isCancelled: @escaping () -> Bool
  ) throws -> TransformerStretches {
    let samples = Array(0..<(try trainingSamples(data)))
    let texts = try trainingTexts(data, samples, original, request, isCancelled)
    return TransformerStretches(self, texts, batch: batch, original: original, layers, loss)
  }
}

/// A transformer walked block by block over texts.
public struct TransformerStretches: StretchWalk {
  public let stretches: [Stretch]
  public var count: Int { texts.count }
  public let batch: Int
  private let model: Transformer
  private let original: TransformerWeights
  private let texts: [[Int]]
  private let loss: DistillationLoss
  /// Each stretch's block; as many as the model has for the head.
  private let places: [Int]
  private var place = -1
  /// Of each text: what stands before the block, (tokens, hidden), of the changed model and of the original, and what the
  /// original makes of it.
  private var inputs: [[Float]] = []
  private var plain: [[Float]] = []
  private var targets: [[Float]] = []

  init(
    _ model: Transformer, _ texts: [[Int]], batch: Int, original: TransformerWeights, _ layers: Set<Int>,
    _ loss: DistillationLoss
  ) {
    (self.model, self.texts, self.original, self.loss) = (model, texts, original, loss)
    self.batch = max(1, min(batch, texts.count))
    var found: [(place: Int, stretch: Stretch)] = []
    for (number, block) in model.blocks.enumerated() {
      let own = Set(block.layers).intersection(layers).sorted()
      if !own.isEmpty { found.append((number, Stretch(name: "block \(number)", layers: own))) }
    }
    if let head = model.head, model.outputNorm != nil, head.layer != model.embedding.layer,
      layers.contains(head.layer)
    {
      found.append((model.blocks.count, Stretch(name: "head", layers: [head.layer])))
    }
    (places, stretches) = (found.map(\.place), found.map(\.stretch))
  }

  /// There are no coded activations in a transformer.
  public mutating func code(in ranges: ActivationRanges?) {}

  public mutating func advance(
    to stretch: Int, changed: TransformerWeights, isCancelled: @escaping () -> Bool
  ) throws {
    let next = places[stretch]
    let size = texts.reduce(0) { $0 + $1.count } * model.shape.hidden
    try changed.checkRoom(for: 3 * 4 * size, "what stands before a block for \(texts.count) texts")
    if place < 0 {
      plain = try texts.map { try model.embed([$0], weights: original).values }
      inputs = try texts.map { try model.embed([$0], weights: changed).values }
      place = 0
    }
    inputs = try run(inputs, from: place, to: next, changed, isCancelled)
    var first = place
    if next > place, !targets.isEmpty { (plain, first) = (targets, place + 1) }
    targets = []
    plain = try run(plain, from: first, to: next, original, isCancelled)
    if next < model.blocks.count { targets = try run(plain, from: next, to: next + 1, original, isCancelled) }
    place = next
  }

  /// Runs blocks on all texts, some at a time.
  private func run(
    _ states: [[Float]], from first: Int, to end: Int, _ weights: TransformerWeights,
    _ isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> [[Float]] {
    guard first < end else { return states }
    var states = states
    for start in stride(from: 0, to: texts.count, by: batch) {
      let own = Array(start..<min(texts.count, start + batch))
      let done = try model.run(
        activations(states, own, before: first), upTo: end, weights: weights, isCancelled: isCancelled)
      for (text, tokens) in zip(own, done.texts) { states[text] = done.rows(tokens, of: model.shape.hidden) }
    }
    return states
  }

  /// Some texts' states one after another.
  private func activations(_ states: [[Float]], _ samples: [Int], before block: Int) -> Activations {
    Activations(joining: samples.map { states[$0] }, hidden: model.shape.hidden, nextBlock: block)
  }

  public func lossGradients(
    _ samples: [Int], changed: TransformerWeights, ofLayers layers: Set<Int>, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    if place == model.blocks.count { return try headLoss(samples, changed, layers, isCancelled) }
    let (kept, once) = TransformerWayBack.bytes(model, samples.map { texts[$0].count })
    let needed = kept.addingReportingOverflow(once)
    try changed.checkRoom(for: needed.overflow ? .max : needed.partialValue, "gradients of \(samples.count) texts")
    let state = activations(inputs, samples, before: place)
    let target = samples.flatMap { targets[$0] }
    if layers.isEmpty {
      let made = try model.run(state, upTo: place + 1, weights: changed, isCancelled: isCancelled)
      let loss = RelativeError.found(made.values, target, rows: made.tokens).loss
      return LossGradients(loss: loss, units: made.tokens, gradients: [:])
    }
    let tape = try BlockTape(model, changed, block: place, state.values, state.texts, isCancelled: isCancelled)
    let (loss, gradient) = RelativeError.found(tape.output, target, rows: state.tokens)
    var distances = state.texts.map { text in
      [Float](repeating: 0, count: model.relativeBias == nil ? 0 : model.shape.heads * max(0, 2 * text.count - 1))
    }
    let back = try tape.back(gradient, firstRow: 0, distances: &distances)
    var found: [Int: [Float]] = [:]
    for part in back.rows where layers.contains(part.layer) {
      var sum = found[part.layer] ?? .init(repeating: 0, count: part.weightCount)
      try part.addGradient(to: &sum)
      found[part.layer] = sum
    }
    return LossGradients(loss: loss, units: state.tokens, gradients: found)
  }

  private func headLoss(
    _ samples: [Int], _ changed: TransformerWeights, _ layers: Set<Int>, _ isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let own = samples.map { texts[$0] }
    let rows = Transformer.scoredRows(own)
    let teacher = TeacherLogits(model, original, activations(plain, samples, before: place), rows, isCancelled)
    let losses = RowLosses(loss, teacher, own.flatMap { $0.dropFirst() }, length: own.first?.count ?? 1)
    let state = activations(inputs, samples, before: place)
    if layers.isEmpty { return try losses.found(model, state, rows, changed, isCancelled) }
    let way = TransformerWayBack(model: model, weights: changed, texts: own, isCancelled: isCancelled)
    let head = try way.headBack(state, rows) { row, logits, v in losses.add(row, logits, into: v) }
    var sum = [Float](repeating: 0, count: head.rows.weightCount)
    try head.rows.addGradient(to: &sum)
    return try losses.result([head.rows.layer: sum])
  }
}
