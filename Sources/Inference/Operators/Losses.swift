internal import Numerics

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Losses of scores (N, C, …) against class numbers (N, …).
  static let losses: Table = [
    "NegativeLogLikelihoodLoss": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0, rank: 2)
      return [try likelihoodLoss(call, shape, x)]
    },
    "SoftmaxCrossEntropyLoss": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0, rank: 2)
      let step = Shape.product(shape[2...])
      var logs = x
      for image in 0..<shape[0] {
        try call.pause()
        for pixel in 0..<step {
          let places = (0..<shape[1]).map { (image * shape[1] + $0) * step + pixel }
          let largest = places.reduce(-Float.infinity) { max($0, x[$1]) }
          let sum = logf(places.reduce(0) { $0 + expf(x[$1] - largest) })
          for place in places { logs[place] = x[place] - largest - sum }
        }
      }
      return [try likelihoodLoss(call, shape, logs), Value(shape, logs)]
    },
  ]

  private static func likelihoodLoss(_ call: Call, _ shape: [Int], _ logs: [Float]) throws(InferenceError) -> Value {
    let (classes, step) = (shape[1], Shape.product(shape[2...]))
    let targets = try call.integers(1)
    let smaller = [shape[0]] + shape[2...]
    guard try call.value(1).shape == smaller else {
      throw call.fail("has classes of shape \(try call.value(1).shape) for scores of shape \(shape)")
    }
    let weights = call.optional(2) == nil ? nil : try call.vector(2, count: classes)
    let ignored = call.int("ignore_index")
    var losses: [Float] = []
    var total: Float = 0
    for (index, target) in targets.enumerated() {
      if target == ignored {
        losses.append(0)
        continue
      }
      guard (0..<classes).contains(target) else { throw call.fail("has the class \(target) of \(classes)") }
      let weight = weights?[target] ?? 1
      total += weight
      losses.append(-logs[(index / max(1, step) * classes + target) * step + index % max(1, step)] * weight)
    }
    switch call.string("reduction") ?? "mean" {
    case "none": return Value(smaller, losses)
    case "sum": return Value([], [losses.reduce(0, +)])
    case "mean": return Value([], [losses.reduce(0, +) / total])
    case let reduction: throw call.fail("has the reduction \(reduction)")
    }
  }
}
