import Compression

/// A scheme out of every word, option, sparsity and coding that there is: made of values, since parsing takes longer than
/// what is looked for.
extension Scheme {
  init(_ bytes: inout HostileBytes) {
    self.init(bytes.one(of: Self.formats))
    let option = bytes.byte()
    switch format {
    case .uniform(var uniform):
      uniform.granularity = bytes.one(of: Self.granularities)
      if option & 1 == 1, uniform.bits > 1 { uniform.symmetry = bytes.one(of: Symmetry.allCases) }
      if option & 2 == 2, uniform.bits > 1 { uniform.range = bytes.one(of: Self.ranges) }
      if option & 4 == 4 { uniform.scale = bytes.one(of: ScaleType.allCases) }
      if option & 12 == 12, uniform.bits > 1 { uniform.rounds = bytes.one(of: Rounding.allCases) }
      format = .uniform(uniform)
    case .smallFloat(var small):
      if option & 1 == 1 { small.granularity = bytes.one(of: Self.granularities) }
      if option & 2 == 2 { small.exponent = bytes.one(of: SmallFloatScheme.Exponent.allCases) }
      if option & 4 == 4 { small.hasTensorScale = false }
      format = .smallFloat(small)
    case .codebook(var codebook):
      // A table of the whole weight takes 16 MB of bins to find: now and then.
      codebook.granularity = option & 5 == 5 ? bytes.one(of: Self.granularities) : .group(32)
      if option & 2 == 2, codebook.table != .nf4 { codebook.table = .kMeans(entries: bytes.one(of: [2, 3, 48, 256])) }
      format = .codebook(codebook)
    default: break
    }
    if option & 40 == 40 { sparsity = bytes.one(of: Self.sparsities) }
    if option & 16 == 16 { coding = bytes.one(of: Coding.allCases) }
  }

  private static let formats = Scheme.words.compactMap { (try? Scheme(spec: $0))?.format }

  private static let granularities: [Granularity] = [
    .tensor, .channel, .group(2), .group(8), .group(32), .group(64), .axis(1), .axis(2), .axis(3),
  ]

  private static let ranges: [RangeRule] = [
    .leastSquares, .entropy, .percentile(99.9), .percentile(50.1), .percentile(100),
  ]

  private static let sparsities = [
    "sparsity=0.3", "sparsity=1", "threshold=0.01", "threshold=1e300", "threshold=5e-324", "sparsity=2:4",
    "sparsity=1:64", "sparsity=model:0.5", "sparsity=channel:0.5", "sparsity=input:0.5:l1", "sparsity=head:2:0.5",
    "sparsity=block:2x4:0.5", "sparsity=wanda:0.5", "sparsity=wanda:2:4", "sparsity=0.0001",
  ].compactMap { (try? Scheme(spec: "keep," + $0))?.sparsity }
}
