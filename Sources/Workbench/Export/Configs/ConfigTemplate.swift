import Mustache

/// The texts of a sheet: Mustache templates in which words are written as JSON, as a pattern or as they are.
enum ConfigTemplate {
  /// - Throws: `WorkbenchError` that names the place, for a template that Mustache does not take.
  static func check(_ text: String, _ place: String) throws(WorkbenchError) { _ = try parsed(text, place) }

  static func render(_ text: String, _ context: [String: Any], _ place: String) throws(WorkbenchError) -> String {
    try parsed(text, place).render(context)
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
