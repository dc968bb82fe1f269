import FileAccess
import Mustache

/// The texts of a sheet: Mustache templates in which words are written as JSON, as a pattern or as they are.
enum ConfigTemplate {
  /// - Throws: `WorkbenchError` that names the place, for a template that Mustache does not take.
  static func check(_ text: String, _ place: String) throws(WorkbenchError) { _ = try parsed(text, place) }

  static func render(_ text: String, _ context: [String: Any], _ place: String) throws(WorkbenchError) -> String {
    try checkSize(text, context, place)
    return try parsed(text, place).render(context)
  }

  /// Bytes that one text may make: a list within a list of all layers makes the square of them.
  private static let mostBytes = 256 << 20

  /// Refuses templates whose sections repeat each other too often, by the lengths of the lists that they go through.
  private static func checkSize(_ text: String, _ context: [String: Any], _ place: String) throws(WorkbenchError) {
    var lengths: [String: Int] = [:]
    measure(context, "", &lengths, depth: 0)
    var (open, repeats, size): ([(name: String, count: Int)], Double, Double) = ([], 1, 0)
    var rest = text[...]
    while let start = rest.firstRange(of: "{{") {
      size += Double(rest[..<start.lowerBound].utf8.count) * repeats
      rest = rest[start.upperBound...]
      guard let end = rest.firstRange(of: "}}") else { break }
      let tag = String(rest[..<end.lowerBound]).trimmed
      rest = rest[end.upperBound...]
      switch tag.first {
      case "=":
        throw WorkbenchError("\(place): {{\(excerpt(tag))}}: other delimiters than braces are not read in sheets")
      case "#":
        // `{{#reversed(layers)}}` goes through `layers`.
        let name = String(tag.dropFirst().split { "(). ".contains($0) }.last ?? "")
        open.append((name, max(1, lengths[name] ?? 1)))
        repeats *= Double(max(1, lengths[name] ?? 1))
      case "^": open.append((tag, 1))
      case "/":
        if let last = open.popLast() { repeats /= Double(last.count) }
      default: size += 64 * repeats
      }
      guard size <= Double(mostBytes), open.count <= 32 else {
        throw WorkbenchError(
          "\(place): sections within sections (\(excerpt(open.map(\.name).joined(separator: " in ")))) would make more than \(mostBytes >> 20) MiB"
        )
      }
    }
  }

  /// The longest list under each name, at any depth.
  private static func measure(_ value: Any, _ name: String, _ lengths: inout [String: Int], depth: Int) {
    guard depth < 8 else { return }
    if let members = value as? [String: Any] {
      for (key, member) in members { measure(member, key, &lengths, depth: depth + 1) }
    } else if let list = value as? [Any] {
      lengths[name] = max(lengths[name] ?? 0, list.count)
      // Elements of a list are alike: lists within are looked for in all, but not within those.
      for element in list { measure(element, name, &lengths, depth: depth + 1) }
    }
  }

  private static func parsed(_ text: String, _ place: String) throws(WorkbenchError) -> MustacheTemplate {
    do { return try MustacheTemplate(string: "{{% CONTENT_TYPE: TEXT}}\n" + text) } catch {
      throw WorkbenchError("\(place): \(error)")
    }
  }
}

/// A word in a template: `{{name}}` as it is, `{{json(name)}}` as JSON's, Python's and YAML's string,
/// `{{regex(name)}}` as a regular expression that matches it alone (`regex_json` the same within JSON's quotes), `{{csv(name)}}`, `{{cell(name)}}` for Markdown's
/// tables, `{{shell(name)}}`; one within the other where that is meant: `{{json(regex(name))}}`.
struct TemplateWord: MustacheTransformable, CustomStringConvertible {
  let description: String

  init(_ text: String) { description = text }

  func transform(_ name: String) -> Any? {
    switch name {
    case "json": TemplateWord(JSONText.quoted(description))
    case "regex": TemplateWord(LlamaNames.escaped(description))
    case "regex_json": TemplateWord(String(JSONText.quoted(LlamaNames.escaped(description)).dropFirst().dropLast()))
    case "csv": TemplateWord(Self.csv(description))
    case "cell": TemplateWord(description.replacing("|", with: "\\|"))
    case "shell": TemplateWord(shellWord(description))
    case "lowercased": TemplateWord(description.lowercased())
    case "uppercased": TemplateWord(description.uppercased())
    default: nil
    }
  }

  /// RFC 4180: quoted where it has a comma, a quote or a line's end; a quote is doubled.
  static func csv(_ text: String) -> String {
    text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline })
      ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }
}
