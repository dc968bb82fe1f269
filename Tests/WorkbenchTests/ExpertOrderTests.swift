import Checkpoints
import Support
import Testing

@testable import Workbench

/// Experts stored inputs first are measured as those stored outputs first: groups run along the inputs, and channels are
/// outputs of an expert.
@Suite struct ExpertOrderTests {
  private static let (experts, inputs, outputs) = (3, 64, 48)
  private let name = "model.layers.0.mlp.experts.up_proj"

  /// Rows of very different size, for scales along the wrong axis to show.
  private static let matrices: [Float] = {
    var generator = SeededGenerator(5)
    return (0..<experts * outputs).flatMap { row in
      (0..<inputs).map { _ in Float.random(in: -1...1, using: &generator) * Float(1 + row % 7) }
    }
  }()

  private func session(isTurned: Bool) throws -> Session {
    let (e, n, m) = (Self.experts, Self.inputs, Self.outputs)
    var values = Self.matrices
    if isTurned {
      for expert in 0..<e {
        for row in 0..<m {
          for column in 0..<n {
            values[expert * m * n + column * m + row] = Self.matrices[(expert * m + row) * n + column]
          }
        }
      }
    }
    let folder = TemporaryFolder()
    folder.write("model.safetensors", safetensors([(name, isTurned ? [e, n, m] : [e, m, n], values)]))
    folder.write("config.json", #"{"hidden_size": \#(n)}"#)
    return Session(try Checkpoint.open(folder.path))
  }

  @Test(arguments: ["int4,group=32", "int4,channel", "int8,tensor", "int3,group=16,affine", "ternary"])
  func errorsAreThoseOfTheMatrices(spec: String) throws {
    var figures: [Double] = []
    for isTurned in [false, true] {
      var session = try session(isTurned: isTurned)
      try session.apply([Rule("*=\(spec)")])
      session.settle(session.estimateQuestions)
      let item = try #require(session.item(named: name))
      #expect(item.matrix.isRowMajor != isTurned)
      figures.append(try #require(session.relativeError(of: item, in: session.scheme(of: item))))
    }
    #expect(abs(figures[0] - figures[1]) <= 1e-6 * figures[0])
  }

  /// What GGUF holds of them has rows of inputs.
  @Test func blocksRunAlongInputs() throws {
    let scratch = try ScratchFolder()
    var values: [[Float]] = []
    for isTurned in [false, true] {
      var session = try session(isTurned: isTurned)
      try session.apply([Rule("*=q4_0")])
      let path = scratch.path("\(isTurned).gguf")
      _ = try session.write(checkpoint: .gguf, to: path)
      let written = try Checkpoint.open(path)
      #expect(written.tensors[0].shape == [Self.experts, Self.outputs, Self.inputs])
      values.append(try written.floats(written.tensors[0]))
    }
    #expect(values[0] == values[1])
  }
}
