import Checkpoints
import Compression
import Numerics

extension Session {
  /// The scheme with the next fewer or more bits of its kind that an item, and the chosen target, can take.
  ///
  /// Nothing is stepped to that is no smaller than the weight as it is stored, nor, between ggml's types, to one that
  /// another beats at its size. Past the most bits the weight is kept; below the least it stays as it was.
  package func step(_ scheme: Scheme, by step: Int, for item: Item) -> Scheme {
    guard scheme.format != .keep || step < 0 else { return scheme }
    func bytes(_ format: Scheme.Format) -> Int { item.denseBytes(in: Scheme(format)) }
    func with(_ format: Scheme.Format) -> Scheme {
      Scheme(format, sparsity: scheme.sparsity, coding: format == .keep ? .none : scheme.coding)
    }
    func fits(_ format: Scheme.Format) -> Bool {
      let next = with(format)
      return item.obstacle(to: next) == nil && targetObstacle(to: next, of: item) == nil
    }
    if scheme.format == .keep, let first = firstScheme, !first.isKeep, fits(first.format),
      bytes(first.format) < item.bytes
    {
      return Scheme(
        first.format, sparsity: scheme.sparsity == .none ? first.sparsity : scheme.sparsity, coding: first.coding)
    }
    let present = scheme.format == .keep ? item.bytes : bytes(scheme.format)
    // The most bits first.
    var rungs =
      (scheme.format == .keep ? startingFormats(for: item) : scheme.format.rungs(integers: .starting(for: item)))
      .filter { bytes($0) < item.bytes && fits($0) && $0.isStep(for: item) }.withoutDominated
    if rungs.isEmpty, scheme.format != .keep, !fits(scheme.format) {
      // The target has nothing of this kind: the nearest of what it has.
      rungs = targetFormats(for: item)
        .filter { bytes($0) < item.bytes && fits($0) && $0.isStep(for: item) }.withoutDominated
        .sorted { bytes($0) > bytes($1) }
    }
    let next = step < 0 ? rungs.first { bytes($0) < present } : rungs.last { bytes($0) > present } ?? .keep
    return next.map(with) ?? scheme
  }

  /// Where an edit by keys of a kept weight begins, and what comes after it: about eight bits of what the target takes,
  /// or integers.
  private func startingFormats(for item: Item) -> [Scheme.Format] {
    guard let first = startingFormat(for: item) else {
      return Scheme.Format.uniform(.starting(for: item)).rungs(integers: .starting(for: item))
    }
    return targetFormats(for: item).filter { ($0.codeBits ?? 0) <= (first.codeBits ?? 0) && $0.isStep(for: item) }
  }

  /// A change to the next of some settings, and to those after it while the target or the item cannot take what comes out.
  /// Where none fits it stays, if it fits as it is; else it is the first.
  package func stepping(_ scheme: Scheme, of item: Item, by change: (Scheme, Item) -> Scheme) -> Scheme {
    let first = change(scheme, item)
    func fits(_ scheme: Scheme) -> Bool {
      targetObstacle(to: scheme, of: item) == nil && item.obstacle(to: scheme) == nil
    }
    var next = first
    for _ in 0..<12 where !fits(next) { next = change(next, item) }
    if fits(next) { return next }
    return fits(scheme) ? scheme : first
  }
}

extension Scheme.Format {
  /// Whether keys step to it. Some types of ggml take signs and thirds as they come, for models that were trained for
  /// them; others are made with an importance alone.
  fileprivate func isStep(for item: Item) -> Bool {
    guard case .block(let type) = self else { return true }
    return !BlockQuantizer.forTrained.contains(type)
      && (item.importances != nil || !BlockQuantizer.needsImportance.contains(type))
  }
}

extension [Scheme.Format] {
  /// Without the types of ggml that another here beats: no more bits, and a smaller error on normal weights.
  fileprivate var withoutDominated: [Scheme.Format] {
    let figures = map { format -> (bits: Double, error: Double)? in
      if case .block(let type) = format { type.normalError.map { (type.bitsPerWeight, $0) } } else { nil }
    }
    return indices.filter { place in
      guard let own = figures[place] else { return true }
      return !figures.contains { other in
        guard let other else { return false }
        return other.bits <= own.bits && other.error < own.error
      }
    }.map { self[$0] }
  }
}

extension Scheme {
  /// The same with its integer format changed; one is started from where there is none.
  package func withUniform(for item: Item, _ change: (inout UniformScheme) -> Void) -> Scheme {
    var uniform = UniformScheme.starting(for: item)
    if case .uniform(let present) = format { uniform = present }
    change(&uniform)
    var scheme = self
    scheme.format = .uniform(uniform)
    return scheme
  }

  package func withNextGranularity(for item: Item) -> Scheme {
    guard let granularity = format.granularity else {
      return withUniform(for: item) { $0.granularity = $0.granularity.next(for: item) }
    }
    var scheme = self
    scheme.format = format.with(granularity.next(for: item))
    return scheme
  }

  package func with(_ sparsity: Sparsity) -> Scheme {
    var scheme = self
    scheme.sparsity = sparsity
    return scheme
  }

  package func withRatio(by step: Double) -> Scheme {
    var ratio = step
    if case .ratio(let present) = sparsity { ratio += present }
    // Steps of 0.05 without the dust of binary fractions.
    ratio = (ratio * 100).rounded() / 100
    return with(ratio <= 0 ? .none : .ratio(min(0.95, ratio)))
  }

  package func withThreshold(by step: Double, deviation: Double?) -> Scheme {
    guard let deviation, deviation > 0 else { return self }
    var threshold = step * deviation
    if case .threshold(let present) = sparsity { threshold += present }
    let digits = Float(threshold * 1e6).rounded() / 1e6
    return with(threshold < deviation * 0.05 ? .none : .threshold(Double("\(digits)") ?? threshold))
  }

  package var withNextCoding: Scheme {
    var scheme = self
    let all = Coding.allCases
    scheme.coding = all[((all.firstIndex(of: coding) ?? 0) + 1) % all.count]
    return scheme
  }
}

extension Granularity {
  /// The next one that fits, round and round.
  package func next(for item: Item) -> Granularity {
    let order: [Granularity] = [.tensor, .channel, .group(128), .group(64), .group(32)]
      .filter { $0.fits(columns: item.matrix.columns) }
    let index = order.firstIndex(of: self).map { $0 + 1 } ?? 0
    return order[index % order.count]
  }
}

extension UniformScheme {
  /// The most bits, up to eight, that are fewer than the weight has now: in groups of 32, or with a scale a channel where
  /// groups do not fit.
  package static func starting(for item: Item) -> UniformScheme {
    var scheme = UniformScheme(bits: 8, granularity: item.matrix.columns % 32 == 0 ? .group(32) : .channel)
    while scheme.bits > 2, item.denseBytes(in: Scheme(.uniform(scheme))) >= item.bytes { scheme.bits -= 1 }
    return scheme
  }
}
