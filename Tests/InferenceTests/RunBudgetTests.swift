import Checkpoints
import FileAccess
import Foundation
import Support
import Testing

@testable import Inference

/// What a run may take, and how it ends.
@Suite struct RunBudgetTests {
  /// Models whose one constant asks for gigabytes, or whose loop never ends: mutated node tests of the ONNX project
  /// (Apache-2.0).
  @Test(arguments: ["hannwindow", "hammingwindow", "resize", "loop"])
  func whatNoMemoryHasRoomForIsRefusedInWords(name: String) throws {
    let network = try Network(try Checkpoint.open(fixture("budget/\(name).onnx")))
    let error = #expect(throws: InferenceError.self) {
      _ = try network.run(
        ["xdummy": Value([1, 3], [1, 2, 3])], weights: try network.loadWeights(), memory: 64 << 20)
    }
    let text = try #require(error?.description)
    #expect(text.contains("would make an array of shape") || text.contains("turns"), "\(text)")
  }

  @Test func aLoopWithoutAnEndStopsWhenItIsCancelled() throws {
    let network = try Network(try Checkpoint.open(fixture("budget/loop.onnx")))
    var asked = 0
    let error = #expect(throws: InferenceError.self) {
      _ = try network.run(
        ["xdummy": Value([1, 3], [1, 2, 3])], weights: try network.loadWeights(),
        isCancelled: {
          asked += 1
          return asked > 1000
        })
    }
    #expect(error == .cancelled)
  }

  /// The budget is of what is alive, not of all that was made.
  @Test func whatIsNoLongerNeededGivesItsRoomBack() throws {
    let network = try Network(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let weights = try network.loadWeights()
    let data = try Dataset(Fixtures.sample("digits-test.npz"), for: network)
    let plain = try network.run(try data.batch(0..<4), weights: weights)
    let largest = 4 * 16 * 8 * 8 * 4
    #expect(try network.run(try data.batch(0..<4), weights: weights, memory: weights.byteCount + 8 * largest) == plain)
    #expect(throws: InferenceError.self) {
      try network.run(try data.batch(0..<4), weights: weights, memory: weights.byteCount + largest / 8)
    }
  }

  /// Of 360 samples at once there is no room for one layer's output; of fewer there is.
  @Test func aBatchThatDoesNotFitIsRunInHalves() throws {
    let network = try Network(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let weights = try network.loadWeights()
    let data = try Dataset(Fixtures.sample("digits-test.npz"), for: network)
    let found = try network.compare(
      data, [.init(weights: weights)], .init(batch: 360, memory: weights.byteCount + 1 << 20))
    #expect(found.evaluations[0].correct == 357)
  }

  /// Weights count: before they are decoded, and while the network runs.
  @Test func weightsCountAgainstTheMemory() throws {
    let network = try Network(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let weights = try network.loadWeights()
    #expect(weights.byteCount >= 4 * 45_162)
    let data = try Dataset(Fixtures.sample("digits-test.npz"), for: network)
    for attempt in [
      { _ = try network.loadWeights(memory: 100 << 10) },
      { _ = try network.run(try data.batch(0..<1), weights: weights, memory: 100 << 10) },
    ] {
      let error = #expect(throws: InferenceError.self) { try attempt() }
      #expect(error?.description.contains("a run may take 0 MiB (--memory)") == true, "\(String(describing: error))")
    }
    // Those of another candidate beside them too.
    let weight = network.checkpoint.layers[0].weight
    let count = network.checkpoint.tensors[weight].count
    let changed = weights.replacing(tensor: weight, with: .init(repeating: 0, count: count))
    #expect(changed.byteCount == weights.byteCount + 4 * count)
  }

  /// A transformer's weights, activations and cache count against the same budget.
  @Test func aTransformersRunIsBounded() throws {
    let model = try Transformer(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    let weights = try model.loadWeights()
    let plain = try model.evaluate(Array(0..<33), windows: .init(context: 16), weights: weights)
    let tight = try model.loadWeights(resident: 0, memory: 24 << 20)
    #expect(tight.byteCount < 1 << 20)
    #expect(try model.evaluate(Array(0..<33), windows: .init(context: 16), weights: tight).losses == plain.losses)
    let small = try model.loadWeights(resident: 0, memory: 1 << 17)
    for attempt in [
      { _ = try model.evaluate(.init(repeating: 1, count: 1024), windows: .init(context: 512), weights: small) },
      { _ = try model.hiddenStates(beforeBlock: 1, of: [.init(repeating: 1, count: 1 << 16)], weights: tight) },
      {
        var cache = model.makeCache(capacity: 1 << 20)
        _ = try model.append(.init(repeating: 1, count: 1 << 14), to: &cache, weights: tight)
      },
    ] {
      let error = #expect(throws: InferenceError.self) { try attempt() }
      #expect(error?.description.contains("that a run may take (--memory)") == true, "\(String(describing: error))")
    }
  }

  @Test func shapesOfEmptyArraysAreBoundedToo() {
    #expect(Shape.isBounded([0, 3]) && Shape.isBounded([]))
    #expect(!Shape.isBounded([1 << 40, 1 << 40, 0]) && !Shape.isBounded([-1]) && !Shape.isBounded([0, .max]))
  }
}

/// Products with and without the system's BLAS.
@Suite struct BLASTests {
  @Test func productsAreThoseOfTheirDefinition() {
    var generator = SeededGenerator(3)
    for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 1, 33), (2, 64, 0), (16, 16, 16)] {
      let a = (0..<max(1, m * k)).map { _ in Float.random(in: -1...1, using: &generator) }
      let b = (0..<max(1, k * n)).map { _ in Float.random(in: -1...1, using: &generator) }
      for (turnsA, turnsB) in [(false, false), (true, false), (false, true), (true, true)] {
        var c = [Float](repeating: 0.5, count: m * n)
        BLAS.multiply(
          .init(start: a, stride: turnsA ? m : k, isTransposed: turnsA),
          .init(start: b, stride: turnsB ? k : n, isTransposed: turnsB), into: &c, m: m, n: n, k: k, alpha: 2, beta: 3,
          unless: { false })
        for i in 0..<m {
          for j in 0..<n {
            var sum = 0.0
            for p in 0..<k {
              let (x, y) = (turnsA ? a[p * m + i] : a[i * k + p], turnsB ? b[j * k + p] : b[p * n + j])
              sum += Double(x) * Double(y)
            }
            #expect(abs(Double(c[i * n + j]) - (2 * sum + 1.5)) < 1e-5)
          }
        }
      }
    }
  }

  /// Every multiplication is in one part, and no part has more than it may.
  @Test func partsOfAProductAreTheWhole() {
    for (m, n, k) in [
      (1, 1, 1), (130, 7, 9), (7, 130, 9), (3, 2, 500), (200, 200, 3), (0, 4, 4), (4, 4, 0), (65, 64, 63),
    ] {
      for most in [1, 100, 5000, 1 << 30] {
        var counts = [Int](repeating: 0, count: m * n * max(1, k))
        Panels(m, n, k, most: most).forEach(unless: { false }) { rows, columns, inner in
          #expect(rows.count * columns.count * inner.count <= most)
          for i in rows {
            for j in columns { for p in k == 0 ? 0..<1 : inner { counts[(i * n + j) * max(1, k) + p] += 1 } }
          }
        }
        #expect(counts.allSatisfy { $0 == 1 }, "\(m) \(n) \(k) \(most)")
      }
    }
  }

  /// A product that takes long is left when it is asked to stop: what was not yet made stays as it was.
  @Test func aLongProductStopsWhenItIsCancelled() {
    let size = 2048
    let a = [Float](repeating: 1, count: size * size)
    var c = [Float](repeating: -1, count: size * size)
    var asked = 0
    BLAS.multiply(
      .init(start: a, stride: size), .init(start: a, stride: size), into: &c, m: size, n: size, k: size,
      unless: {
        asked += 1
        return asked > 1
      })
    #expect(asked == 2)
    #expect(c[0] == Float(size) && c[size * size - 1] == -1)
  }
}
