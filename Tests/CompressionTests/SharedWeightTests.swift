import CKernels
import Checkpoints
import Foundation
import Support
import Testing

@testable import Compression

/// NF4 against bitsandbytes, k-means against scikit-learn and an exact search (Tests/Peers/make_codebooks.py).
@Suite(.serialized) struct SharedWeightTests {
  struct Figures: Decodable {
    let nf4: [NormalFloat]
    let kmeans: [Clustering]
    let exact: [Exact]

    struct NormalFloat: Decodable {
      let file: String
      let name: String
      let shape: [Int]
      let spec: String
      let codes: String
      let scales: String
      let values: String
    }
    struct Clustering: Decodable {
      let file: String
      let name: String
      let shape: [Int]
      let spec: String
      let inertia: Double
    }
    struct Exact: Decodable {
      let values: [Float]
      let clusters: Int
      let inertia: Double
    }
  }

  static let figures = try! Fixtures.decode(Figures.self, from: "codebook-figures.json")

  static func weights(_ file: String, _ name: String, _ shape: [Int]) throws -> ArrayWeights {
    let checkpoint = try Checkpoint.open(Fixtures.sample(file))
    let index = try #require(checkpoint.tensors.firstIndex { $0.name == name })
    return ArrayWeights(
      rows: shape[0], columns: shape.dropFirst().reduce(1, *), values: try checkpoint.floats(tensor: index),
      shape: shape)
  }

  @Test func normalFloatsAreBitsandbytes() throws {
    #expect(Self.figures.nf4.count >= 3)
    for figure in Self.figures.nf4 {
      let source = try Self.weights(figure.file, figure.name, figure.shape)
      let scheme = try Scheme(spec: figure.spec)
      let values = try SchemeFigureTests.reconstruct(source, figure.spec)
      #expect(SchemeFigureTests.digest(values) == figure.values, "\(figure.name) \(figure.spec)")
      let content = try #require(try PackedContent(source, scheme))
      #expect(SHA256.hex(content.codes.map { UInt8($0 + 7) }) == figure.codes, "\(figure.name) \(figure.spec)")
      #expect(SHA256.hex(content.scaleBytes) == figure.scales, "\(figure.name) \(figure.spec)")
    }
  }

  /// Sum of squared distances of a scheme's values, of weights after sparsity.
  private func inertia(_ source: ArrayWeights, _ spec: String) throws -> Double {
    let scheme = try Scheme(spec: spec)
    let values = try SchemeFigureTests.reconstruct(source, spec)
    let pruned = try SchemeFigureTests.reconstruct(source, Scheme(.keep, sparsity: scheme.sparsity).description)
    return zip(values, pruned).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
  }

  @Test func inertiaIsNoMoreThanScikitLearns() throws {
    #expect(Self.figures.kmeans.count >= 20)
    for figure in Self.figures.kmeans {
      let source = try Self.weights(figure.file, figure.name, figure.shape)
      let found = try inertia(source, figure.spec)
      // Ten runs of theirs find no better; entries in fp16 cost a little where there are many.
      #expect(
        found <= 1.0005 * figure.inertia, "\(figure.name) \(figure.spec): \(found), there \(figure.inertia)")
      #expect(found >= 0.8 * figure.inertia, "\(figure.name) \(figure.spec): \(found), there \(figure.inertia)")
    }
  }

  private func kMeans(_ weights: [Float], _ clusters: Int, cells: Int) -> (centroids: [Double], inertia: Double) {
    var scratch = [UInt32](repeating: 0, count: 2 * weights.count)
    var values = [Double](repeating: 0, count: weights.count)
    var counts = values
    var centroids = [Double](repeating: .nan, count: clusters)
    let found = values.withUnsafeMutableBufferPointer { values in
      counts.withUnsafeMutableBufferPointer { counts in
        var points = lathe_points(values: values.baseAddress!, counts: counts.baseAddress!, count: 0)
        lathe_points_of(weights, weights.count, 0, &scratch, &points)
        return Int(lathe_kmeans(&points, Int32(clusters), Int32(cells), &centroids))
      }
    }
    let used = centroids[..<found]
    return (Array(used), weights.reduce(0) { sum, w in sum + used.map { pow($0 - Double(w), 2) }.min()! })
  }

  @Test func fewNumbersHaveTheLeastInertiaThereIs() {
    for exact in Self.figures.exact {
      let (centroids, inertia) = kMeans(exact.values, exact.clusters, cells: 512)
      #expect(centroids == centroids.sorted() && centroids.count == exact.clusters)
      #expect(abs(inertia - exact.inertia) <= 1e-9 * exact.inertia, "\(inertia), there \(exact.inertia)")
      // In runs of neighbours first, then number by number.
      #expect(kMeans(exact.values, exact.clusters, cells: 64).inertia <= 1.01 * exact.inertia)
    }
  }

  @Test func noMoreNumbersThanEntriesAreExact() throws {
    let weights = (0..<512).map { [-0.5, 0.25, 0, 1][$0 % 4] as Float }
    let source = ArrayWeights(rows: 8, columns: 64, values: weights)
    for spec in ["kmeans2", "kmeans3", "kmeans,entries=5,channel", "kmeans4,group=32", "kmeans8"] {
      #expect(try Assessment.of(source, scheme: Scheme(spec: spec)).relativeError == 0, "\(spec)")
    }
    for value: Float in [0, -3] {
      let equal = ArrayWeights(rows: 4, columns: 16, values: [Float](repeating: value, count: 64))
      #expect(try SchemeFigureTests.reconstruct(equal, "kmeans4").allSatisfy { $0 == value })
      #expect(try SchemeFigureTests.reconstruct(equal, "kmeans1,channel,sparsity=1").allSatisfy { $0 == 0 })
    }
  }

  /// Two halves of a Gaussian have their means at ±σ√(2/π): t² = 1 − 2/π; four levels lose 0.1175 (Max 1960, table I).
  @Test func gaussianWeightsLoseWhatMaxsTableSays() throws {
    var generator = SeededGenerator(77)
    let source = ArrayWeights(rows: 64, columns: 4096, values: generator.gaussian(1 << 18, deviation: 0.05))
    let table = [1: 0.3634, 2: 0.1175, 3: 0.03454, 4: 0.009497, 5: 0.002499]
    for (bits, expected) in table {
      let found = try #require(try Assessment.of(source, scheme: Scheme(spec: "kmeans\(bits)")).relativeError)
      #expect(abs(found - expected) < 0.02 * expected, "kmeans\(bits): \(found), Max \(expected)")
    }
  }

  @Test(arguments: [2, 3, 16, 17, 100, 256]) func theNearestLevelIsThatOfASearch(_ count: Int) {
    var generator = SeededGenerator(UInt64(count))
    let levels = generator.gaussian(count).sorted()
    var table = lathe_levels(levels, zero: count / 2)
    for length in KernelTests.lengths {
      // Middles and levels themselves among them.
      var weights = generator.gaussian(length)
      for index in stride(from: 0, to: length, by: 3) {
        let place = index % (count - 1)
        weights[index] = index % 2 == 0 ? levels[place] : (levels[place] + levels[place + 1]) / 2
      }
      let expected = weights.map { w in
        levels.indices.min { abs(Double(levels[$0]) - Double(w)) < abs(Double(levels[$1]) - Double(w)) }!
      }
      atEveryLevel { _ in
        var codes = [Int32](repeating: .max, count: length)
        var values = [Float](repeating: .nan, count: length)
        lathe_apply_levels(weights, length, &table, 1, 1, &codes, &values)
        #expect(codes.map { Int($0) + count / 2 } == expected)
        #expect(values == expected.map { levels[$0] })
      }
    }
  }

  /// Prune, share, code: zeros stay zeros, the code of zero is 0, and no stream is longer than its codes.
  @Test(arguments: ["kmeans5,sparsity=0.8,coding=huffman", "kmeans3,channel,sparsity=0.5,coding=rans"])
  func deepCompressionsThreeSteps(_ spec: String) throws {
    let source = SizeTests.weights()
    let scheme = try Scheme(spec: spec)
    let found = try Assessment.of(source, scheme: scheme)
    let content = try #require(try PackedContent(source, scheme))
    let values = try SchemeFigureTests.reconstruct(source, spec)
    let pruned = try SchemeFigureTests.reconstruct(source, Scheme(.keep, sparsity: scheme.sparsity).description)
    for index in values.indices {
      if pruned[index] == 0 { #expect(values[index] == 0) }
      #expect((content.codes[index] == 0) == (values[index] == 0))
    }
    #expect(found.size.form.rawValue == scheme.coding.rawValue)
    #expect(found.size.bytes == content.scaleBytes.count + content.bytes(found.size.form)!.count)
    #expect(found.size.bytes < found.size.dense)
  }

  @Test func levelsAreTheMeanTables() throws {
    let weights = [Float](repeating: 1, count: 32) + [Float](repeating: 3, count: 32)
    let halves = weights.enumerated().map { $0.offset % 2 == 0 ? $0.element : -$0.element }
    let source = ArrayWeights(rows: 2, columns: 32, values: halves)
    let found = try #require(try Assessment.of(source, scheme: Scheme(spec: "kmeans1,channel"), detail: -3...3).levels)
    #expect(found.scales == 2 && found.positions(in: -9...9, spacing: 1) == [-2, 2])
    let floats = try #require(try Assessment.of(source, scheme: Scheme(spec: "nf4,group=32")).levels)
    #expect(floats.step == 2 && floats.positions(in: -9...9, spacing: 1).count == 16)
    let block = try #require(try Assessment.of(source, scheme: Scheme(spec: "ocp-mxfp4"), detail: -3...3).levels)
    // Scales 1/4 and 1/2.
    #expect(block.step == 0.375 && block.scales == 2 && block.positions(in: -9...9, spacing: 1).last == 6 * 0.375)
  }
}
