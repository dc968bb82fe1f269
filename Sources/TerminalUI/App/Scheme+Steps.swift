import Workbench

extension Session {
  /// A step, and more of them while the target cannot say what comes out; the first where none does.
  func stepping(_ scheme: Scheme, of item: Item, by change: (Scheme, Item) -> Scheme) -> Scheme {
    let first = change(scheme, item)
    guard target != nil else { return first }
    if scheme.format == .keep, first.format != .keep, targetObstacle(to: first, of: item) != nil,
      let start = startingFormat(for: item)
    {
      var begun = scheme
      begun.format = start
      return begun
    }
    var next = first
    for _ in 0..<12 where targetObstacle(to: next, of: item) != nil || item.obstacle(to: next) != nil {
      next = change(next, item)
    }
    return targetObstacle(to: next, of: item) == nil ? next : first
  }
}

extension Scheme {
  /// One bit more or less; between block types, the next size that can be exported.
  func stepped(by step: Int, for item: Item) -> Scheme {
    var scheme = self
    switch format {
    case .keep:
      guard step < 0 else { return self }
      scheme.format = .uniform(.starting(for: item))
    case .uniform(var uniform):
      let widths = UniformScheme.widths
      let index = (widths.firstIndex(of: uniform.bits) ?? 0) + step
      if index >= widths.count || (uniform.bits == 8 && step > 0) {
        scheme.format = .keep
        scheme.coding = .none
      } else {
        uniform.bits = widths[max(0, index)]
        if uniform.bits == 1 { uniform.symmetry = .symmetric }
        scheme.format = .uniform(uniform)
      }
    case .block(let type):
      let sizes = BlockQuantizer.available.filter {
        // Q1_0 and Q2_0 take signs and thirds as they come: no steps, but for models that were trained for them.
        $0 == type
          || $0 != .q1_0 && $0 != .q2_0
            && (item.importances != nil || !BlockQuantizer.needsImportance.contains($0))
      }.sorted {
        ($0.bitsPerWeight, $0.name) < ($1.bitsPerWeight, $1.name)
      }
      guard let index = sizes.firstIndex(of: type) else { return self }
      scheme.format =
        sizes.indices.contains(index + step) ? .block(sizes[index + step]) : step > 0 ? .keep : format
    case .f16, .bf16:
      scheme.format = step > 0 ? .keep : .uniform(.starting(for: item))
    case .smallFloat(let small): scheme.format = small.stepped(by: step)
    case .codebook(let codebook): scheme.format = codebook.stepped(by: step)
    case .named: break
    }
    return scheme
  }

  /// The same with its integer format changed; one is started from where there is none.
  func withUniform(for item: Item, _ change: (inout UniformScheme) -> Void) -> Scheme {
    var uniform = UniformScheme.starting(for: item)
    if case .uniform(let present) = format { uniform = present }
    change(&uniform)
    var scheme = self
    scheme.format = .uniform(uniform)
    return scheme
  }

  func withNextGranularity(for item: Item) -> Scheme {
    var scheme = self
    switch format {
    case .smallFloat(var small) where small.granularity != nil:
      small.granularity = small.granularity?.next(for: item)
      scheme.format = .smallFloat(small)
    case .codebook(var codebook):
      codebook.granularity = codebook.granularity.next(for: item)
      scheme.format = .codebook(codebook)
    default: return withUniform(for: item) { $0.granularity = $0.granularity.next(for: item) }
    }
    return scheme
  }

  func with(_ sparsity: Sparsity) -> Scheme {
    var scheme = self
    scheme.sparsity = sparsity
    return scheme
  }

  func withRatio(by step: Double) -> Scheme {
    var ratio = step
    if case .ratio(let present) = sparsity { ratio += present }
    // Steps of 0.05 without the dust of binary fractions.
    ratio = (ratio * 100).rounded() / 100
    return with(ratio <= 0 ? .none : .ratio(min(0.95, ratio)))
  }

  func withThreshold(by step: Double, deviation: Double?) -> Scheme {
    guard let deviation, deviation > 0 else { return self }
    var threshold = step * deviation
    if case .threshold(let present) = sparsity { threshold += present }
    let digits = Float(threshold * 1e6).rounded() / 1e6
    return with(threshold < deviation * 0.05 ? .none : .threshold(Double("\(digits)") ?? threshold))
  }

  var withNextCoding: Scheme {
    var scheme = self
    let all = Coding.allCases
    scheme.coding = all[((all.firstIndex(of: coding) ?? 0) + 1) % all.count]
    return scheme
  }
}

extension Granularity {
  /// The next one that fits, round and round.
  func next(for item: Item) -> Granularity {
    let order: [Granularity] = [.tensor, .channel, .group(128), .group(64), .group(32)]
      .filter { $0.fits(columns: item.matrix.columns) }
    let index = order.firstIndex(of: self).map { $0 + 1 } ?? 0
    return order[index % order.count]
  }
}

extension SmallFloatScheme {
  /// The next wider or narrower element; past the widest the weight is kept.
  func stepped(by step: Int) -> Scheme.Format {
    let order: [Element] = scaling == .nvidia ? [.e2m1] : [.e2m1, .e2m3, .e4m3]
    let present = order.firstIndex { $0.bits == element.bits } ?? 0
    guard present + step < order.count else { return .keep }
    return .smallFloat(SmallFloatScheme(order[max(0, present + step)], scaling))
  }
}

extension CodebookScheme {
  /// Twice or half as many entries; past the most the weight is kept.
  func stepped(by step: Int) -> Scheme.Format {
    guard case .kMeans = table else { return step > 0 ? .keep : .codebook(self) }
    let bits = self.bits + step
    return bits > 8 ? .keep : .codebook(.kMeans(bits: max(1, bits), granularity))
  }
}

extension UniformScheme {
  /// Eight bits in groups of 32, or a scale a channel where groups do not fit.
  static func starting(for item: Item) -> UniformScheme {
    UniformScheme(bits: 8, granularity: item.matrix.columns % 32 == 0 ? .group(32) : .channel)
  }
}
