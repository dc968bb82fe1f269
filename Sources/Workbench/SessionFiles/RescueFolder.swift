import FileAccess

/// Where sessions go that ended without being asked to: `$XDG_STATE_HOME/lathe`, else `~/.local/state/lathe`; where that
/// cannot be written, `$TMPDIR`, else `/tmp`.
///
///     MODEL-YYYYMMDD-HHMMSS-PID.session.json
public struct RescueFolder: Sendable, Hashable {
  public let path: String
  /// What the names of its files begin with: a folder of many programs asks for it.
  let prefix: String

  public init(_ path: String, prefix: String = "") { (self.path, self.prefix) = (path, prefix) }

  /// The person's; `nil` where the environment names no place for it.
  public static var ofPerson: RescueFolder? {
    personFolder("XDG_STATE_HOME", else: ".local/state").map { RescueFolder($0) }
  }

  /// The one for all programs.
  public static var temporary: RescueFolder {
    let named = environmentVariable("TMPDIR").flatMap { $0.hasPrefix("/") ? $0 : nil }
    return RescueFolder(named ?? "/tmp", prefix: "lathe-")
  }

  static let ending = ".session.json"

  /// The files of a model of this name in every folder, the newest first; codes that belong to none go.
  public static func allFiles(for model: String) -> [String] {
    [ofPerson, temporary].compactMap { $0 }.flatMap { folder in
      folder.discardStrays(for: model)
      return folder.names(for: model).map { (name: $0, path: folder.path(of: $0)) }
    }.sorted { $0.name > $1.name }.map(\.path)
  }

  /// The path of a file of this name.
  public func path(of name: String) -> String { "\(path)/\(prefix)\(name)" }

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

  /// The files of a model of this name, the newest first: whether they are of this very model, what is in them says. What
  /// others have put there does not count.
  public func files(for model: String) -> [String] { names(for: model).map(path(of:)) }

  private func names(for model: String) -> [String] {
    let stem = prefix + Self.stem(of: model) + "-"
    return (folderNames(path) ?? []).filter { name in
      number(name, stem, Self.ending) != nil && isOwnFile("\(path)/\(name)")
    }.map { String($0.dropFirst(prefix.count)) }.sorted(by: >)
  }

  /// Takes codes away that were kept for sessions of models of this name that ended without leaving a file.
  private func discardStrays(for model: String) {
    let stem = prefix + Self.stem(of: model) + "-"
    let ending = RecoveredFile.path(beside: Self.ending)
    let names = folderNames(path) ?? []
    for name in names {
      // A folder of many programs has thousands of names: few are looked at twice.
      guard let process = number(name, stem, ending), !names.contains(name.dropLast(ending.count) + Self.ending),
        !processExists(process)
      else { continue }
      let stray = "\(path)/\(name)"
      if isOwnFile(stray) { removeEntry(stray) }
    }
  }

  /// The process whose file this is; `nil` for a name of another form.
  private func number(_ name: String, _ stem: String, _ ending: String) -> Int? {
    guard name.hasPrefix(stem), name.hasSuffix(ending), name.count >= stem.count + ending.count else { return nil }
    let rest = name.dropFirst(stem.count).dropLast(ending.count)
    guard rest.count > 16, rest.allSatisfy({ $0 == "-" || $0.isASCII && $0.isNumber }) else { return nil }
    return rest.split(separator: "-").last.flatMap { Int($0) }
  }

  /// Takes a file away whose work was taken up and saved, or is not wanted, and the codes beside it.
  public static func discard(_ path: String) {
    removeEntry(path)
    discardCodes(beside: path)
  }

  /// Takes the codes away that were kept for a file that is not needed.
  public static func discardCodes(beside path: String) { removeEntry(RecoveredFile.path(beside: path)) }
}
