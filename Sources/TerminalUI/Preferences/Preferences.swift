import Compression
import FileAccess
import Workbench

/// What a person prefers on the screen, from a file: `$XDG_CONFIG_HOME/lathe/config`, else `~/.config/lathe/config`.
///
///     # a comment
///     theme = light                       auto, dark or light
///     ascii = yes                         yes or no
///     mouse = no
///     target = llama.cpp                  a target's name
///     scheme = int6,group=32              what - makes of a weight that is kept
///     columns = name, scheme, error       the list's columns, in their order
///
/// Options of the command line come before it.
package struct Preferences: Sendable, Equatable {
  /// `nil`: as the terminal says.
  package var backdrop: Backdrop?
  package var ascii: Bool?
  package var mouse: Bool?
  package var target: String?
  package var scheme: Scheme?
  var columns: [Column]?

  package init() {}

  /// The person's file; `nil` where the environment names no place for it.
  package static var path: String? { personFolder("XDG_CONFIG_HOME", else: ".config").map { $0 + "/config" } }

  /// Reads a file.
  ///
  /// - Returns: `nil` where there is none.
  /// - Throws: `WorkbenchError` that names the file, the line and what was expected.
  package init?(path: String) throws(WorkbenchError) {
    guard let status = fileStatus(path) else { return nil }
    guard !status.isFolder, status.size <= Self.longest else {
      throw WorkbenchError("\(path): a file of settings expected, of at most \(Self.longest) bytes")
    }
    let bytes: [UInt8]
    do {
      let file = try MappedFile(path)
      bytes = try file.copy(offset: 0, count: file.size)
    } catch { throw WorkbenchError("\(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw WorkbenchError("\(path): not UTF-8") }
    try self.init(text, path: path)
  }

  private static let longest = 1 << 16

  /// Reads a file's text.
  init(_ text: String, path: String) throws(WorkbenchError) {
    var lines: [Key: Int] = [:]
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = Self.trimmed(line.prefix { $0 != "#" })
      guard !line.isEmpty else { continue }
      func wrong(_ what: String) -> WorkbenchError { WorkbenchError("\(path):\(index + 1): \(what)") }
      guard let equals = line.firstIndex(of: "=") else {
        throw wrong("expected key = value, as in theme = light, not \"\(Self.excerpt(line))\"")
      }
      let name = Self.trimmed(line[..<equals])
      let value = String(Self.trimmed(line[line.index(after: equals)...]))
      guard let key = Key(rawValue: String(name)) else {
        let known = Key.allCases.map(\.rawValue)
        throw wrong(
          "unknown key \"\(Self.excerpt(name))\"\(suggestion(for: String(name), among: known)): expected "
            + known.dropLast().joined(separator: ", ") + " or \(known[known.count - 1])")
      }
      if let first = lines[key] { throw wrong("\(key.rawValue): said in line \(first) already") }
      lines[key] = index + 1
      do throws(WorkbenchError) { try set(key, value) } catch { throw wrong("\(key.rawValue): \(error)") }
    }
  }

  private enum Key: String, CaseIterable { case theme, ascii, mouse, target, columns, scheme }

  private mutating func set(_ key: Key, _ value: String) throws(WorkbenchError) {
    switch key {
    case .theme:
      switch value {
      case "auto": backdrop = nil
      case "dark": backdrop = .dark
      case "light": backdrop = .light
      default: throw Self.wrong(value, "auto, dark or light")
      }
    case .ascii: ascii = try Self.yes(value)
    case .mouse: mouse = try Self.yes(value)
    case .target:
      _ = try Target(name: value)
      target = value
    case .scheme:
      do { scheme = try Scheme(spec: value) } catch { throw WorkbenchError(error.description) }
    case .columns:
      var chosen: [Column] = []
      for part in value.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed) {
        guard let column = Column.allCases.first(where: { $0.rawValue == part || $0.title == part }) else {
          throw Self.wrong(String(part), "some of \(Column.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if !chosen.contains(column) { chosen.append(column) }
      }
      columns = chosen
    }
  }

  private static func yes(_ value: String) throws(WorkbenchError) -> Bool {
    switch value {
    case "yes", "true", "on": true
    case "no", "false", "off": false
    default: throw wrong(value, "yes or no")
    }
  }

  private static func wrong(_ value: String, _ what: String) -> WorkbenchError {
    WorkbenchError("expected \(what), not \"\(excerpt(value))\"")
  }

  private static func excerpt(_ text: some StringProtocol) -> String { printable(String(text.prefix(60))) }

  private static func trimmed(_ text: Substring) -> Substring {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    let start = text.drop(while: isSpace)
    return start.lastIndex { !isSpace($0) }.map { start[...$0] } ?? ""
  }
}
