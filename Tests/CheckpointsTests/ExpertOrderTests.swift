import Checkpoints
import Support
import Testing

/// Stacks of experts stored as (experts, inputs, outputs) are found by bias, width, shapes or architecture.
struct ExpertOrderTests {
  let folder = TemporaryFolder()

  private func layers(_ shapes: [(String, [Int])], config: String? = nil) throws -> [String: Layer] {
    let tensors = shapes.map { ($0.0, $0.1, counted($0.1.reduce(1, *))) }
    let path = folder.write("model.safetensors", Support.safetensors(tensors))
    if let config { folder.write("config.json", config) }
    return Dictionary(try Checkpoint.open(path).layers.map { ($0.name, $0) }) { first, _ in first }
  }

  private let block = "model.layers.0.mlp.experts"
  private func turned(_ e: Int, _ inputs: Int, _ outputs: Int) -> MatrixShape {
    MatrixShape(rows: e * outputs, columns: inputs, outer: inputs, stack: e)
  }

  @Test func aBiasAnOutputSaysIt() throws {
    // gpt-oss, without its config.
    let found = try layers([
      ("\(block).gate_up_proj", [3, 4, 10]), ("\(block).gate_up_proj_bias", [3, 10]),
      ("\(block).down_proj", [3, 5, 4]),
      ("\(block).down_proj_bias", [3, 4]),
    ])
    #expect(found["\(block).gate_up_proj"]?.matrix == turned(3, 4, 10))
    #expect(found["\(block).down_proj"]?.matrix == turned(3, 5, 4))
  }

  @Test func theWidthSaysIt() throws {
    let shapes = [
      ("\(block).gate_proj", [2, 4, 6]), ("\(block).up_proj", [2, 4, 6]), ("\(block).down_proj", [2, 6, 4]),
    ]
    let nested = try layers(shapes, config: #"{"model_type": "x", "text_config": {"hidden_size": 4}}"#)
    #expect(nested["\(block).up_proj"]?.matrix == turned(2, 4, 6))
    #expect(nested["\(block).down_proj"]?.matrix == turned(2, 6, 4))
    let straight = try layers(shapes, config: #"{"hidden_size": 6}"#)
    #expect(straight["\(block).up_proj"]?.matrix == MatrixShape(rows: 8, columns: 6))
    #expect(straight["\(block).down_proj"]?.matrix == MatrixShape(rows: 12, columns: 4))
    // The router has the width too.
    let routed = try layers(
      shapes + [("model.layers.0.mlp.router.weight", [2, 4])], config: #"{"model_type": "x"}"#)
    #expect(routed["\(block).up_proj"]?.matrix == turned(2, 4, 6))
  }

  @Test func aFusedGateIsTwiceAsWide() throws {
    let first = try layers([("\(block).gate_up_proj", [2, 4, 12]), ("\(block).down_proj", [2, 6, 4])])
    #expect(first["\(block).gate_up_proj"]?.matrix == turned(2, 4, 12))
    let last = try layers([("\(block).gate_up_proj", [2, 12, 4]), ("\(block).down_proj", [2, 4, 6])])
    #expect(last["\(block).gate_up_proj"]?.matrix == MatrixShape(rows: 24, columns: 4))
    // A square one goes with its block's other.
    let square = try layers([("\(block).gate_up_proj", [2, 4, 8]), ("\(block).down_proj", [2, 4, 4])])
    #expect(square["\(block).down_proj"]?.matrix == turned(2, 4, 4))
  }

  @Test func theArchitectureSaysItOfSquareOnes() throws {
    let shapes = [("\(block).up_proj", [2, 4, 4]), ("\(block).down_proj", [2, 4, 4])]
    let llama = try layers(shapes, config: #"{"model_type": "llama4_text", "hidden_size": 4}"#)
    #expect(llama["\(block).up_proj"]?.matrix == turned(2, 4, 4))
    let other = try layers(shapes, config: #"{"model_type": "qwen3_moe", "hidden_size": 4}"#)
    #expect(other["\(block).up_proj"]?.matrix == MatrixShape(rows: 8, columns: 4))
  }

  @Test func dbrxStacksInTwoDimensions() throws {
    let ffn = "transformer.blocks.0.ffn"
    let found = try layers(
      [
        ("\(ffn).experts.mlp.w1", [6, 4]), ("\(ffn).experts.mlp.v1", [6, 4]), ("\(ffn).experts.mlp.w2", [6, 4]),
        ("\(ffn).router.layer.weight", [2, 4]),
      ], config: #"{"model_type": "dbrx", "d_model": 4}"#)
    #expect(found["\(ffn).experts.mlp.w1"]?.matrix == MatrixShape(rows: 6, columns: 4))
    #expect(found["\(ffn).experts.mlp.w2"]?.matrix == MatrixShape(rows: 8, columns: 3, outer: 3, stack: 2))
  }

  /// Every window of the matrix holds what numbers say by hand.
  @Test func rowsAndColumnsComeOutOfTheStack() throws {
    let (experts, inputs, outputs) = (3, 5, 7)
    let path = folder.write(
      "model.safetensors",
      Support.safetensors([("\(block).up_proj", [experts, inputs, outputs], counted(experts * inputs * outputs))]))
    folder.write("config.json", #"{"hidden_size": 5}"#)
    let model = try Checkpoint.open(path)
    let stored = try model.floats(tensor: 0)
    let rows = 4..<19
    for columns in [0..<5, 1..<4, 4..<5] {
      var values = [Float](repeating: 0, count: rows.count * columns.count)
      try values.withUnsafeMutableBufferPointer {
        try model.readMatrix(layer: 0, rows: rows, columns: columns, into: $0)
      }
      for (r, row) in rows.enumerated() {
        for (c, column) in columns.enumerated() {
          let from = row / outputs * inputs * outputs + column * outputs + row % outputs
          #expect(values[r * columns.count + c] == stored[from])
        }
      }
    }
    let matrix = try #require(model.layers[0].matrix)
    let whole = try model.matrix(layer: 0)
    #expect(matrix.storageOrder(whole) == stored && matrix.rowOrder(stored) == whole)
  }
}
