import FileAccess

/// Where sessions go that ended without being asked to: `$XDG_STATE_HOME/lathe`, else `~/.local/state/lathe`.
///
///     MODEL-YYYYMMDD-HHMMSS-PID.session.json
public struct RescueFolder: Sendable, Hashable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The person's; `nil` where the environment names no place for it.
  public static var ofPerson: RescueFolder? {
    personFolder("XDG_STATE_HOME", else: ".local/state").map(RescueFolder.init)
  }

  static let ending = ".session.json"

  /// The name of a file for a model.
  ///
  /// - Parameter time: `20261201-031500`.
  public static func name(for model: String, at time: String, process: Int) -> String {
    "\(stem(of: model))-\(time)-\(process)\(ending)"
  }

  /// A model's name as it begins the names of its files.
  private static func stem(of model: String) -> String {
    let allowed = (model.split(separator: "/").last ?? "model").unicodeScalars
      .map { $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "-") ? $0 : "_" }
    return String(String.UnicodeScalarView(allowed.prefix(60)))
  }

  /// The files of a model of this name, the newest first: whether they are of this very model, what is in them says.
  public func files(for model: String) -> [String] {
    let stem = Self.stem(of: model) + "-"
    return (folderNames(path) ?? []).filter { name in
      guard name.hasPrefix(stem), name.hasSuffix(Self.ending) else { return false }
      let rest = name.dropFirst(stem.count).dropLast(Self.ending.count)
      return rest.count > 16 && rest.allSatisfy { $0 == "-" || $0.isASCII && $0.isNumber }
    }.sorted(by: >).map { "\(path)/\($0)" }
  }

  /// Takes a file away whose work was taken up and saved, or is not wanted.
  public static func discard(_ path: String) { removeEntry(path) }
}
