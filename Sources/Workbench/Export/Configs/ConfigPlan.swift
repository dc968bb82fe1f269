import Compression
import FileAccess

/// The recipe as a tool will be told of it: every layer that the tool looks at, under the tool's name.
struct ConfigPlan {
  let target: ConfigTarget
  let entries: [Entry]

  struct Entry {
    let item: Item
    /// What the tool calls it.
    let name: String
    let scheme: Scheme
    /// Whether the tool leaves it as it is, pruning aside.
    let isKept: Bool
    /// From the line of the sheet that accepted the scheme.
    let fields: [String: String]
    /// Weights of all layers that the tool has under the name.
    var weights: Int
  }

  /// - Throws: `WorkbenchError` that names every layer that does not fit, and why.
  init(_ fit: TargetFit, _ session: Session) throws(WorkbenchError) {
    target = fit.target
    var entries: [Entry] = []
    var problems: [String] = []
    var taken: [String: Int] = [:]
    for item in session.items where item.kind != .buffer {
      let scheme = session.recipe[item]
      if item.kind != .weight, scheme.isKeep { continue }
      switch fit.verdict(on: item, in: scheme) {
      case .passedOver: continue
      case .unfit(let reason): problems.append("\(printable(item.name)): \(reason)")
      case .listed(let name, let acceptance):
        for name in [name] + (fit.moreNames[item.id] ?? []) {
          if let place = taken[name] {
            // Experts that the tool stacks, which agree: said once.
            if fit.target.naming == .mlx {
              entries[place].weights += item.count
            } else {
              problems.append(
                "\(printable(item.name)): \(fit.target.tool) calls it \(name), as it does "
                  + printable(entries[place].item.name))
            }
            continue
          }
          taken[name] = entries.count
          entries.append(
            Entry(
              item: item, name: name, scheme: scheme, isKept: scheme.format == .keep,
              fields: acceptance?.fields ?? [:], weights: item.count))
        }
      }
    }
    for agreement in fit.agreements {
      let members = agreement.items.compactMap(session.item(id:))
      guard Set(members.map { session.recipe[$0] }).count > 1 else { continue }
      let choices = members.map { "\(printable($0.name)) \(session.recipe[$0])" }.joined(separator: ", ")
      problems.append("\(agreement.reason), and the recipe has \(choices)")
    }
    if !problems.isEmpty {
      throw WorkbenchError(
        """
        the recipe does not fit \(target.name):
          \(problems.joined(separator: "\n  "))
        leave a layer as it is with 'NAME=keep', or choose what fits
        """)
    }
    guard !entries.isEmpty else { throw WorkbenchError("the model has no layer that \(target.tool) would quantise") }
    self.entries = entries
  }
}
