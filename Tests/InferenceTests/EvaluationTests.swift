import Checkpoints
import Foundation
import Inference
import Numerics
import Support
import Testing

struct EvaluationTests {
  /// onnxruntime's figures of the digits network; made by Tests/Peers/make_digits_outputs.py.
  struct Expected: Decodable {
    struct Run: Decodable {
      let correct: Int
      let images: Int
      let meanCrossEntropy: Double
      let logits: [[Float]]
    }
    let original: Run
    let quantised: Run
    let quantisedWeights: [String]
  }

  let network: Network
  let weights: Weights
  let data: Dataset
  let expected: Expected
  let folder = TemporaryFolder()

  init() throws {
    network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    weights = try network.loadWeights()
    data = try Dataset(sample("digits-test.npz"), for: network)
    let json = try Data(contentsOf: URL(fileURLWithPath: fixture("digits-cnn-onnxruntime.json")))
    expected = try JSONDecoder().decode(Expected.self, from: json)
  }

  /// Logits run up to about 15; Float sums of 288 products in another order differ in the sixth digit.
  private let logitTolerance: Float = 1e-4

  private func logits(_ weights: Weights) throws -> [Float] {
    let values = try network.run(try data.batch(0..<64), weights: weights)
    return try #require(values[network.outputs[0].name]?.floats)
  }

  private func worst(_ found: [Float], _ expected: [[Float]]) -> Float {
    zip(found, expected.joined()).map { abs($0 - $1) }.max() ?? .infinity
  }

  @Test func logitsAreOnnxruntimes() throws {
    #expect(worst(try logits(weights), expected.original.logits) < logitTolerance)
  }

  @Test func theScoreIsOnnxruntimesAtEveryBatchSize() throws {
    for size in [1, 7, 64, 1000] {
      let found = try network.evaluate(data, weights: weights, batchSize: size)
      #expect(found.samples == expected.original.images && found.correct == expected.original.correct)
      #expect(abs(found.meanCrossEntropy - expected.original.meanCrossEntropy) < 1e-5)
      let p = Double(expected.original.correct) / Double(expected.original.images)
      #expect(found.accuracy == p && abs(found.standardError - (p * (1 - p) / 360).squareRoot()) < 1e-15)
      #expect(found.agreement(with: found) == 1 && found.standardErrorOfDifference(to: found) == 0)
    }
  }

  /// int4, group 32, symmetric: scale max|w| / 7 rounded to half precision, codes −7…7.
  private func quantised(_ row: [Float]) -> [Float] {
    stride(from: 0, to: row.count, by: 32).flatMap { start in
      let group = row[start..<start + 32]
      let scale = Float(Float16(group.map { abs($0) }.max()! / 7))
      return group.map { scale == 0 ? 0 : min(7, max(-7, ($0 / scale).rounded(.toNearestOrEven))) * scale }
    }
  }

  @Test func replacedWeightsAreRunWithoutTouchingTheOriginal() throws {
    var changed = weights
    let checkpoint = network.checkpoint
    for (index, layer) in checkpoint.layers.enumerated() {
      guard expected.quantisedWeights.contains(checkpoint.tensors[layer.weight].name) else { continue }
      changed = try changed.replacing(layer: index, withMatrix: quantised(try checkpoint.matrix(layer: index)))
    }
    #expect(worst(try logits(changed), expected.quantised.logits) < logitTolerance)
    let (before, after) = (
      try network.evaluate(data, weights: weights), try network.evaluate(data, weights: changed)
    )
    #expect(before.correct == expected.original.correct && after.correct == expected.quantised.correct)
    #expect(after.agreement(with: before) > 0.95)
  }

  @Test func progressIsToldAndCancellationHeard() throws {
    var steps: [Int] = []
    _ = try network.evaluate(
      data, weights: weights, batchSize: 100, progress: { done, _ in steps.append(done) })
    #expect(steps == [100, 200, 300, 360])
    var asked = 0
    #expect(throws: InferenceError.cancelled) {
      try network.evaluate(
        data, weights: weights,
        isCancelled: {
          asked += 1
          return asked > 20
        })
    }
    // A few loops within a step ask once more as they end.
    #expect((21...60).contains(asked))
  }

  @Test func everyStepIsObservedWithItsInputs() throws {
    var seen: [String: [Int]] = [:]
    _ = try network.run(
      try data.batch(0..<2), weights: weights,
      observe: { step, inputs in seen[step.node.name] = inputs.first??.shape })
    #expect(
      seen["/conv1/Conv"] == [2, 1, 8, 8] && seen["/fc1/Gemm"] == [2, 256]
        && seen.count == network.steps.count)
  }

  // MARK: Data sets that do not fit

  /// An npz of stored arrays is laborious by hand; safetensors holds named arrays too.
  private func dataset(_ tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])]) throws
    -> Dataset
  {
    var header: [String] = []
    var bytes: [UInt8] = []
    for tensor in tensors {
      let range = "[\(bytes.count),\(bytes.count + tensor.bytes.count)]"
      header.append(
        #""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":\#(tensor.shape),"data_offsets":\#(range)}"#)
      bytes += tensor.bytes
    }
    let text = "{" + header.joined(separator: ",") + "}"
    var writer = ByteWriter()
    writer.integer(UInt64(text.utf8.count))
    writer.text(text)
    return try Dataset(folder.write("data.safetensors", writer.bytes + bytes), for: network)
  }

  private func images(_ count: Int, side: Int = 8) -> (
    name: String, type: String, shape: [Int], bytes: [UInt8]
  ) {
    ("input", "F32", [count, 1, side, side], .init(repeating: 0, count: 4 * count * side * side))
  }

  private func labels(_ labels: [Int8]) -> (name: String, type: String, shape: [Int], bytes: [UInt8]) {
    ("labels", "I8", [labels.count], labels.map { UInt8(bitPattern: $0) })
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func dataThatDoesNotFitIsRefused() {
    #expect(refusal { _ = try dataset([labels([1])]) }.contains("no array 'input'"))
    #expect(
      refusal { _ = try dataset([images(2, side: 9), labels([1, 2])]) }.contains(
        "the network takes [any, 1, 8, 8]"))
    #expect(
      refusal { _ = try dataset([images(2), labels([1])]) }.contains("labels of shape [1] for 2 samples"))
    #expect(refusal { _ = try dataset([images(2), labels([1, -3])]) }.contains("sample 1 has the label -3"))
    #expect(refusal { _ = try dataset([images(0), labels([])]) }.contains("holds no samples"))
    let floatLabels = (name: "labels", type: "F16", shape: [1], bytes: [0, 0] as [UInt8])
    #expect(
      refusal { _ = try network.evaluate(try dataset([images(1), floatLabels]), weights: weights) }.contains(
        "has 1 targets a sample, but the network's output has 10 numbers"))
  }

  @Test func aLabelThatIsNoClassIsNamedWithItsSample() {
    let message = refusal {
      _ = try network.evaluate(
        try dataset([images(40), labels(.init(repeating: 3, count: 39) + [10])]), weights: weights)
    }
    #expect(message.contains("sample 39 has the label 10, but the network has 10 classes"))
  }

  @Test func dataWithoutLabelsHavePredictionsAlone() throws {
    let data = try dataset([images(3)])
    #expect(data.labels.isEmpty && data.count == 3)
    let found = try network.evaluate(data, weights: weights)
    #expect(found.predictions.count == 3 && found.losses.isEmpty && found.classification == nil)
  }

  @Test func anOutputThatIsNoNumberIsNamedWithItsSample() throws {
    var bad = images(5)
    bad.bytes[4 * 64 * 3 + 2] = 0xC0
    bad.bytes[4 * 64 * 3 + 3] = 0x7F
    let message = refusal { _ = try network.evaluate(try dataset([bad]), weights: weights) }
    #expect(message.contains("sample 3 makes NaN"), "\(message)")
  }

  @Test func aCheckpointWithoutAGraphIsRefused() {
    #expect(
      refusal { _ = try Network(try Checkpoint.open(sample("digits-cnn.safetensors"))) }.contains(
        "no graph to run"))
  }
}
