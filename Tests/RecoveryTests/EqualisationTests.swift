import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Recovery

/// Factors that move between layers, and what biases make good.
@Suite struct EqualisationTests {
  /// A network's weights with channels of very different sizes, and what is equal in them.
  private struct Uneven {
    let network: Network
    let weights: Weights
    var matrices: [Int: [Float]] = [:]
    var columns: [Int: Int] = [:]
    var biases: [Int: [Float]] = [:]

    init(_ path: String) throws {
      network = try Network(try Checkpoint.open(path))
      var random = SeededGenerator(31)
      var weights = try network.loadWeights()
      let checkpoint = network.checkpoint
      for layer in Set(network.neighbours.flatMap { [$0.first, $0.second] }).sorted() {
        let shape = try #require(checkpoint.layers[layer].matrix)
        var matrix = try checkpoint.matrix(layer: layer)
        for row in 0..<shape.rows {
          let factor = Float(exp(Double.random(in: -3...3, using: &random)))
          for index in row * shape.columns..<(row + 1) * shape.columns { matrix[index] *= factor }
        }
        weights = try weights.replacing(layer: layer, withMatrix: matrix)
        (matrices[layer], columns[layer]) = (matrix, shape.columns)
      }
      for bias in network.neighbours.compactMap(\.bias) { biases[bias] = try checkpoint.floats(tensor: bias) }
      self.weights = weights
    }

    func replaced(by moved: Equalisation) throws -> Weights {
      var changed = weights
      for (layer, matrix) in moved.matrices { changed = try changed.replacing(layer: layer, withMatrix: matrix) }
      for (bias, numbers) in moved.biases { changed = changed.replacing(tensor: bias, with: numbers) }
      return changed
    }
  }

  /// Through ReLU, PReLU, max pooling and flattening, into groups and depthwise convolutions; not through Sigmoid, sums or
  /// what is read twice.
  @Test(arguments: [
    (sample("digits-cnn.onnx"), sample("digits-test.npz"), 4),
    (sample("fashion-resnet.onnx"), sample("fashion-test.npz"), 3),
    (fixture("gradients/convolutions.onnx"), fixture("gradients/convolutions.npz"), 2),
  ])
  func theNetworkComputesTheSame(_ model: String, _ data: String, _ count: Int) throws {
    let uneven = try Uneven(model)
    let network = uneven.network
    let pairs = network.neighbours
    #expect(pairs.count == count)
    let moved = Equalisation(pairs, matrices: uneven.matrices, columns: uneven.columns, biases: uneven.biases)
    #expect(moved.lastFactor < 1.001)
    let batch = try Dataset(data, for: network).batch(0..<6)
    let name = network.outputs[0].name
    let before = try #require(try network.run(batch, weights: uneven.weights)[name]?.floats)
    let after = try #require(try network.run(batch, weights: try uneven.replaced(by: moved))[name]?.floats)
    let size = before.map { abs($0) }.max() ?? 0
    #expect(size > 0 && zip(before, after).allSatisfy { abs($0 - $1) < 1e-5 * size })
    // A channel is as large where it is made as where it is taken.
    for pair in pairs {
      let (first, second) = (try #require(moved.matrices[pair.first]), try #require(moved.matrices[pair.second]))
      let (own, other) = (try #require(uneven.columns[pair.first]), try #require(uneven.columns[pair.second]))
      let inGroup = pair.channels / pair.groups
      let height = second.count / other / pair.groups
      for channel in 0..<pair.channels {
        let made = first[channel * own..<(channel + 1) * own].map { abs($0) }.max() ?? 0
        var taken: Float = 0
        for row in channel / inGroup * height..<(channel / inGroup + 1) * height {
          for tap in 0..<pair.taps {
            taken = max(taken, abs(second[row * other + channel % inGroup * pair.taps + tap]))
          }
        }
        #expect(abs(made - taken) < 0.01 * max(made, taken), "\(channel)")
      }
      #expect(first != uneven.matrices[pair.first])
    }
  }

  @Test func channelsWithoutSizeStay() {
    let pair = Neighbours(first: 0, second: 1, bias: 7, channels: 2, groups: 1, taps: 1)
    let moved = Equalisation(
      [pair], matrices: [0: [0, 0, 4, -8], 1: [1, 0.5, 3, -2]], columns: [0: 2, 1: 2], biases: [7: [5, 6]])
    #expect(moved.matrices[0] == [0, 0, 2, -4] && moved.matrices[1] == [1, 1, 3, -4])
    #expect(moved.biases[7] == [5, 3])
  }

  // MARK: - Biases

  @Test func theShiftIsItsDefinition() throws {
    var random = SeededGenerator(5)
    let (rows, columns, parts) = (6, 5, 2)
    let (w, changed) = (random.gaussian(rows * columns), random.gaussian(rows * columns))
    var all: [InputProducts.Part] = []
    var expected = [Double](repeating: 0, count: rows)
    for part in 0..<parts {
      var one = InputProducts.Part(products: .init(repeating: 0, count: columns * columns), rows: 9)
      (one.sums, one.originalSums) = (.init(repeating: 0, count: columns), .init(repeating: 0, count: columns))
      for _ in 0..<9 {
        let (x, own) = (random.gaussian(columns), random.gaussian(columns))
        for column in 0..<columns {
          one.originalSums[column] += x[column]
          one.sums[column] += own[column]
          for row in part * 3..<(part + 1) * 3 {
            expected[row] += Double(w[row * columns + column] * x[column]) / 9
            expected[row] -= Double(changed[row * columns + column] * own[column]) / 9
          }
        }
      }
      all.append(one)
    }
    let products = InputProducts(layer: 0, columns: columns, parts: all)
    let shift = try #require(BiasCorrection.shift(original: w, changed: changed, products))
    #expect(zip(shift, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    #expect(BiasCorrection.shift(original: w, changed: changed, .init(layer: 0, columns: columns, parts: [])) == nil)
  }

  /// On the data that calibrate, each convolution and product gives the original's mean, channel by channel, whatever the
  /// layers before it became.
  @Test func outputsHaveTheirMeanAgain() throws {
    let digits = try DigitsTraining()
    let (network, checkpoint) = (digits.network, digits.network.checkpoint)
    var nearest = digits.original
    var matrices: [Int: [Float]] = [:]
    for layer in digits.layers {
      let values = try ChosenWeight(nearestOf: try Scheme(spec: "int3,channel"), try digits.source(layer)).values
      matrices[layer] = values
      nearest = try nearest.replacing(layer: layer, withMatrix: values)
    }
    var corrected = 0
    let changed = try network.chooseWeights(
      digits.data, samples: nil, original: digits.original, changed: nearest, layers: Set(digits.layers),
      comparesWithOriginal: true, digits.request, progress: { _, _ in }, isCancelled: { false },
      choose: { products in
        let bias = try #require(network.correctableBiases[products.layer])
        let own = try checkpoint.matrix(layer: products.layer)
        let values = try #require(matrices[products.layer])
        let shift = try #require(BiasCorrection.shift(original: own, changed: values, products))
        corrected += 1
        return LayerChange(bias: zip(try checkpoint.floats(tensor: bias), shift).map { $0 + $1 })
      })
    #expect(corrected == 5)
    // Batches of 32, evenly taken.
    let batches = (0..<6).map { 184 * $0 / 5..<184 * $0 / 5 + 32 }
    func means(_ weights: Weights) throws -> [[Double]] {
      var sums: [[Double]] = []
      for batch in batches {
        var own: [[Double]] = []
        func add(_ value: Value?) {
          guard let value, let x = value.floats else { return }
          let (channels, pixels) = (value.shape[1], value.shape[2...].reduce(1, *))
          var sum = [Double](repeating: 0, count: channels)
          for (index, number) in x.enumerated() { sum[index / pixels % channels] += Double(number) }
          own.append(sum.map { $0 / Double(x.count / channels * batches.count) })
        }
        let outputs = try network.run(try digits.data.batch(batch), weights: weights) { step, inputs in
          if step.node.operatorName == "Relu" { add(inputs[0]) }
        }
        add(outputs["logits"])
        sums = sums.isEmpty ? own : zip(sums, own).map { zip($0, $1).map { $0 + $1 } }
      }
      return sums
    }
    let (before, after, plain) = (try means(digits.original), try means(changed), try means(nearest))
    #expect(before.count == 5)
    for (number, own) in before.enumerated() {
      let size = own.map { abs($0) }.max() ?? 0
      let error = zip(own, after[number]).map { abs($0 - $1) }.max() ?? 0
      let uncorrected = zip(own, plain[number]).map { abs($0 - $1) }.max() ?? 0
      #expect(error < 1e-4 * size && uncorrected > 0.01 * size, "\(number): \(error), \(uncorrected) of \(size)")
    }
  }
}
