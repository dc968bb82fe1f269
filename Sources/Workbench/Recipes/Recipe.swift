import Compression

/// What was chosen for a model: item name → scheme, and who chose it. What is not in it stays as it is.
public struct Recipe: Sendable, Hashable {
  public var choices: [String: Choice]

  public struct Choice: Sendable, Hashable, Codable {
    public var scheme: Scheme
    public var by: Origin

    public init(_ scheme: Scheme, by: Origin) {
      self.scheme = scheme
      self.by = by
    }
  }

  /// Who chose. A person's own choice is drawn differently, and no search replaces it.
  public enum Origin: String, Sendable, Codable {
    case user, rule, search
  }

  public init(choices: [String: Choice] = [:]) {
    self.choices = choices
  }

  public subscript(item: Item) -> Scheme {
    choices.isEmpty ? .keep : choices[item.sharedWith ?? item.name]?.scheme ?? .keep
  }
}
