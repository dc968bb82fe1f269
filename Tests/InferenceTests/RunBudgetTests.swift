import Checkpoints
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
    #expect(try network.run(try data.batch(0..<4), weights: weights, memory: 8 * largest) == plain)
    #expect(throws: InferenceError.self) {
      try network.run(try data.batch(0..<4), weights: weights, memory: largest / 8)
    }
  }

  /// Of 360 samples at once there is no room for one layer's output; of fewer there is.
  @Test func aBatchThatDoesNotFitIsRunInHalves() throws {
    let network = try Network(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let weights = try network.loadWeights()
    let data = try Dataset(Fixtures.sample("digits-test.npz"), for: network)
    let found = try network.compare(data, [.init(weights: weights)], .init(batch: 360, memory: 1 << 20))
    #expect(found.evaluations[0].correct == 357)
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
          .init(start: b, stride: turnsB ? k : n, isTransposed: turnsB), into: &c, m: m, n: n, k: k, alpha: 2, beta: 3)
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
}
