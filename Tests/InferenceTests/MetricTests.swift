import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Metrics beside scikit-learn's and numpy's (Tests/Peers/make_metrics.py).
@Suite struct MetricTests {
  private struct Answers: Decodable {
    struct Classes: Decodable {
      let labels, predictions, support: [Int]
      let confusion: [[Int]]
      let precision, recall, f1, macro: [Double]
    }
    struct Pairs: Decodable {
      let other, own: [[Float]]
      let divergence, cosine, squaredError: [Double]
    }
    let classification: Classes
    let comparison: Pairs
    let images: [String: [Float]]
  }

  private let answers: Answers

  init() throws { answers = try Fixtures.decode(Answers.self, from: "metrics.json") }

  private func close(_ one: Double, _ other: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(one - other) <= tolerance * max(1, abs(other))
  }

  @Test func precisionRecallAndF1AreScikitLearns() {
    let expected = answers.classification
    let found = Classification(labels: expected.labels, predictions: expected.predictions, classes: 6)
    #expect(found.confusion == expected.confusion)
    for (index, one) in found.classes.enumerated() {
      #expect(one.support == expected.support[index])
      #expect(close(one.precision, expected.precision[index]) && close(one.recall, expected.recall[index]))
      #expect(close(one.f1, expected.f1[index]))
    }
    let macro = found.macro
    #expect(close(macro.precision, expected.macro[0]) && close(macro.recall, expected.macro[1]))
    #expect(close(macro.f1, expected.macro[2]))
  }

  @Test func divergenceAndCosineAreNumpys() {
    let expected = answers.comparison
    var found = OutputComparison()
    for (own, other) in zip(expected.own, expected.other) { found.add(own[...], other[...], .logits) }
    for index in expected.own.indices {
      #expect(close(found.divergences[index], expected.divergence[index], 1e-9))
      #expect(close(found.cosines[index], expected.cosine[index], 1e-9))
      #expect(close(found.squaredErrors[index], expected.squaredError[index], 1e-9))
    }
    #expect(found.isSame.count == expected.own.count)
  }

  @Test func anOutputIsItselfWithoutDivergence() {
    var found = OutputComparison()
    for kind in [OutputKind.logits, .probabilities, .numbers] { found.add([0.1, 0.2, 0.7], [0.1, 0.2, 0.7], kind) }
    found.add([0, 0], [0, 0], .numbers)
    #expect(found.divergences == [0, 0] && found.isSame == [true, true])
    #expect(found.cosines.allSatisfy { abs($0 - 1) < 1e-12 } && found.squaredErrors.allSatisfy { $0 == 0 })
  }

  /// √(p (1 − p) / n) is known for a share: drawing again comes near it, and the same every time.
  @Test func drawingAgainFindsTheStandardErrorOfAShare() throws {
    let hits = (0..<400).map { $0 % 4 != 0 }
    func error() throws -> Double {
      try Bootstrap.standardErrors(samples: 400, count: 1) { drawn in [Double(drawn.count { hits[$0] }) / 400] }[0]
    }
    let exact = (0.75 * 0.25 / 400).squareRoot()
    #expect(try abs(error() / exact - 1) < 0.15 && error() == error())
  }

  // MARK: - Images

  @Test func picturesAreReducedAsPillowDoes() throws {
    let pixels = try ImageFiles.decode(fixture("images/circle/one.png"))
    #expect(pixels.width == 74 && pixels.height == 46)
    let whole = pixels.resized(width: 20, height: 12, from: Pixels.Part(x: 0, y: 0, width: 74, height: 46))
    let side = 46 * 0.8
    let middle = pixels.resized(
      width: 16, height: 16, from: Pixels.Part(x: 37 - side / 2, y: 23 - side / 2, width: side, height: side))
    for (found, name) in [(whole, "whole"), (middle, "middle")] {
      let expected = try #require(answers.images[name])
      #expect(found.count == expected.count)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 0.01 }, "\(name)")
    }
  }

  @Test func aJPEGIsThePictureUpToItsLoss() throws {
    let png = try ImageFiles.decode(fixture("images/circle/one.png"))
    let jpeg = try ImageFiles.decode(fixture("images/square/two.jpg"))
    #expect(jpeg.width == png.width && jpeg.height == png.height)
    let error = zip(png.bytes, jpeg.bytes).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) }
    #expect(error / Double(png.bytes.count) < 6)
  }

  @Test func foldersAndListsNameTheClasses() throws {
    let files = try #require(try ImageFiles(fixture("images")))
    #expect(files.classes == ["circle", "square"] && files.labels == [0, 1])
    let folder = TemporaryFolder()
    let list = folder.write(
      "list.csv",
      "path,label\n\(fixture("images/circle/one.png")),cat\n\"\(fixture("images/square/two.jpg"))\", ant\n")
    let named = try #require(try ImageFiles(list))
    #expect(named.classes == ["ant", "cat"] && named.labels == [1, 0])
    #expect(try ImageFiles(fixture("images/circle"))?.labels == [])
    #expect(try ImageFiles(sample("digits-test.npz")) == nil)
  }

  @Test func damagedPicturesAreNamed() throws {
    let folder = TemporaryFolder()
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("images/circle/one.png"))))
    let jpeg = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("images/square/two.jpg"))))
    for (name, bytes) in [
      ("cut.png", Array(whole.prefix(whole.count / 2))), ("cut.jpg", Array(jpeg.prefix(jpeg.count / 2))),
      ("text.png", Array("no picture".utf8)), ("empty.jpg", []), ("head.jpg", Array(jpeg.prefix(3))),
    ] {
      let path = folder.write(name, bytes)
      #expect { _ = try ImageFiles.decode(path) } throws: { "\($0)".contains(name) && "\($0)".contains("decode") }
    }
  }

  @Test(arguments: [
    "size=0", "size=axb", "mean=x", "deviation=0", "scale=-1", "order=grb", "colour=1", "crop=2", "size",
  ])
  func optionsThatAreNoneSayWhatIsExpected(spec: String) {
    #expect { _ = try ImageOptions(spec: spec) } throws: { "\($0)".contains("expected") }
  }

  // MARK: - Activations

  /// Eight bits cost next to nothing, two bits a lot; the ranges come from other samples.
  @Test func codedActivationsCostMoreWithFewerBits() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let weights = try network.loadWeights()
    let data = try Dataset(sample("digits-test.npz"), for: network)
    var errors: [Double] = []
    for bits in [8, 4, 2] {
      let ranges = try network.activationRanges(data, weights: weights, bits: bits, samples: 64)
      #expect(ranges.ranges.count == 5)
      let found = try network.compare(
        data, [.init(weights: weights), .init(weights: weights, activations: ranges)])
      errors.append(found.comparisons[0].squaredErrors.reduce(0, +) / 360)
    }
    #expect(errors[0] > 0 && errors[0] < 0.01 && errors[1] > 10 * errors[0] && errors[2] > 5 * errors[1], "\(errors)")
  }

  @Test func aValueIsCodedAsQuantizeLinearDoes() {
    var ranges = ActivationRanges(bits: 8)
    ranges.ranges[0] = -1...3
    let coded = ranges.coded(Value([5], [-2, -1, 0, 0.5, 9]), step: 0).floats ?? []
    let scale: Float = 4 / 255
    let zero = (1 / scale).rounded(.toNearestOrEven)
    let expected = [-2, -1, 0, 0.5, 9].map { (x: Float) in
      (min(255, max(0, (x / scale).rounded(.toNearestOrEven) + zero)) - zero) * scale
    }
    #expect(coded == expected && coded[2] == 0)
    #expect(ranges.coded(Value([1], [7]), step: 1).floats == [7])
  }
}
