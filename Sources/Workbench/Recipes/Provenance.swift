import FileAccess

/// How a recipe came about and what is known of it: its story, which goes into the files that are made of it.
///
/// Two recipes are the same whatever their stories say. Files are told by their names, without their folders.
public struct Provenance: Codable, Sendable, Hashable {
  /// What it had to keep to: `size ≤ 2 GB`, `kl ≤ 0.01`.
  public var budgets: [String]
  /// How it was chosen: `search: knapsack, gap 0.3 %`, `by hand`.
  public var method: String?
  /// The file that the search looked at.
  public var data: String?
  public var estimate: Expected?
  public var measured: [Measured]
  /// Whom it is meant for: a target's name.
  public var target: String?
  /// The version of Lathe that tells it.
  public var lathe: String

  /// A metric as it is expected to be measured, with its 90 % interval.
  public struct Expected: Codable, Sendable, Hashable {
    public var metric: String
    public var value: Double
    public var low: Double
    public var high: Double
    /// `anchors`, `gradients`, `fitted K=8`.
    public var method: String

    public init(metric: String, value: Double, low: Double, high: Double, method: String) {
      (self.metric, self.value, self.low, self.high, self.method) = (metric, value, low, high, method)
    }
  }

  /// A metric as it was measured.
  public struct Measured: Codable, Sendable, Hashable {
    public var metric: String
    public var value: Double
    public var standardError: Double?
    /// The uncompressed model's figure.
    public var baseline: Double?
    public var data: String
    public var samples: Int

    public init(
      metric: String, value: Double, standardError: Double? = nil, baseline: Double? = nil, data: String, samples: Int
    ) {
      (self.metric, self.value, self.standardError, self.baseline) = (metric, value, standardError, baseline)
      (self.data, self.samples) = (data, samples)
    }
  }

  /// - Parameter data: a path; its last part is kept.
  public init(
    budgets: [String] = [], method: String? = nil, data: String? = nil, estimate: Expected? = nil,
    measured: [Measured] = [], target: String? = nil, lathe: String = Version.number
  ) {
    (self.budgets, self.method, self.data) = (budgets, method, data.map(Self.withoutFolders))
    (self.estimate, self.measured, self.target, self.lathe) = (estimate, measured, target, lathe)
  }

  /// Whether there is nothing to tell but who would tell it.
  public var isEmpty: Bool {
    budgets.isEmpty && method == nil && data == nil && estimate == nil && measured.isEmpty
  }

  /// What a person chose, rule by rule.
  static let byHand = "by hand"

  /// A path's last part; of a command the last part of each of its words.
  static func withoutFolders(_ text: String) -> String {
    let text = text.hasSuffix("/") ? String(text.dropLast()) : text
    guard !text.hasPrefix("/") else { return lastPart(text) }
    return text.split(separator: " ", omittingEmptySubsequences: false).map { lastPart(String($0)) }
      .joined(separator: " ")
  }
}

// MARK: - JSON

extension Provenance {
  private enum Key: String, CodingKey { case budgets, method, data, estimate, measured, target, lathe }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    budgets = try values.decodeIfPresent([String].self, forKey: .budgets) ?? []
    method = try values.decodeIfPresent(String.self, forKey: .method)
    data = try values.decodeIfPresent(String.self, forKey: .data)
    estimate = try values.decodeIfPresent(Expected.self, forKey: .estimate)
    measured = try values.decodeIfPresent([Measured].self, forKey: .measured) ?? []
    target = try values.decodeIfPresent(String.self, forKey: .target)
    lathe = try values.decodeIfPresent(String.self, forKey: .lathe) ?? ""
  }

  /// Without what is not known.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    if !budgets.isEmpty { try values.encode(budgets, forKey: .budgets) }
    try values.encodeIfPresent(method, forKey: .method)
    try values.encodeIfPresent(data, forKey: .data)
    try values.encodeIfPresent(estimate, forKey: .estimate)
    if !measured.isEmpty { try values.encode(measured, forKey: .measured) }
    try values.encodeIfPresent(target, forKey: .target)
    if !lathe.isEmpty { try values.encode(lathe, forKey: .lathe) }
  }
}

extension Provenance {
  /// From a recipe file: members that are not known are passed over.
  ///
  /// - Throws: `WorkbenchError` that names the place of a member that is something else.
  init(_ object: ConfigObject) throws(WorkbenchError) {
    var estimate: Expected?
    if let found = try object.object("estimate") {
      estimate = Expected(
        metric: try found.needed("metric", try found.string("metric")),
        value: try found.needed("value", try found.double("value")),
        low: try found.needed("low", try found.double("low")), high: try found.needed("high", try found.double("high")),
        method: try found.string("method") ?? "")
    }
    var measured: [Measured] = []
    for one in try object.elements("measured") {
      measured.append(
        Measured(
          metric: try one.needed("metric", try one.string("metric")),
          value: try one.needed("value", try one.double("value")), standardError: try one.double("standardError"),
          baseline: try one.double("baseline"), data: try one.string("data") ?? "", samples: try one.int("samples") ?? 0
        ))
    }
    self.init(
      budgets: try object.strings("budgets"), method: try object.string("method"), data: try object.string("data"),
      estimate: estimate, measured: measured, target: try object.string("target"),
      lathe: try object.string("lathe") ?? "")
  }
}

extension ConfigObject {
  fileprivate func needed<T>(_ key: String, _ value: T?) throws(WorkbenchError) -> T {
    guard let value else { throw wrong(key, "is missing") }
    return value
  }
}
