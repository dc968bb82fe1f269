import Checkpoints
import Compression
import FileAccess
import Numerics

/// A model seen with a tool's eyes: what the tool calls its layers, which of them it quantises, which must agree.
/// Made once; asked about any recipe.
public struct TargetFit: Sendable {
  public let target: ConfigTarget
  /// By item: what the tool calls it, or why it has no name.
  private let names: [Item.ID: Result<String, ConfigTarget.Unfit>]
  /// Further names of layers that are several modules of the tool's.
  let moreNames: [Item.ID: [String]]
  /// Items that must have one scheme, and why.
  public let agreements: [Agreement]
  private let agreementOf: [Item.ID: [Int]]
  /// By item: what is accepted for its kinds, where the tool makes numbers of its own of any scheme.
  let offers: [Item.ID: [Acceptance]]

  /// Layers that must have one scheme.
  public struct Agreement: Sendable {
    public let items: [Item.ID]
    public let reason: String
  }

  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for at all.
  init(_ target: ConfigTarget, _ session: Session) throws(WorkbenchError) {
    self.target = target
    var offers: [Item.ID: [Acceptance]] = [:]
    if target.acceptances.contains(where: { $0.numbers != ToolNumbers() }) {
      var known: [Set<String>: [Acceptance]] = [:]
      for item in session.items where item.kind == .weight {
        let kinds = item.targetKinds
        let found = known[kinds] ?? target.acceptances.filter { $0.takes(kinds) }
        (known[kinds], offers[item.id]) = (found, found)
      }
    }
    self.offers = offers
    let translation = try ToolNames(target.naming, of: session.checkpoint)
    var names: [Item.ID: Result<String, ConfigTarget.Unfit>] = [:]
    for item in session.items where item.kind == .weight || target.tellsAll {
      do { names[item.id] = .success(try translation.name(of: item)) } catch { names[item.id] = .failure(error) }
    }
    self.names = names
    var agreements = target.naming == .mlx ? Self.stacks(names, target, session) : []
    moreNames =
      target.naming != .mlx
      ? [:]
      : names.keys.reduce(into: [:]) { result, id in
        guard let item = session.item(id: id), let all = try? translation.names(of: item), all.count > 1 else { return }
        result[id] = Array(all.dropFirst())
      }
    for words in target.fused {
      let reason = "\(target.tool) runs \(words.joined(separator: ", ")) as one"
      agreements += session.siblings(words).map { Agreement(items: $0, reason: reason) }
    }
    if target.agreesOnTies, let tied = session.tiedEmbedding {
      agreements.append(Agreement(items: tied, reason: "the head and the embedding are one matrix"))
    }
    self.agreements = agreements
    var agreementOf: [Item.ID: [Int]] = [:]
    for (index, agreement) in agreements.enumerated() {
      for id in agreement.items { agreementOf[id, default: []].append(index) }
    }
    self.agreementOf = agreementOf
  }

  /// Layers that are one module of the tool's: the experts of a block.
  private static func stacks(
    _ names: [Item.ID: Result<String, ConfigTarget.Unfit>], _ target: ConfigTarget, _ session: Session
  ) -> [Agreement] {
    var places: [String: Int] = [:]
    var groups: [(name: String, items: [Item.ID])] = []
    for item in session.items {
      guard case .success(let name)? = names[item.id] else { continue }
      if let place = places[name] {
        groups[place].items.append(item.id)
      } else {
        places[name] = groups.count
        groups.append((name, [item.id]))
      }
    }
    return groups.filter { $0.items.count > 1 }.map {
      Agreement(items: $0.items, reason: "\(target.tool) stacks experts to one \($0.name)")
    }
  }

  /// What the tool says of an item in a scheme.
  enum Verdict {
    /// It fits: the tool's name, and what the acceptance adds. `nil` where nothing is accepted by name: kept weights.
    case listed(name: String, Acceptance?)
    /// The tool leaves it alone, and so does the recipe.
    case passedOver
    case unfit(String)
  }

  func verdict(on item: Item, in scheme: Scheme) -> Verdict {
    guard let name = names[item.id] else {
      return scheme.isKeep ? .passedOver : .unfit("\(target.tool) leaves biases, norms and vectors as they are")
    }
    do {
      let kinds = item.targetKinds
      guard target.acceptances.contains(where: { $0.takes(kinds) }) else {
        if !scheme.isKeep { _ = try target.acceptance(of: scheme, kinds: kinds) }
        return .passedOver
      }
      let name = try name.get()
      if target.exceptions.contains(where: { $0.matches(name) }) {
        return scheme.isKeep ? .passedOver : .unfit("\(target.tool) leaves \(name) as it is")
      }
      if scheme.format == .keep, target.keeps == .floats, item.isStoredQuantised {
        return .unfit("it is stored as \(item.storage): \(target.tool) starts from floats and cannot keep that")
      }
      return .listed(name: name, try target.acceptance(of: scheme, kinds: kinds))
    } catch {
      return scheme.isKeep && !error.isCertain && !isQuantised(item) ? .passedOver : .unfit(error.reason)
    }
  }

  /// Whether the tool would quantise the item if it were not told otherwise.
  private func isQuantised(_ item: Item) -> Bool {
    target.keeps == .floats && item.isStoredQuantised && target.acceptances.contains { $0.takes(item.targetKinds) }
  }

  /// Why the tool cannot say a scheme of an item; `nil` where it can.
  public func obstacle(to scheme: Scheme, of item: Item) -> String? {
    if case .unfit(let reason) = verdict(on: item, in: scheme) { reason } else { nil }
  }

  /// The schemes that the tool takes for an item, the most bits first; in groups before channels before the whole tensor.
  func formats(for item: Item) -> [Scheme.Format] {
    let kinds = item.targetKinds
    func rank(_ format: Scheme.Format) -> (Double, Int) {
      let shared =
        switch format.granularity {
        case .group(let size): size
        case .channel: 1 << 20
        default: 1 << 21
        }
      return (-(format.codeBits ?? 0), shared)
    }
    var seen: Set<Scheme.Format> = []
    return target.acceptances.filter { $0.takes(kinds) && $0.format != .keep }.map(\.format)
      .filter { format in
        seen.insert(format).inserted && item.obstacle(to: Scheme(format)) == nil
          && obstacle(to: Scheme(format), of: item) == nil
      }
      .sorted { rank($0) < rank($1) }
  }

  /// Why an item and those that must agree with it do not; `nil` where they do.
  public func disagreement(of item: Item, in session: Session) -> String? {
    for index in agreementOf[item.id] ?? [] {
      let agreement = agreements[index]
      let scheme = session.recipe[item]
      let other = agreement.items.lazy.compactMap(session.item(id:)).first { session.recipe[$0] != scheme }
      if let other {
        return "\(agreement.reason), and \(printable(other.name)) is \(session.recipe[other]), this \(scheme)"
      }
    }
    return nil
  }

  /// The items that must have the scheme of one of them, itself among them.
  public func partners(of id: Item.ID) -> [Item.ID] {
    let found = (agreementOf[id] ?? []).flatMap { agreements[$0].items }
    return found.isEmpty ? [id] : found
  }
}

extension Item {
  /// What sheets call it: its operator, and what it does.
  var targetKinds: Set<String> {
    var kinds: Set<String> = layer.operatorName.map { [$0] } ?? []
    guard kind == .weight else { return kinds.union(["vector"]) }
    switch layer.role {
    case .embedding: kinds.insert("embedding")
    case .head: kinds.formUnion(["linear", "head"])
    case .convolution: kinds.insert("convolution")
    case .norm, .positional, .other: kinds.insert(layer.role.rawValue)
    case .expert where shape.count > 2: kinds.insert("experts")
    default: kinds.insert("linear")
    }
    return kinds
  }

  /// Whether its numbers are codes already.
  var isStoredQuantised: Bool {
    if packing != nil { return true }
    if case .ggml = type { return true }
    return false
  }
}

extension Session {
  /// Items that stand beside each other under some last words: `q_proj`, `k_proj` and `v_proj` of each block.
  ///
  /// GGUF's own words for them are known too. A word `experts.*` stands for all that lies below a module of that name.
  func siblings(_ words: [String]) -> [[Item.ID]] {
    let gguf = [
      "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
      "query": "attn_q", "key": "attn_k", "value": "attn_v",
    ]
    let known = Set(checkpoint.format == .gguf ? words.compactMap { gguf[$0] } : words)
    var groups: [String: [Item.ID]] = [:]
    var order: [String] = []
    let containers = words.compactMap { $0.hasSuffix(".*") ? ".\($0.dropLast(2))." : nil }
    for item in items where item.kind == .weight {
      for container in containers {
        guard let range = item.name.firstRange(of: container) else { continue }
        let parent = String(item.name[..<range.upperBound])
        if groups[parent] == nil { order.append(parent) }
        groups[parent, default: []].append(item.id)
      }
      guard let dot = item.name.lastIndex(of: ".") else { continue }
      // GGUF's layers are called by their tensors' names without `.weight`.
      guard known.contains(String(item.name[item.name.index(after: dot)...])) else { continue }
      let parent = String(item.name[..<dot])
      if groups[parent] == nil { order.append(parent) }
      groups[parent, default: []].append(item.id)
    }
    return order.compactMap { groups[$0] }.filter { $0.count > 1 }
  }

  /// The head and the embedding where a model's config says that they are one, and the file has both.
  var tiedEmbedding: [Item.ID]? {
    guard checkpoint.format == .safetensors || checkpoint.format == .pytorch,
      let config = try? checkpoint.folderFiles.config(),
      (config["tie_word_embeddings"] ?? config["text_config"]?["tie_word_embeddings"])?.bool == true
    else { return nil }
    let found = [Layer.Role.head, .embedding].compactMap { role in
      items.first { $0.kind == .weight && $0.layer.role == role }?.id
    }
    return found.count == 2 ? found : nil
  }
}
