import Checkpoints
import Inference
import Numerics
import Support
import Testing

struct SnapshotTests {
  /// From every step of a network on, a run that goes on gives the very bits of a whole run, with other weights too.
  @Test func aRunGoesOnFromAnySnapshot() throws {
    let checkpoint = try Checkpoint.open(sample("digits-cnn.onnx"))
    let network = try Network(checkpoint)
    let data = try Dataset(sample("digits-test.npz"), for: network)
    let inputs = try data.batch(0..<5)
    let weights = try network.loadWeights()
    let all = Set(network.steps.indices)
    let (outputs, snapshots) = try network.run(inputs, weights: weights, keeping: all)
    #expect(Set(snapshots.keys) == all)
    #expect(outputs == (try network.run(inputs, weights: weights)))
    for (_, snapshot) in snapshots { #expect(try network.resume(from: snapshot, weights: weights) == outputs) }

    for tensor in checkpoint.tensors.indices where checkpoint.tensors[tensor].type.isFloatingPoint {
      guard let step = network.firstStep(reading: tensor) else { continue }
      let halved = try checkpoint.floats(tensor: tensor).map { $0 / 2 }
      let changed = weights.replacing(tensor: tensor, with: halved)
      let snapshot = try #require(snapshots[step])
      let whole = try network.run(inputs, weights: changed)
      #expect(try network.resume(from: snapshot, weights: changed) == whole, "\(checkpoint.tensors[tensor].name)")
      #expect(whole != outputs, "\(checkpoint.tensors[tensor].name) changes nothing")
    }
  }

  /// Going on from before the last step keeps only what that step reads.
  @Test func aSnapshotHoldsOnlyWhatIsAlive() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let inputs = try Dataset(sample("digits-test.npz"), for: network).batch(0..<5)
    let last = network.steps.count - 1
    let weights = try network.loadWeights()
    let snapshots = try network.run(inputs, weights: weights, keeping: [0, last]).snapshots
    #expect(try #require(snapshots[0]).byteCount == inputs.values.reduce(0) { $0 + 4 * $1.count })
    var read = 0
    _ = try network.run(inputs, weights: weights) { step, values in
      let isLast = step.outputs == network.steps[last].outputs
      if isLast { read = values.first.flatMap { $0 }.map { 4 * $0.count } ?? 0 }
    }
    #expect(try #require(snapshots[last]).byteCount == read)
  }
}
