import Checkpoints
import Compression

/// Signs that a search was led astray, which are worth a line each.
extension Session {
  /// - Parameters:
  ///   - answer: what was chosen.
  ///   - greedy: the best choice by the sum of the layers' effects alone.
  func doubts(about answer: Recipe, in menu: SearchMenu, greedy: [Int]) -> [String] {
    var lines: [String] = []
    let best = menu.recipe(greedy)
    for item in items where item.kind == .weight && !item.isShared && [.embedding, .head].contains(item.role) {
      let (own, plain) = (bits(of: item, in: answer[item]), bits(of: item, in: best[item]))
      if own < plain - 0.5 {
        lines.append(
          "\(item.name) has \(Format.fixed(plain - own, 1)) bits less than by its own effect: embeddings and heads are what models bear worst"
        )
      }
    }
    // By what about four bits do to each.
    let ranked = menu.groups.indices.map { (place: $0, harm: menu.groups[$0].harm(atBits: 4)) }
      .sorted { $0.harm > $1.harm }
    for (place, _) in ranked.prefix(max(1, ranked.count / 20)) where ranked.count > 3 {
      let group = menu.groups[place]
      if let name = group.names.first, group.options.count > 1,
        answer.choices[name]?.scheme ?? .keep == group.options[0].scheme
      {
        lines.append("\(name) is among the most sensitive layers, and has the fewest bits that there are")
      }
    }
    return lines + starvedRoles(menu, answer)
  }

  /// Roles whose layers all have the fewest bits that they can, where the others' differ.
  private func starvedRoles(_ menu: SearchMenu, _ answer: Recipe) -> [String] {
    var byRole: [Layer.Role: (all: Int, starved: Int)] = [:]
    for group in menu.groups {
      guard let item = group.items.first.flatMap(item(id:)), let name = group.names.first, group.options.count > 1
      else {
        continue
      }
      byRole[item.role, default: (0, 0)].all += 1
      if answer.choices[name]?.scheme ?? .keep == group.options[0].scheme { byRole[item.role]?.starved += 1 }
    }
    guard byRole.values.contains(where: { $0.starved < $0.all }) else { return [] }
    return byRole.filter { $0.value.all >= 4 && $0.value.starved == $0.value.all }.keys.map(\.rawValue).sorted().map {
      "all layers of the role \($0) have the fewest bits that there are"
    }
  }

  private func bits(of item: Item, in scheme: Scheme) -> Double {
    item.count > 0 ? 8 * Double(bytes(of: item, in: scheme).bytes) / Double(item.count) : 0
  }
}

extension SearchMenu.Group {
  /// The harm of the option that takes about so many bits a weight.
  func harm(atBits bits: Double) -> Double {
    let wanted = bits * Double(count) / 8
    return options.min { abs(Double($0.bytes) - wanted) < abs(Double($1.bytes) - wanted) }?.harm ?? 0
  }
}
