import Checkpoints
import Compression
import Foundation
import Inference
import Numerics
import Support
import Testing

@testable import Recovery

/// The digits network with few bits, trained on its calibration data.
struct DigitsTraining {
  let network: Network
  let data: Dataset
  let request = MeasurementRequest(data: sample("digits-calibration.npz"))
  let original: Weights
  /// Layers with a matrix.
  let layers: [Int]

  init() throws {
    network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    data = try network.data(request)
    original = try network.loadWeights()
    let all = network.checkpoint.layers
    layers = all.indices.filter { all[$0].matrix != nil }
  }

  func source(_ layer: Int) throws -> ArrayWeights {
    let matrix = try #require(network.checkpoint.layers[layer].matrix)
    return ArrayWeights(
      rows: matrix.rows, columns: matrix.columns, values: try network.checkpoint.matrix(layer: layer),
      shape: network.checkpoint.tensors[network.checkpoint.layers[layer].weight].shape)
  }

  /// Every layer under a scheme, its codes by error feedback or the nearest.
  func chosen(_ spec: String) throws -> [Int: ChosenWeight] {
    let scheme = try Scheme(spec: spec)
    var chosen: [Int: ChosenWeight] = [:]
    if scheme.by == .nearest {
      for layer in layers { chosen[layer] = try ChosenWeight(nearestOf: scheme, try source(layer)) }
      return chosen
    }
    _ = try network.chooseWeights(
      data, samples: nil, original: original, changed: original, layers: Set(layers), comparesWithOriginal: true,
      request, progress: { _, _ in }, isCancelled: { false }
    ) { products in
      let result = try LayerChoice(scheme, of: try source(products.layer)).result(products)
      chosen[products.layer] = result.weight
      return LayerChange(matrix: result.values)
    }
    return chosen
  }

  func run(
    _ weights: [Int: any TrainedWeight], _ options: TrainingOptions, _ report: (TrainingEvent) -> Void = { _ in }
  )
    throws -> TrainingResult
  {
    try Training.run(
      network, data, original: original, changed: original, weights, options, request, report: report)
  }

  /// The KL divergence on the test images, and how many are right.
  func score(_ chosen: [Int: ChosenWeight]) throws -> (divergence: Double, accuracy: Double) {
    let request = MeasurementRequest(data: sample("digits-test.npz"))
    var weights = original
    for (layer, weight) in chosen { weights = try weights.replacing(layer: layer, withMatrix: weight.values) }
    let score = try network.score(
      try network.data(request), original: original, changed: weights, request, progress: { _, _ in },
      isCancelled: { false })
    func value(_ name: String) -> Double { score.metrics.first { $0.name == name }?.value ?? .nan }
    return (value("KL divergence"), value("top-1"))
  }
}

@Suite struct TrainingTests {
  private let folder = TemporaryFolder()

  private enum Kind: String, CaseIterable { case scales, rounding, latent }

  private func trained(_ kind: Kind, _ digits: DigitsTraining, _ chosen: [Int: ChosenWeight]) throws
    -> [Int: any TrainedWeight]
  {
    var trained: [Int: any TrainedWeight] = [:]
    for (layer, weight) in chosen {
      let source = try digits.source(layer)
      switch kind {
      case .scales: trained[layer] = ScaleTraining(weight)
      case .rounding: trained[layer] = RoundingTraining(weight, original: source.values)
      case .latent: trained[layer] = LatentTraining(weight, original: source.values, shape: source.shape)
      }
    }
    return trained
  }

  /// Both on what is held out and on the test images, which nothing was chosen by, the divergence falls by a clear factor.
  @Test(arguments: [
    ("scales", "int3,channel", 0.5), ("scales", "int2,channel,by=scales", 0.5), ("rounding", "int3,channel", 0.5),
    ("latent", "int2,channel", 0.5), ("latent", "ternary", 0.2), ("latent", "int2,channel,by=scales", 0.4),
  ]) func trainingCutsTheDivergence(_ name: String, _ spec: String, _ factor: Double) throws {
    let digits = try DigitsTraining()
    let chosen = try digits.chosen(spec)
    var options = TrainingOptions()
    (options.steps, options.batch) = (100, 16)
    let result = try digits.run(try trained(try #require(Kind(rawValue: name)), digits, chosen), options)
    let (before, after) = (try digits.score(chosen), try digits.score(result.chosen))
    #expect(result.best <= factor * result.heldOut[0].loss && result.losses.count == 100)
    #expect(after.divergence <= 1.5 * factor * before.divergence, "\(before) -> \(after)")
    for (layer, weight) in result.chosen {
      let matrix = try #require(digits.network.checkpoint.layers[layer].matrix)
      #expect(weight.fits(rows: matrix.rows, columns: matrix.columns) && weight.scheme == chosen[layer]?.scheme)
    }
  }
}
