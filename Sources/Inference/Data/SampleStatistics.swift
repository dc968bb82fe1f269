internal import Checkpoints
internal import Numerics

/// Statistics of a few given samples, by which others are drawn: the mean of each number and the covariance of all,
/// whose rank is one less than there are samples; no number leaves the range of those given.
///
/// A draw is m + (n − 1)^−½ Σ_i g_i (x_i − m) with g_i of mean 0 and variance 1: the covariance needs not be built.
/// Memory: the samples, at most 64 of them.
struct SampleStatistics: Sendable {
  let name: String
  /// Of one sample, without the axis that counts them.
  let shape: [Int]
  private let mean: [Float]
  /// Samples less the mean, times (n − 1)^−½, one after another.
  private let deviations: [Float]
  private let range: ClosedRange<Float>
  private let samples: Int

  private static let most = 64
  /// Numbers that are held.
  private static let mostNumbers = 1 << 26

  /// - Throws: where the network takes something else than one array of real numbers whose first axis counts samples.
  init(_ data: Dataset, of network: Network) throws(InferenceError) {
    let path = network.checkpoint.path
    guard network.inputs.count == 1, let input = network.inputs.first, input.type?.isFloatingPoint ?? true else {
      throw InferenceError(
        path, "takes \(network.inputsInWords): one input of real numbers expected to draw samples of")
    }
    guard data.count > 1 else { throw InferenceError(data.path, "holds one sample: two or more have a covariance") }
    let first = try Self.numbers(data, 0, input.name)
    let size = max(1, first.numbers.count)
    let count = max(2, min(data.count, Self.most, Self.mostNumbers / size))
    var all = first.numbers
    for index in 1..<count {
      let other = try Self.numbers(data, (data.count - 1) * index / (count - 1), input.name)
      guard other.shape == first.shape else { throw InferenceError(data.path, "has samples of several shapes") }
      all += other.numbers
    }
    guard let least = all.min(), let greatest = all.max(), all.allSatisfy(\.isFinite) else {
      throw InferenceError(data.path, "has a sample with a number that is not finite, or none")
    }
    var mean = [Float](repeating: 0, count: size)
    for sample in 0..<count { for place in 0..<size { mean[place] += all[sample * size + place] / Float(count) } }
    let factor = 1 / Float(count - 1).squareRoot()
    for place in all.indices { all[place] = (all[place] - mean[place % size]) * factor }
    (name, shape, samples, range) = (input.name, first.shape, count, least...greatest)
    (self.mean, deviations) = (mean, all)
  }

  private static func numbers(
    _ data: Dataset, _ sample: Int, _ name: String
  ) throws(InferenceError) -> (shape: [Int], numbers: [Float]) {
    let value = try data.batch(sample..<sample + 1)[name]
    guard case .floats(let numbers)? = value?.elements, let shape = value?.shape, shape.first == 1 else {
      throw InferenceError(data.path, "'\(name)' does not count its samples along its first axis")
    }
    return (Array(shape.dropFirst()), numbers)
  }

  /// The sample of a number: the same every time.
  func sample(_ index: Int) -> [Float] {
    var draws = Draws(state: 0x5E1F &+ UInt64(truncatingIfNeeded: index) &* 0xD134_2543_DE82_EF95)
    var drawn = mean
    for sample in 0..<samples {
      let factor = Float(draws.normal())
      let base = sample * mean.count
      for place in mean.indices { drawn[place] += factor * deviations[base + place] }
    }
    for place in drawn.indices { drawn[place] = min(max(drawn[place], range.lowerBound), range.upperBound) }
    return drawn
  }
}
