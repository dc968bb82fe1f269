import Checkpoints
import FileAccess
import Foundation
import Support
import Testing

@testable import Inference

/// Each operator's gradient against central differences of its forward run, in random directions.
@Suite struct OperatorGradientTests {
  /// A step of the fixtures' networks with its inputs.
  private struct Case {
    let step: Network.Step
    let inputs: [Value?]
    let operatorSet: Int

    func call(_ inputs: [Value?]) -> Call {
      Call(
        node: step.node, inputs: inputs, operatorSet: operatorSet, filler: step.filler,
        budget: RunBudget(limit: nil, isCancelled: { false }))
    }

    var name: String { step.node.operatorName }
  }

  private static func cases(_ network: Network, _ given: [String: Value] = [:]) throws -> [Case] {
    var cases: [Case] = []
    _ = try network.run(given, weights: try network.loadWeights()) { step, inputs in
      cases.append(Case(step: step, inputs: inputs, operatorSet: network.operatorSet))
    }
    return cases
  }

  /// The fixtures' nodes, and the ONNX project's node tests.
  private static func allCases() throws -> [Case] {
    var cases: [Case] = []
    for name in ["operators-12", "operators-18", "operators-quantised", "gradients/operators"] {
      cases += try Self.cases(try Network(try Checkpoint.open(fixture("\(name).onnx"))))
    }
    for test in try NodeTest.unpacked("onnx-node-tests.bin") {
      let file = try MappedFile(bytes: test.model, path: test.name)
      guard let network = try? Network(try Checkpoint.open(file, config: nil)) else { continue }
      var given: [String: Value] = [:]
      for (input, bytes) in zip(network.inputs, test.inputs) { given[input.name] = try? NodeTest.value(bytes) }
      cases += (try? Self.cases(network, given)) ?? []
    }
    return cases
  }

  /// Rounding has no slope; numbers of half precision move in steps.
  private static let excluded: Set<String> = ["QuantizeLinear", "DequantizeLinear", "Cast", "CastLike", "Dropout"]

  /// Float sums of some hundred numbers, differences over 2 · 0.002: the third digit.
  private static let tolerance = 6e-3

  /// `nil` of what has none: Einsum's diagonals, Scatter's sums.
  private static func gradients(_ back: BackwardCall, _ backward: Operator.Backward) throws -> [Value?]? {
    do throws(InferenceError) {
      return try backward(back)
    } catch {
      if error.lacksGradient { return nil }
      throw error
    }
  }

  @Test func gradientsAreTheSlopesOfTheForwardRun() throws {
    var tested: Set<String> = []
    var kinks = 0
    var slopes = 0
    for (number, one) in try Self.allCases().enumerated() where !Self.excluded.contains(one.name) {
      let operation = Operators.name(one.name, domain: one.step.node.domain)
      guard let forward = one.step.forward, let backward = Operators.all[operation]?.backward,
        one.inputs.first??.floats != nil || one.name == "Where"
      else { continue }
      var random = SeededGenerator(UInt64(number))
      let outputs = try forward(one.call(one.inputs))
      guard let made = outputs.first, made.floats != nil, made.count > 0,
        !(one.name == "BatchNormalization" && outputs.count > 1)
      else { continue }
      let directions = random.gaussian(made.count)
      let floats = one.inputs.indices.filter { one.inputs[$0]?.floats != nil }
      let back = BackwardCall(
        call: one.call(one.inputs), outputs: outputs, gradients: [Value(made.shape, directions)], wanted: Set(floats))
      guard let gradients = try Self.gradients(back, backward) else { continue }
      for input in floats where input < gradients.count {
        guard let gradient = gradients[input]?.floats, let value = one.inputs[input], let x = value.floats else {
          continue
        }
        #expect(gradients[input]?.shape == value.shape, "\(operation) \(number)")
        let u = random.gaussian(x.count)
        func sum(_ step: Float) throws -> Double {
          var inputs = one.inputs
          inputs[input] = Value(value.shape, zip(x, u).map { $0 + step * $1 }, type: value.type)
          let y = try #require(try forward(one.call(inputs))[0].floats)
          return zip(y, directions).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        // A step is nothing beside numbers that are much larger, and leads out of where some functions are defined.
        guard x.allSatisfy({ abs($0) < 100 }), try sum(0.002).isFinite, try sum(-0.002).isFinite else { continue }
        let step: Float = 0.002
        let (before, here, after) = (try sum(-step), try sum(0), try sum(step))
        let found = zip(gradient, u).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let size = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() + 0.05
        let slope = (after - before) / (2 * Double(step))
        slopes += 1
        let worst = abs(found - slope) / size
        // Where the slopes before and after differ, there is a kink within the step.
        if worst >= Self.tolerance, abs((after - here) - (here - before)) / Double(step) > worst * size {
          kinks += 1
          continue
        }
        #expect(
          worst < Self.tolerance, "\(operation) \(number), input \(input) of \(value.shape): \(found), not \(slope)")
        tested.insert(operation)
      }
    }
    #expect(kinks < slopes / 20, "\(kinks) of \(slopes)")
    let left = Set(Operators.gradients.keys).subtracting(tested).subtracting(Self.excluded)
    #expect(left.isEmpty, "no test of \(left.sorted())")
  }
}
