import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Recovery

/// Learning block by block.
@Suite struct StretchTrainingTests {
  private let folder = TemporaryFolder()

  private func options(steps: Int, _ file: String? = nil) -> TrainingOptions {
    var options = TrainingOptions()
    (options.steps, options.batch, options.checks, options.checkpointEvery) = (steps, 16, 4, 5)
    options.checkpoint = file
    return options
  }

  private func weight(_ digits: DigitsTraining, _ chosen: [Int: ChosenWeight], _ layer: Int, _ name: String) throws
    -> (any TrainedWeight)?
  {
    guard let weight = chosen[layer] else { return nil }
    let source = try digits.source(layer)
    switch name {
    case "scales": return ScaleTraining(weight)
    case "rounding": return RoundingTraining(weight, original: source.values)
    default: return LatentTraining(weight, original: source.values, shape: source.shape)
    }
  }

  private func run(
    _ digits: DigitsTraining, _ chosen: [Int: ChosenWeight], _ name: String, _ options: TrainingOptions,
    report: (TrainingEvent) -> Void = { _ in }, isCancelled: @escaping () -> Bool = { false }
  ) throws -> StretchTraining {
    var changed = digits.original
    for (layer, weight) in chosen { changed = try changed.replacing(layer: layer, withMatrix: weight.values) }
    return try Training.runByStretches(
      digits.network, digits.data, original: digits.original, changed: changed, layers: Set(digits.layers), options,
      digits.request, begin: { try weight(digits, chosen, $0, name) }, report: report, isCancelled: isCancelled)
  }

  /// On the test images, which nothing was chosen by, the divergence falls by a clear factor, though no loss but the last
  /// stretch's looked at the outputs.
  @Test(arguments: [
    ("rounding", "int3,channel", 0.5), ("scales", "int2,channel,by=scales", 0.6), ("latent", "int3,channel", 0.6),
  ]) func blocksLearnToMakeWhatTheOriginalMakes(_ name: String, _ spec: String, _ factor: Double) throws {
    let digits = try DigitsTraining()
    let chosen = try digits.chosen(spec)
    var steps = 0
    let result = try run(digits, chosen, name, options(steps: 60)) {
      if case .step(let step, of: 300, _) = $0 { steps = step }
    }
    #expect(steps == 300 && result.losses.count == 300 && Set(result.chosen.keys) == Set(digits.layers))
    #expect(result.stretches.count == 5 && result.stretches.allSatisfy { $0.best <= $0.first })
    let (before, after) = (try digits.score(chosen), try digits.score(result.chosen))
    #expect(after.divergence <= factor * before.divergence, "\(name) \(spec): \(before) -> \(after)")
  }

  /// Counts how many of it there are.
  private final class Living: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [ObjectIdentifier: Int] = [:]
    private(set) var most = 0

    func add(_ object: AnyObject, _ size: Int) {
      lock.withLock {
        all[ObjectIdentifier(object)] = size
        most = max(most, all.values.reduce(0, +))
      }
    }
    func remove(_ object: AnyObject) { _ = lock.withLock { all.removeValue(forKey: ObjectIdentifier(object)) } }
  }

  /// A weight that is known to be there as long as any copy of it is.
  private struct Counted: TrainedWeight {
    private final class Token: Sendable {
      let living: Living
      init(_ living: Living, _ size: Int) {
        self.living = living
        living.add(self, size)
      }
      deinit { living.remove(self) }
    }

    var inner: any TrainedWeight
    private let token: Token
    init(_ inner: any TrainedWeight, _ living: Living) {
      self.inner = inner
      token = Token(living, inner.rows * inner.columns)
    }
    var rows: Int { inner.rows }
    var columns: Int { inner.columns }
    var values: [Float] { inner.values }
    var byteCount: Int { inner.byteCount }
    var state: [UInt8] { inner.state }
    mutating func restore(_ state: [UInt8]) throws(RecoveryError) { try inner.restore(state) }
    mutating func step(_ gradient: [Float], _ moment: TrainingMoment) { inner.step(gradient, moment) }
    func finished() -> ChosenWeight { inner.finished() }
  }

  @Test func oneBlocksWeightsAreAliveAtATime() throws {
    let digits = try DigitsTraining()
    let chosen = try digits.chosen("int3,channel")
    let living = Living()
    let result = try Training.runByStretches(
      digits.network, digits.data, original: digits.original, changed: digits.original, layers: Set(digits.layers),
      options(steps: 3), digits.request,
      begin: { layer in try weight(digits, chosen, layer, "scales").map { Counted($0, living) } })
    let sizes = result.stretches.map { part in
      part.stretch.layers.reduce(0) { $0 + (chosen[$1]?.rows ?? 0) * (chosen[$1]?.columns ?? 0) }
    }
    #expect(living.most == sizes.max() && living.most < sizes.reduce(0, +))
    let bytes = try result.stretches.map { part in
      try Training.bytes(
        of: Dictionary(
          uniqueKeysWithValues: part.stretch.layers.map { ($0, try #require(try weight(digits, chosen, $0, "scales"))) }
        ))
    }
    #expect(result.peakBytes == bytes.max())
  }

  /// Called off in the third block, what is done is not done again, and the result is the same bit for bit.
  @Test func whatIsCalledOffGoesOn() throws {
    let digits = try DigitsTraining()
    let chosen = try digits.chosen("int3,channel")
    let plain = try run(digits, chosen, "rounding", options(steps: 8))
    let file = "\(folder.path)/state"
    var made = 0
    #expect(throws: InferenceError.cancelled) {
      _ = try run(
        digits, chosen, "rounding", options(steps: 8, file),
        report: { if case .step(let step, _, _) = $0 { made = step } }, isCancelled: { made >= 21 })
    }
    var (steps, notes): ([Int], [String]) = ([], [])
    let rest = try run(digits, chosen, "rounding", options(steps: 8, file)) { event in
      switch event {
      case .step(let step, _, _): steps.append(step)
      case .note(let note): notes.append(note)
      case .heldOut: break
      }
    }
    #expect(steps == Array(22...40), "\(steps)")
    #expect(notes.count == 3 && notes[2].contains("goes on from step 5 of \(file).2"), "\(notes)")
    #expect(rest.chosen == plain.chosen && rest.losses == plain.losses)
    #expect(rest.stretches.map(\.best) == plain.stretches.map(\.best))
  }

  @Test func aTransformersBlocksLearn() throws {
    let model = try Transformer(try Checkpoint.open(fixture("transformers/llama")))
    var random = SeededGenerator(6)
    var bytes = ByteWriter([0x93] + Array("NUMPY".utf8) + [1, 0])
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (320,), }\n"
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for _ in 0..<320 { bytes.integer(Int64.random(in: 4..<Int64(model.vocabularySize), using: &random)) }
    let request = MeasurementRequest(data: folder.write("tokens.npy", bytes.bytes), context: 20)
    let data = try model.data(request)
    let original = try model.loadWeights(for: data, beside: 0, memory: nil)
    let scheme = try Scheme(spec: "int2,channel")
    let layers = model.checkpoint.layers.indices.filter { model.checkpoint.layers[$0].matrix != nil }
    func chosen(_ layer: Int) throws -> ChosenWeight {
      let matrix = try #require(model.checkpoint.layers[layer].matrix)
      return try ChosenWeight(
        nearestOf: scheme,
        ArrayWeights(rows: matrix.rows, columns: matrix.columns, values: try model.checkpoint.matrix(layer: layer)))
    }
    var changed = original
    for layer in layers { changed = changed.replacing(layer: layer, withMatrix: try chosen(layer).values) }
    var options = options(steps: 15)
    options.batch = 4
    let result = try Training.runByStretches(
      model, data, original: original, changed: changed, layers: Set(layers), options, request,
      begin: { ScaleTraining(try chosen($0)) })
    #expect(result.stretches.count > 2 && result.stretches.allSatisfy { $0.best < 0.98 * $0.first })
    // The table of the tokens is looked up, and learns nothing.
    #expect(result.chosen.count == layers.count - 1)
    func loss(_ weights: TransformerWeights) throws -> Double {
      try model.lossGradients(
        data, samples: Array(0..<16), original: original, changed: weights, DistillationLoss(), ofLayers: [], request,
        isCancelled: { false }
      ).loss
    }
    var learnt = changed
    for (layer, weight) in result.chosen { learnt = learnt.replacing(layer: layer, withMatrix: weight.values) }
    #expect(try loss(learnt) < 0.95 * loss(changed))
  }

  /// Trained with coded activations, the network loses less with them, on what is held out, than trained without.
  @Test func activationsOfFewBitsAreLearntWith() throws {
    let digits = try DigitsTraining()
    let chosen = try digits.chosen("int4,channel,by=scales")
    var request = digits.request
    request.activations = ActivationOptions(bits: 4, calibration: sample("digits-calibration.npz"))
    let coded = request
    let heldOut = TrainingSamples(count: digits.data.count, batch: 16, seed: 0).heldOut
    func loss(_ chosen: [Int: ChosenWeight]) throws -> Double {
      var weights = digits.original
      for (layer, weight) in chosen { weights = try weights.replacing(layer: layer, withMatrix: weight.values) }
      let ranges = try digits.network.askedRanges(coded, weights: weights, isCancelled: { false })
      return try digits.network.lossGradients(
        digits.data, samples: heldOut, original: digits.original, changed: weights, DistillationLoss(), ofLayers: [],
        activations: ranges, teacher: nil, coded, isCancelled: { false }
      ).loss
    }
    func trained(_ request: MeasurementRequest) throws -> TrainingResult {
      var weights: [Int: any TrainedWeight] = [:]
      for layer in digits.layers { weights[layer] = try weight(digits, chosen, layer, "latent") }
      return try Training.run(
        digits.network, digits.data, original: digits.original, changed: digits.original, weights, options(steps: 60),
        request)
    }
    let (before, plain, found) = (try loss(chosen), try loss(try trained(digits.request).chosen), try trained(coded))
    let own = try loss(found.chosen)
    #expect(own < 0.7 * before && own < plain, "\(before), \(plain) without, \(own) with them")
    // The ranges of a check are those that an evaluation finds.
    #expect(abs(found.best - own) <= 1e-3 * own && abs(found.heldOut[0].loss - before) <= 1e-3 * before)
    let blocks = try Training.runByStretches(
      digits.network, digits.data, original: digits.original, changed: digits.original, layers: Set(digits.layers),
      options(steps: 30), coded, begin: { try weight(digits, chosen, $0, "latent") })
    #expect(blocks.stretches.count == 5 && blocks.stretches.allSatisfy { $0.best <= $0.first })
    #expect(blocks.stretches.contains { $0.best < 0.9 * $0.first }, "\(blocks.stretches)")
  }
}
