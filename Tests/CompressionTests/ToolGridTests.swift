import Checkpoints
import Compression
import Numerics
import Support
import Testing

/// Grids of integers against what the tools that have them make of the same weights (Tests/Peers/make_tool_grids.py).
@Suite struct ToolGridTests {
  struct Row: Decodable, Sendable {
    let tool: String
    let file: String
    let name: String
    let spec: String
    let t2: Double
    let bytes: Int?
  }

  static let rows = try! Fixtures.decode([Row].self, from: "tool-grids.json")

  private static func weights(_ row: Row) throws -> ArrayWeights {
    let checkpoint = try Checkpoint.open(Fixtures.sample(row.file))
    let index = try #require(checkpoint.tensors.firstIndex { $0.name == row.name })
    let rows = checkpoint.tensors[index].shape[0]
    let values = try checkpoint.floats(tensor: index)
    return ArrayWeights(rows: rows, columns: values.count / rows, values: values)
  }

  @Test(arguments: Set(rows.map(\.tool)).sorted()) func errorsAndSizesAreTheTools(_ tool: String) throws {
    for row in Self.rows where row.tool == tool {
      let scheme = try Scheme(spec: row.spec)
      for level in KernelLevel.allCases {
        level.force()
        defer { KernelLevel.release() }
        let found = try Assessment.of(try Self.weights(row), scheme: scheme)
        let error = try #require(found.relativeError)
        #expect(abs(error - row.t2) <= 2e-4 * row.t2, "\(tool) \(row.name) \(row.spec): \(error), the tool \(row.t2)")
        if let bytes = row.bytes { #expect(found.size.bytes == bytes, "\(tool) \(row.name) \(row.spec)") }
      }
    }
  }

  /// Three grids of symmetric codes over −8 … 4 in three bits, by hand.
  @Test func theThreeSymmetricGridsAreTheirEquations() throws {
    let weights: [Float] = [-8, -5, 0, 4]
    // symmetric: 8/3; full: 8/3.5; signed: −8/−4. In the middle of two codes, as −8 is with full, either is as near.
    for (symmetry, scale, codes) in [
      ("symmetric", 8.0 / 3, [-3.0, -2, 0, 2]), ("symmetric-full", 8 / 3.5, [-3, -2, 0, 2]),
      ("symmetric-signed", 2, [-4, -2, 0, 2]),
    ] {
      let scheme = try Scheme(spec: "int3,tensor,\(symmetry),scale=fp32")
      var made = [Float](repeating: 0, count: 4)
      let isDone = try made.withUnsafeMutableBufferPointer {
        try Assessment.reconstruct(ArrayWeights(rows: 1, columns: 4, values: weights), scheme: scheme, into: $0)
      }
      #expect(isDone)
      for (found, code) in zip(made, codes) { #expect(abs(Double(found) - scale * code) < 1e-5, "\(symmetry)") }
    }
  }

  /// The greatest number has the code −2^(b−1), whichever its sign: a positive one is met exactly.
  @Test func aSignedScaleMeetsTheGreatestNumber() throws {
    for weights in [[Float(3), -1, 0.5, 2], [-3, 1, -0.5, -2]] {
      for spec in ["int4,tensor,symmetric-signed,scale=fp32", "int4,group=4,symmetric-signed"] {
        var made = [Float](repeating: 0, count: 4)
        _ = try made.withUnsafeMutableBufferPointer {
          try Assessment.reconstruct(
            ArrayWeights(rows: 1, columns: 4, values: weights), scheme: try Scheme(spec: spec), into: $0)
        }
        #expect(made[0] == weights[0])
      }
    }
  }

  @Test func whatAGridCannotDoIsSaid() throws {
    for spec in [
      "int4,edge,sparsity=0.5", "int4,edge,scale=pow2", "int4,symmetric-signed,scale=pow2",
      "int8,scale=fp32,rounds=sum",
      "int8,edge,rounds=product", "int8,scale=pow2,rounds=quotient",
    ] {
      #expect(try Scheme(spec: spec).obstacle(rows: 8, columns: 64) != nil)
    }
    // A scale and an edge of two bytes each a group.
    #expect(
      try Scheme(spec: "int4,group=32,edge").denseBytes(rows: 8, columns: 64, storedBytes: 0, storedBits: 16) == 320)
  }
}
