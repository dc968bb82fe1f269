import Compression

extension ConfigTarget {
  /// The acceptance that a scheme falls under for a layer of some kinds.
  ///
  /// - Throws: `Unfit`: what the tool takes instead.
  func acceptance(of scheme: Scheme, kinds: Set<String>) throws(Unfit) -> Acceptance? {
    let offered = acceptances.filter { $0.takes(kinds) }
    if let open = offered.first(where: \.takesEverything) { return open }
    if scheme.coding != .none { throw Unfit("\(tool) has no entropy coding") }
    var format = scheme.format
    if case .uniform(let uniform) = format {
      guard scales.contains(uniform.scale) else { throw Unfit("\(tool) chooses the type of scales itself") }
      if let rounds = uniform.rounds, !offered.contains(where: { $0.numbers.rounds == rounds }) {
        throw Unfit("\(tool) has an arithmetic of its own: leave rounds=\(rounds.rawValue) out")
      }
      format = format.plain
    }
    let fitting = offered.filter { $0.takes(format) || format == .keep }
    if let kind = Acceptance.SparsityKind(scheme.sparsity), !fitting.contains(where: { $0.takes(scheme.sparsity) }) {
      if format == .keep || !fitting.isEmpty {
        let known = Set((fitting.isEmpty ? offered : fitting).flatMap(\.sparsities)).map(\.text).sorted()
        throw Unfit(
          known.isEmpty
            ? "\(tool) takes no sparsity here"
            : "\(tool) prunes by \(known.joined(separator: " or ")), not by \(kind.text)")
      }
    }
    if format == .keep { return offered.first { $0.format == .keep } }
    guard let acceptance = fitting.first(where: { $0.takes(scheme.sparsity) }) else {
      throw Unfit(offered.isEmpty ? leavesAlone(kinds) : difference(of: format, from: offered))
    }
    return acceptance
  }

  private func leavesAlone(_ kinds: Set<String>) -> String {
    let known = Set(acceptances.flatMap(\.kinds)).sorted().joined(separator: ", ")
    return "\(tool) quantises \(known), and this is \(kinds.sorted().joined(separator: ", "))"
  }

  /// The first trait in which a scheme differs from all that are left of what is offered.
  private func difference(of format: Scheme.Format, from offered: [Acceptance]) -> String {
    var left = offered
    let traits = format.traits
    for (place, trait) in traits.enumerated() {
      let next = left.filter { acceptance in
        let theirs = acceptance.format.traits
        return place < theirs.count && (theirs[place] == trait || acceptance.hasAnyGroup && place == 2)
      }
      if next.isEmpty {
        let family = trait.prefix { $0.isLetter }
        var known = Array(Set(left.compactMap { place < $0.format.traits.count ? $0.format.traits[place] : nil }))
        let kin = known.filter { $0.hasPrefix(family) }
        if place == 0, !kin.isEmpty { known = kin }
        known = known.filter { !$0.isEmpty && $0 != "keep" }.sorted { a, b in
          a.count == b.count ? a < b : a.count < b.count
        }
        let shown = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
        return shown.isEmpty ? "no \(Scheme(format)) for \(tool)" : "no \(trait) for \(tool): it takes \(shown)"
      }
      left = next
    }
    return "no \(Scheme(format)) for \(tool)"
  }

  /// Why a scheme does not fit, in a few words.
  struct Unfit: Error {
    let reason: String
    /// Whether it does not fit even where the recipe leaves the layer alone: the tool would not.
    let isCertain: Bool

    init(_ reason: String, whateverTheRecipe isCertain: Bool = false) {
      self.reason = reason
      self.isCertain = isCertain
    }
  }
}

extension ConfigTarget {
  /// What the tool takes: SPECs by the layers that they are for, in the sheet's order. `group=N` is any size.
  public var accepted: [(layers: String, specs: [String])] {
    var found: [(layers: String, specs: [String])] = []
    for acceptance in acceptances {
      let layers = acceptance.kinds.sorted().joined(separator: ", ")
      var spec = acceptance.takesEverything ? "everything" : Scheme(acceptance.format).description
      if acceptance.hasAnyGroup { spec = spec.replacing("group=32", with: "group=N") }
      if let place = found.firstIndex(where: { $0.layers == layers }) {
        if !found[place].specs.contains(spec) { found[place].specs.append(spec) }
      } else {
        found.append((layers, [spec]))
      }
    }
    return found
  }

  /// What it can be told of zeros, in words.
  public var acceptedSparsity: [String] { Set(acceptances.flatMap(\.sparsities)).map(\.text).sorted() }
}
