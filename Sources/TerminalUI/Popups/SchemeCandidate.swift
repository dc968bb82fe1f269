import Workbench

/// A scheme in the picker, with what it would cost the layer under the cursor.
struct SchemeCandidate: Sendable {
  let scheme: Scheme
  let bytes: Int
  let relativeError: Double?
  /// Whether the error is a bounded estimate until the exact one comes.
  let isEstimated: Bool
  let obstacle: String?
}

extension State {
  /// The picker's list for the layer under the cursor: keep, the widths in their commonest granularities, other ranges
  /// and scales, small floats, codebooks, binary and ternary, ggml's types.
  /// The layer's sparsity stays.
  var schemeCandidates: [SchemeCandidate] {
    guard let item = subject else { return [] }
    let present = session.scheme(of: item)
    // What the chosen target takes comes first.
    var formats: [Scheme.Format] = [.keep] + session.targetFormats(for: item)
    for bits in stride(from: 8, through: 2, by: -1) {
      for granularity in [Granularity.group(32), .group(128), .channel, .tensor] {
        for symmetry in [Symmetry.symmetric, .affine] {
          formats.append(.uniform(UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry)))
        }
      }
    }
    for bits in [8, 4, 3] {
      for range in [RangeRule.leastSquares, .percentile(99.9), .entropy] {
        formats.append(.uniform(UniformScheme(bits: bits, granularity: .tensor, range: range)))
      }
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .group(32), range: .leastSquares)))
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .channel, scale: .pow2)))
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .axis(1))))
    }
    formats += SmallFloatScheme.words.map { .smallFloat($0.scheme) }
    formats += [Granularity.tensor, .group(128)].map { .smallFloat(SmallFloatScheme(.e4m3, .scaled($0))) }
    formats += [.codebook(.nf4)]
    formats += stride(from: 8, through: 1, by: -1).map { .codebook(.kMeans(bits: $0)) }
    formats += [4, 3, 2].map { .codebook(.kMeans(bits: $0, .channel)) }
    formats += [.uniform(UniformScheme(bits: 1)), .named(.binary), .named(.ternary)]
    formats += [.uniform(UniformScheme(bits: 16, granularity: .channel)), .f16, .bf16]
    formats += BlockType.allCases.filter { $0 != .q8_1 && $0 != .q8_k }.map { .block($0) }
    var seen: Set<Scheme.Format> = []
    return formats.filter { seen.insert($0).inserted }.map { format in
      let scheme = Scheme(format, sparsity: present.sparsity)
      let obstacle =
        item.obstacle(to: scheme) ?? (scheme.isComputed ? nil : "its error is not yet computed")
        ?? session.targetObstacle(to: scheme, of: item)
      return SchemeCandidate(
        scheme: scheme, bytes: session.bytes(of: item, in: scheme).bytes,
        relativeError: obstacle == nil ? session.relativeError(of: item, in: scheme) : nil,
        isEstimated: session.isErrorEstimated(of: item, in: scheme), obstacle: obstacle)
    }
  }
}
