import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Inputs that nobody gave; the networks and what is expected are made by Tests/Peers/make_normalised.py.
@Suite struct SelfMadeInputTests {
  private struct Expected: Decodable {
    /// Of a convolution's outputs.
    let mean: [Double]
    let variance: [Double]
    /// Of the images that made them.
    let channelMeans: [Double]
    let channelsLast: Scaling

    struct Scaling: Decodable {
      let mean: [Double]
      let deviation: [Double]
    }
  }

  private static let expected = try! Fixtures.decode(Expected.self, from: "normalised/expected.json")

  private func network(_ name: String) throws -> Network {
    try Network(try Checkpoint.open(fixture("normalised/\(name).onnx")))
  }

  private func floats(_ value: Value?) throws -> [Float] {
    guard case .floats(let numbers)? = value?.elements else { throw InferenceError("test", "numbers expected") }
    return numbers
  }

  /// Mean and variance a channel of (N, C, plane) or, channels last, (N, plane, C).
  private func moments(_ numbers: [Float], channels: Int, plane: Int, isLast: Bool = false) -> [(Double, Double)] {
    var sums = [(Double, Double)](repeating: (0, 0), count: channels)
    for (place, number) in numbers.enumerated() {
      let channel = isLast ? place % channels : place / plane % channels
      sums[channel].0 += Double(number)
      sums[channel].1 += Double(number) * Double(number)
    }
    let count = Double(numbers.count / channels)
    return sums.map { ($0.0 / count, $0.1 / count - $0.0 / count * ($0.0 / count)) }
  }

  @Test func aConvolutionsOutputsHaveTheMomentsThatItsNormalisationKnows() throws {
    let network = try network("convolution")
    let data = try Dataset("self", for: network)
    #expect(data.selfMadeTitle == "self (normalisation statistics)" && data.labels.isEmpty)
    let batch = try data.batch(0..<1024)
    let images = moments(try floats(batch["input"]), channels: 3, plane: 256)
    for (found, mean) in zip(images, Self.expected.channelMeans) { #expect(abs(found.0 - mean) < 0.15, "\(found)") }
    let outputs = try network.run(batch, weights: try network.loadWeights())
    let found = moments(try floats(outputs["convolved"]), channels: 12, plane: 64)
    for (found, expected) in zip(found, zip(Self.expected.mean, Self.expected.variance)) {
      #expect(abs(found.0 - expected.0) < 0.1 * expected.1.squareRoot(), "\(found) \(expected)")
      #expect(abs(found.1 / expected.1 - 1) < 0.15, "\(found) \(expected)")
    }
  }

  /// A dilation of 2⁶²: nothing is known by it.
  @Test func stepsThatNoPictureHasSayNothing() throws {
    let network = try network("wide")
    #expect(try Dataset("self", for: network).selfMadeTitle != "self (normalisation statistics)")
  }

  @Test func aNormalisedInputHasTheMomentsThatItsNormalisationKnows() throws {
    let batch = try Dataset("self", for: try network("input")).batch(0..<1024)
    let found = moments(try floats(batch["input"]), channels: 1, plane: 64)[0]
    #expect(abs(found.0 - 10) < 0.3 && abs(found.1 / 9 - 1) < 0.1, "\(found)")
  }

  @Test func constantsOfTheGraphScaleTheInputAChannel() throws {
    let data = try Dataset("self", for: try network("channels-last"))
    #expect(data.selfMadeTitle == "self (the input's own scaling)")
    let value = try data.batch(0..<1024)["input"]
    #expect(value?.shape == [1024, 8, 8, 3])
    let found = moments(try floats(value), channels: 3, plane: 64, isLast: true)
    let expected = Self.expected.channelsLast
    for (found, (mean, deviation)) in zip(found, zip(expected.mean, expected.deviation)) {
      #expect(abs(found.0 - mean) < 0.1 * deviation)
      #expect(abs(found.1 / (deviation * deviation) - 1) < 0.1)
    }
  }

  @Test func aGraphThatTellsNothingGetsUnitNormalImagesThatAreSmooth() throws {
    let network = try Network(try Checkpoint.open(sample("fashion-resnet.onnx")))
    let data = try Dataset("self", for: network)
    #expect(data.selfMadeTitle == "self (unit normal)")
    let numbers = try floats(try data.batch(0..<512)["input"])
    let found = moments(numbers, channels: 1, plane: 784)[0]
    #expect(abs(found.0) < 0.1 && abs(found.1 - 1) < 0.1, "\(found)")
    var product = 0.0
    for row in 0..<512 * 28 {
      for place in row * 28..<row * 28 + 27 { product += Double(numbers[place]) * Double(numbers[place + 1]) }
    }
    #expect(abs(product / Double(512 * 28 * 27) / found.1 - 0.95) < 0.01)
  }

  @Test func theSameNumberIsTheSameSampleWhateverItsBatch() throws {
    let network = try network("convolution")
    let data = try Dataset("self", for: network)
    let all = try floats(try data.batch(0..<8)["input"])
    let some = try floats(try Dataset("self", for: network).batch(3..<5)["input"])
    #expect(some == Array(all[3 * 768..<5 * 768]) && Array(all[..<768]) != Array(all[768..<1536]))
  }

  @Test func fewSamplesGiveTheirMomentsAndTheirRange() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let path = sample("digits-calibration.npz")
    let data = try Dataset("self:" + path, for: network)
    #expect(data.selfMadeTitle == "self (statistics of digits-calibration.npz)")
    let drawn = try floats(try data.batch(0..<1024)["input"])
    let real = try floats(try Dataset(path, for: network).batch(0..<216)["input"])
    #expect(drawn.allSatisfy { (0...1).contains($0) })
    func means(_ numbers: [Float]) -> [Double] {
      (0..<64).map { pixel in
        stride(from: pixel, to: numbers.count, by: 64).reduce(0.0) { $0 + Double(numbers[$1]) }
          / Double(numbers.count / 64)
      }
    }
    let pairs = zip(means(drawn), means(real))
    let apart = pairs.map { abs($0 - $1) }.reduce(0, +) / 64
    #expect(apart < 0.05, "\(apart)")
    // What is 0 in all stays 0.
    for pixel in 0..<64 where stride(from: pixel, to: real.count, by: 64).allSatisfy({ real[$0] == 0 }) {
      #expect(stride(from: pixel, to: drawn.count, by: 64).allSatisfy { drawn[$0] == 0 })
    }
  }

  @Test func whatCannotBeDrawnIsRefusedInWords() throws {
    func reason(_ path: String, _ network: Network) -> String {
      do { _ = try Dataset(path, for: network) } catch { return "\(error)" }
      return ""
    }
    #expect(reason("self", try network("bytes")).contains("takes whole numbers ('input')"))
    let other = try Network(try Checkpoint.open(fixture("evaluation/time-first.onnx")))
    #expect(reason("self", other).contains("--data self:FILE"))
    #expect(reason("self:/no/such.npz", try network("input")).contains("/no/such.npz"))
    let plain = try network("input")
    let request = MeasurementRequest(data: "self")
    #expect(throws: InferenceError.self) {
      try plain.score(
        try plain.data(request), original: try plain.loadWeights(), changed: nil, request, progress: { _, _ in },
        isCancelled: { false })
    }
  }
}
