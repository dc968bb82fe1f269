import Workbench

/// A scheme in the picker, with what it would cost the layer under the cursor.
struct SchemeOffer: Sendable {
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
  var schemeOffers: [SchemeOffer] {
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
      return SchemeOffer(
        scheme: scheme, bytes: session.bytes(of: item, in: scheme).bytes,
        relativeError: obstacle == nil ? session.relativeError(of: item, in: scheme) : nil,
        isEstimated: session.isErrorEstimated(of: item, in: scheme), obstacle: obstacle)
    }
  }

  /// What stands beside the tables of integers' errors: small floats and codebooks as their words have them.
  var errorFormats: [Scheme.Format] {
    SmallFloatScheme.words.map { .smallFloat($0.scheme) }.filter { $0 != .smallFloat(.init(.e2m1, .scaled(.channel))) }
      + [.codebook(.nf4)] + stride(from: 6, through: 2, by: -1).map { .codebook(.kMeans(bits: $0)) }
  }

  /// Words that may follow in the command line, whole lines.
  func completions(of line: String) -> [String] {
    let (name, rest) = line.firstWord
    if !line.contains(" ") { return Command.all.map(\.name).filter { $0.hasPrefix(name) } }
    guard let command = try? Command.find(name) else { return [] }
    let words = rest.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let last = words.last ?? ""
    let before = String(line.dropLast(last.count))
    var candidates: [String]
    switch (command.name, words.count) {
    case ("export", ...1): candidates = Target.all.map(\.name)
    case ("target", ...1): candidates = ["none"] + Target.all.map(\.name)
    case ("export", _), ("recipe", _), ("measure", _), ("bins", _), ("importance", _):
      candidates = Paths.completions(of: last)
    case ("view", _): candidates = Pane.allCases.map(\.rawValue)
    case ("sort", _): candidates = ["file"] + Column.allCases.map(\.rawValue)
    case ("group", ...1): candidates = ["tensor", "channel", "32", "64", "128"]
    case ("symmetry", ...1): candidates = Symmetry.allCases.map(\.rawValue)
    case ("sparsity", ...1):
      candidates = [
        "0.3", "0.5", "2:4", "1:4", "4:8", "channel:0.25", "input:0.25", "block:4x4:0.5", "model:0.3", "wanda:0.5",
      ]
    case ("coding", ...1): candidates = Scheme.Coding.allCases.map(\.rawValue)
    case ("scheme", ...1): candidates = Scheme.words
    case ("bits", ...1): candidates = UniformScheme.widths.map(String.init)
    case ("set", _):
      if let equals = last.lastIndex(of: "=") {
        let head = String(last[...equals])
        candidates = Scheme.words.map { head + $0 }
      } else {
        candidates = session.items.filter { $0.kind == .weight }.map { $0.name + "=" }
      }
    default: candidates = session.items.filter { $0.kind == .weight }.map(\.name)
    }
    if command.arguments.isEmpty { candidates = [] }
    return candidates.filter { $0.hasPrefix(last) }.map { before + $0 }
  }
}
