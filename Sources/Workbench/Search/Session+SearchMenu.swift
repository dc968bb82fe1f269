import Checkpoints
import Compression
import Numerics

extension Session {
  /// The schemes that a search takes for a layer where nobody says which: what the target can hold; ggml's types for GGUF;
  /// else integers of two to eight bits. Sparsity is taken on request alone.
  public func searchSchemes(for item: Item) -> [Scheme] {
    if aim.fit != nil || checkpoint.format == .gguf {
      let isGGML = checkpoint.format == .gguf || target?.name == "gguf" || target?.name == "llama.cpp"
      let formats = aim.fit == nil ? Self.ggmlTypes.map { .block($0) } : targetFormats(for: item)
      return formats.filter { format in
        guard isGGML, case .block(let type) = format else { return !isGGML }
        return Self.ggmlTypes.contains(type)
      }.map { Scheme($0) }
    }
    var schemes: [Scheme] = []
    for bits in 2...8 {
      for symmetry in [Symmetry.symmetric, .affine] {
        for granularity in [Granularity.group(32), .group(128), .channel] {
          schemes.append(Scheme(.uniform(UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry))))
        }
      }
    }
    return schemes
  }

  /// Those of ggml's types that are made without an importance and that no other beats by far; legacy ones for rows that are
  /// no multiple of 256.
  private static let ggmlTypes: [BlockType] = [
    .q2_k, .q3_k, .q4_k, .q5_k, .q6_k, .iq4_xs, .iq4_nl, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0,
  ]

  /// - Parameter asked: the only schemes that may appear; `nil` for `searchSchemes`.
  private func searchable(_ item: Item, _ asked: [Scheme]?) -> [Scheme] {
    let taken = (asked ?? searchSchemes(for: item)).filter {
      $0.isComputed && item.obstacle(to: $0) == nil && targetObstacle(to: $0, of: item) == nil
        && ($0.isKeep || item.obstacle(to: made($0, of: item)) == nil)
    }
    // What is not asked for does not appear, but where nothing else can.
    let mayStay = taken.isEmpty || asked == nil && targetObstacle(to: .keep, of: item) == nil
    return taken + (mayStay && !taken.contains(.keep) ? [.keep] : [])
  }

  /// Layers that have one scheme: what the target's runtime fuses, what is one matrix, what a person locked to each other.
  private var searchGroups: [[Item]] {
    let tunable = items.filter { $0.isPatternTarget && $0.closed == nil && $0.count > 0 }
    let places = Dictionary(uniqueKeysWithValues: tunable.enumerated().map { ($1.id, $0) })
    // Union of sets, each led by its first.
    var leaders = Array(tunable.indices)
    func leader(_ place: Int) -> Int {
      var place = place
      while leaders[place] != place { place = leaders[place] }
      return place
    }
    func join(_ ids: [Item.ID]) {
      let members = ids.compactMap { places[$0] }.map(leader)
      guard let first = members.min() else { return }
      for member in members { leaders[member] = first }
    }
    for item in tunable {
      if let fit = aim.fit { join(fit.partners(of: item.id)) }
      if let locks { join(locks.group(of: item.id)) }
    }
    if let tied = tiedEmbedding { join(tied) }
    var groups: [Int: [Item]] = [:]
    for (place, item) in tunable.enumerated() { groups[leader(place), default: []].append(item) }
    return groups.sorted { $0.key < $1.key }.map(\.value)
  }

  /// What has to be found out before a search: errors and sizes of every scheme that a layer could take.
  public func searchQuestions(_ asked: [Scheme]? = nil) -> [Question] {
    searchGroups.flatMap { group in
      group.flatMap { item -> [Question] in
        var questions: [Question] = []
        if table(of: item, sparsity: .none) == nil { questions.append(.survey(item.id)) }
        for scheme in searchable(item, asked) where !scheme.isKeep {
          let made = made(scheme, of: item)
          if case .uniform(let uniform) = made.format, uniform.isInTable(columns: item.matrix.columns),
            made.sparsity == .none, made.coding == .none
          {
            continue
          }
          if assessment(of: item, in: scheme) == nil { questions.append(.assessment(item.id, made)) }
        }
        return questions
      }
    }
  }

  /// What can be chosen, from what is known by now: schemes whose error is not known are left out.
  ///
  /// Layers for which a person or a rule chose stay as they are, and so do those that move with them.
  ///
  /// - Parameters:
  ///   - asked: the only schemes that may appear; `nil` for `searchSchemes`.
  ///   - isWhole: whether layers that were chosen for are choices too.
  public func searchMenu(_ asked: [Scheme]? = nil, isWhole: Bool = false) -> SearchMenu {
    var (groups, base): ([SearchMenu.Group], Recipe) = ([], Recipe())
    var chosen: Set<Item.ID> = []
    for (name, choice) in recipe.choices where choice.by != .search && !isWhole { base.choices[name] = choice }
    for group in searchGroups where !group.contains(where: { base.choices[$0.name] != nil }) {
      let first = searchable(group[0], asked)
      let rest = group.dropFirst().map { Set(searchable($0, asked)) }
      let options = first.compactMap { scheme -> SearchMenu.Option? in
        guard rest.allSatisfy({ $0.contains(scheme) }) else { return nil }
        var (size, harm) = (0, 0.0)
        for item in group {
          let bytes = bytes(of: item, in: scheme)
          guard bytes.exact, let part = harmOf(item, scheme) else { return nil }
          size += bytes.bytes
          harm += part
        }
        return SearchMenu.Option(scheme: scheme, bytes: size, harm: harm)
      }
      guard !options.isEmpty else { continue }
      groups.append(
        .init(
          items: group.map(\.id), names: group.map(\.name), count: group.reduce(0) { $0 + $1.count },
          options: options.sorted { ($0.bytes, $0.harm) < ($1.bytes, $1.harm) }))
      chosen.formUnion(group.map(\.id))
    }
    var (restBytes, restParameterBytes, parameters, originalBytes) = (0, 0, 0, 0)
    var restHarm = 0.0
    for item in items {
      originalBytes += item.bytes
      let isParameter = item.kind != .buffer && !item.isShared
      if isParameter { parameters += item.count }
      guard !chosen.contains(item.id) else { continue }
      let bytes = bytes(of: item, in: base[item]).bytes
      restBytes += bytes
      if !base[item].isKeep, !item.isShared { restHarm += harmOf(item, base[item]) ?? 0 }
      if isParameter { restParameterBytes += bytes }
    }
    return SearchMenu(
      groups: groups, base: base, restBytes: restBytes, restParameterBytes: restParameterBytes, restHarm: restHarm,
      parameters: parameters,
      originalBytes: originalBytes, isCalibrated: sensitivities != nil, interactions: sensitivities?.interactions)
  }

  /// What a scheme of a layer harms: its effect on the outputs, or n·t² where nothing was calibrated.
  private func harmOf(_ item: Item, _ scheme: Scheme) -> Double? {
    let harm =
      sensitivities != nil
      ? effect(of: item, in: scheme) : relativeError(of: item, in: scheme).map { Double(item.count) * $0 }
    return harm.flatMap { $0.isFinite ? $0 : nil }
  }
}
