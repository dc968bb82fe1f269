import Compression

/// How long a question about a layer of 100 million weights takes after its first pass: it has to fit a frame of 16 ms.
struct Answers {
  /// Weights of the layer.
  static let count = 100_000_000

  func run() throws {
    Table.title("one question about a layer of \(Self.count / 1_000_000) M weights after its first pass; median of 9")
    let source = GeneratedWeights(count: Self.count)
    for half in [HalfType.bf16, .f16, nil] {
      var weights = source
      weights.halfType = half
      let stored = weights
      let survey = try Survey.of(stored, withErrors: true)
      guard let summary = survey.summary else { throw Failure("the survey has no summary") }
      for spec in [
        "int4,tensor", "int3,tensor,affine", "keep,threshold=0.01", "int4,tensor,range=mse",
        "int8,tensor,range=percentile=99.9",
      ] {
        let scheme = try Scheme(spec: spec)
        guard let answer = summary.answer(scheme) else { throw Failure("no answer to \(spec)") }
        let time = try (0..<9).map { _ in
          try seconds { try Machine.pinned(threads: 1) { _ in _ = summary.answer(scheme) } }
        }.median
        let span = (answer.relativeError.upperBound - answer.relativeError.lowerBound) / max(1e-300, answer.estimate)
        Table.row(
          "\(half?.rawValue ?? "f32") \(spec)", milliseconds(time),
          answer.isExact ? "exact" : "bounds \(percent(span)) apart")
      }
    }
  }
}

/// Weights that repeat 2²⁰ Gaussian ones; nothing is stored.
private struct GeneratedWeights: WeightSource {
  let rows: Int
  let columns = 10_000
  var halfType: HalfType?
  private let floats: [Float]
  var storedBytes: Int { count * (halfType == nil ? 4 : 2) }
  var storedBits: Double { halfType == nil ? 32 : 16 }

  init(count: Int) {
    rows = count / 10_000
    var state: UInt64 = 7
    floats = (0..<1_050_000).map { _ in
      var sum = 0.0
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Double(state >> 40) / 0x1p24
      }
      return Float((sum - 6) * 0.02)
    }
  }

  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) {
    let start = row * columns % 1_000_000
    for index in weights.indices {
      let value = floats[(start + index) % floats.count]
      weights[index] = halfType.map { $0.float($0.bits(value)) } ?? value
    }
  }

  func readHalves(from start: Int, into halves: UnsafeMutableBufferPointer<UInt16>) {
    guard let halfType else { return }
    for index in halves.indices { halves[index] = halfType.bits(floats[(start + index) % floats.count]) }
  }
}
