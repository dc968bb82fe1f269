import Checkpoints

/// A word for all layers of a kind, wherever they stand: `@attn`, `@ffn`, `@head`. Patterns and the list's filter know it.
public struct RoleWord: Sendable, Hashable {
  /// With its `@`.
  public let text: String
  let roles: Set<Layer.Role>
  /// For people.
  public let meaning: String

  /// Kinds first, their parts after them.
  public static let all: [RoleWord] = [
    .init(
      "@attn", [.attentionQuery, .attentionKey, .attentionValue, .attentionQKV, .attentionOutput],
      "attention: q, k, v, output"),
    .init(
      "@ffn", [.feedForwardUp, .feedForwardGate, .feedForwardDown, .expert],
      "feed-forward: gate, up, down, experts"),
    .init("@embd", [.embedding], "embeddings"),
    .init("@head", [.head], "the output head"),
    .init("@conv", [.convolution], "convolutions"),
    .init("@linear", [.linear], "linear layers of no other kind"),
    .init("@q", [.attentionQuery], "attention's queries"),
    .init("@k", [.attentionKey], "attention's keys"),
    .init("@v", [.attentionValue], "attention's values"),
    .init("@qkv", [.attentionQKV], "queries, keys and values in one"),
    .init("@o", [.attentionOutput], "attention's output"),
    .init("@gate", [.feedForwardGate], "feed-forward gates"),
    .init("@up", [.feedForwardUp], "feed-forward, up"),
    .init("@down", [.feedForwardDown], "feed-forward, down"),
    .init("@expert", [.expert], "experts"),
    .init("@router", [.router], "routers: patterns leave them alone"),
    .init("@pos", [.positional], "positions"),
    .init("@norm", [.norm], "normalisations: patterns leave them alone"),
    .init("@other", [.other], "of no known kind"),
  ]

  private init(_ text: String, _ roles: Set<Layer.Role>, _ meaning: String) {
    (self.text, self.roles, self.meaning) = (text, roles, meaning)
  }

  /// The word of this text; `nil` for none.
  public init?(_ text: some StringProtocol) {
    let text = text.lowercased()
    guard let word = Self.all.first(where: { $0.text == text }) else { return nil }
    self = word
  }

  public func means(_ role: Layer.Role) -> Bool { roles.contains(role) }

  /// Every word that means a role, the narrowest last.
  public static func words(for role: Layer.Role) -> [String] { all.filter { $0.means(role) }.map(\.text) }

  /// The words that mean something in some items, for suggestions.
  static func known(among items: [Item]) -> [String] {
    let roles = Set(items.lazy.filter { $0.kind == .weight }.map(\.role))
    return all.filter { !$0.roles.isDisjoint(with: roles) }.map(\.text)
  }
}

extension Pattern {
  /// Whether an item is meant: by the layer's name or its tensor's, or by what it does (`@attn`).
  public func matches(_ item: Item) -> Bool {
    if let role { return role.means(item.role) }
    return matches(item.name) || matches(item.tensorName)
  }

  /// Why nothing was found.
  package func matchesNothing(among items: [Item]) -> String {
    let text = "pattern \"\(description)\" matches no layer of this model"
    guard description.hasPrefix("@") else { return text }
    return text + ": there is \(RoleWord.known(among: items).joined(separator: ", "))"
  }
}
