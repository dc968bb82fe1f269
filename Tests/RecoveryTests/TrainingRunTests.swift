import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Recovery

/// A training that is interrupted, called off or goes wrong.
@Suite struct TrainingRunTests {
  private let folder = TemporaryFolder()

  private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  private func latent(_ digits: DigitsTraining) throws -> [Int: any TrainedWeight] {
    let scheme = try Scheme(spec: "int2,channel")
    var trained: [Int: any TrainedWeight] = [:]
    for layer in digits.layers.suffix(2) {
      let source = try digits.source(layer)
      trained[layer] = LatentTraining(
        try ChosenWeight(nearestOf: scheme, source), original: source.values, shape: source.shape)
    }
    return trained
  }

  private func options(_ file: String? = nil) -> TrainingOptions {
    var options = TrainingOptions()
    (options.steps, options.batch, options.checks, options.checkpointEvery, options.seed) = (10, 8, 4, 5, 11)
    options.checkpoint = file
    return options
  }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  private func same(_ one: TrainingResult, _ other: TrainingResult) -> Bool {
    one.chosen == other.chosen && one.losses == other.losses && one.best == other.best
      && one.heldOut.map(\.loss) == other.heldOut.map(\.loss) && one.heldOut.map(\.step) == other.heldOut.map(\.step)
  }

  /// Ten steps are five, and five more of what was written after these.
  @Test func aTrainingGoesOnBitForBit() throws {
    let digits = try DigitsTraining()
    let weights = try latent(digits)
    let (whole, cut) = (path("whole"), path("cut"))
    let plain = try digits.run(weights, options())
    let written = try digits.run(weights, options(whole))
    #expect(same(plain, written) && plain.losses.count == 10)
    // Called off within the sixth to eighth step: what was written then goes on as if nothing had been.
    for stop in [5, 7] {
      try? FileManager.default.removeItem(atPath: cut)
      var made = 0
      let error = #expect(throws: InferenceError.self) {
        _ = try Training.run(
          digits.network, digits.data, original: digits.original, changed: digits.original, weights, options(cut),
          digits.request,
          report: { if case .step(let step, _, _) = $0 { made = step } }, isCancelled: { made >= stop })
      }
      #expect(error == .cancelled)
      var notes: [String] = []
      let rest = try digits.run(weights, options(cut)) { if case .note(let note) = $0 { notes.append(note) } }
      #expect(same(rest, plain) && notes == ["goes on from step \(stop) of \(cut)"])
      #expect(try bytes(cut) == bytes(whole))
    }
    // What is done is not done again.
    var steps = 0
    let again = try digits.run(weights, options(whole)) { if case .step = $0 { steps += 1 } }
    #expect(steps == 0 && same(again, plain))
  }

  @Test func anotherTrainingsFileIsRefused() throws {
    let digits = try DigitsTraining()
    let weights = try latent(digits)
    let file = path("state")
    _ = try digits.run(weights, options(file))
    var other = options(file)
    other.seed = 12
    let error = #expect(throws: RecoveryError.self) { _ = try digits.run(weights, other) }
    #expect(
      error?.description.contains("is of another training, 10 steps of 8") == true, "\(String(describing: error))")
    let whole = try bytes(file)
    for count in [0, 5, 20, whole.count / 2, whole.count - 1] {
      try whole.prefix(count).write(to: URL(fileURLWithPath: file))
      #expect(throws: RecoveryError.self, "\(count)") { _ = try digits.run(weights, options(file)) }
    }
    #expect(throws: RecoveryError.self) { _ = try digits.run(weights, options(path("none/state"))) }
  }

  /// Gives numbers that are none after a step, or from the beginning.
  private struct Breaking: TrainedWeight {
    var inner: any TrainedWeight
    let breaksAt: Int?
    var isBroken = false
    var rows: Int { inner.rows }
    var columns: Int { inner.columns }
    var byteCount: Int { inner.byteCount }
    var values: [Float] { isBroken ? .init(repeating: .nan, count: rows * columns) : inner.values }
    var state: [UInt8] { inner.state }
    mutating func restore(_ state: [UInt8]) throws(RecoveryError) { try inner.restore(state) }
    func finished() -> ChosenWeight { inner.finished() }
    mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
      inner.step(gradient, moment)
      isBroken = moment.step == breaksAt
    }
  }

  @Test func aStepThatMakesNaNIsUndoneAndSaid() throws {
    let digits = try DigitsTraining()
    var weights = try latent(digits)
    let last = try #require(weights.keys.max())
    weights[last] = Breaking(inner: try #require(weights[last]), breaksAt: 3)
    var notes: [String] = []
    let result = try digits.run(weights, options()) { if case .note(let note) = $0 { notes.append(note) } }
    #expect(notes == ["step 5: the loss is NaN: the step before it is undone, and the rate halved"])
    #expect(result.losses.count == 10 && result.losses.indices.filter { result.losses[$0].isNaN } == [4])
    #expect(result.best.isFinite && result.best <= result.heldOut[0].loss)
  }

  @Test func lossesThatStayNaNEndTheTrainingAndKeepTheBest() throws {
    let digits = try DigitsTraining()
    var weights = try latent(digits)
    let last = try #require(weights.keys.max())
    let inner = try #require(weights[last])
    weights[last] = Breaking(inner: inner, breaksAt: nil, isBroken: true)
    let failure = #expect(throws: TrainingFailure.self) { _ = try digits.run(weights, options()) }
    #expect(
      failure?.description.hasPrefix("the loss is NaN in 3 steps one after another, the last of them step 3") == true)
    #expect(failure?.result.chosen[last] == inner.finished() && failure?.result.losses.count == 3)
  }

  /// Windows of a language model's text, lines of an encoder's: scales learn there as well.
  @Test(arguments: ["llama", "bert"]) func transformersLearnToo(_ name: String) throws {
    let model = try Transformer(try Checkpoint.open(fixture("transformers/\(name)")))
    let isCausal = name == "llama"
    var random = SeededGenerator(6)
    let header =
      "{'descr': '<i8', 'fortran_order': False, 'shape': \(isCausal ? "(320,)" : "(16, 20)"), }\n"
    var bytes = ByteWriter([0x93] + Array("NUMPY".utf8) + [1, 0])
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for _ in 0..<320 { bytes.integer(Int64.random(in: 4..<Int64(model.vocabularySize), using: &random)) }
    let request = MeasurementRequest(
      data: folder.write("tokens.npy", bytes.bytes), context: isCausal ? 20 : nil)
    let data = try model.data(request)
    let original = try model.loadWeights(for: data, beside: 0, memory: nil)
    let scheme = try Scheme(spec: "int2,channel")
    var trained: [Int: any TrainedWeight] = [:]
    for (index, layer) in model.checkpoint.layers.enumerated() where layer.matrix != nil && trained.count < 6 {
      let matrix = try #require(layer.matrix)
      let source = ArrayWeights(
        rows: matrix.rows, columns: matrix.columns, values: try model.checkpoint.matrix(layer: index))
      trained[index] = ScaleTraining(try ChosenWeight(nearestOf: scheme, source))
    }
    var options = TrainingOptions()
    (options.steps, options.batch, options.checks) = (20, 4, 4)
    let result = try Training.run(
      model, data, original: original, changed: original, trained, options, request)
    #expect(result.best < 0.95 * result.heldOut[0].loss, "\(result.heldOut)")
    #expect(Set(result.chosen.keys) == Set(trained.keys))
  }

  /// A tenth is held out; the others all come before any comes again.
  @Test(arguments: [(1, 4), (2, 32), (25, 4), (216, 32)]) func batchesGoThroughAllSamples(_ count: Int, _ batch: Int) {
    let samples = TrainingSamples(count: count, batch: batch, seed: 5)
    #expect(samples.heldOut.count == max(1, count / 10))
    #expect(count == 1 || Set(samples.heldOut).isDisjoint(with: samples.learnt))
    #expect(Set(samples.heldOut + samples.learnt) == Set(0..<count))
    let size = samples.learnt.count
    var all: [Int] = []
    for step in 0..<3 * size { all += samples.batch(step) }
    for turn in 0..<3 { #expect(Set(all[turn * size..<(turn + 1) * size]).count == size) }
    #expect(samples.batch(7) == TrainingSamples(count: count, batch: batch, seed: 5).batch(7))
    #expect(size < 8 || samples.batch(0) != TrainingSamples(count: count, batch: batch, seed: 6).batch(0))
  }
}
