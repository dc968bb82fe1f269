import Compression
import Testing

@Suite struct TileNormsTests {
  /// Parts that do not divide a weight: asked about all the same, its rest is left out.
  @Test(arguments: [
    Sparsity.Structure(.head(5), ratio: 0.5), .init(.head(64), ratio: 0.5),
    .init(.block(rows: 5, columns: 3), ratio: 0.5),
    .init(.block(rows: 100, columns: 100), ratio: 0.5), .init(.channel, ratio: 0.5), .init(.input, ratio: 0.5),
  ])
  func partsThatDoNotDivideAreLeftOut(_ structure: Sparsity.Structure) throws {
    let weights = ArrayWeights(rows: 12, columns: 8, values: [Float](repeating: 1, count: 96))
    let norms = try TileNorms(structure, of: weights)
    let whole = norms.rows <= 12 && norms.columns <= 8 ? (12 / norms.rows) * (8 / norms.columns) : 0
    #expect(norms.values.count == whole)
    #expect(norms.values.allSatisfy { $0 == Double(norms.rows * norms.columns) })
  }
}
