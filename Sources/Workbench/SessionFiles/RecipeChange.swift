import Compression
import FileAccess

/// What makes one recipe of another: only what differs, layers of one choice together.
///
///     "set": [{"scheme": "int4,group=32", "by": "user", "layers": ["fc1", "fc2"]}], "keep": ["conv1"]
struct RecipeChange {
  private var chosen: [(choice: Recipe.Choice, layers: [String])] = []
  /// Layers whose choice goes.
  private var kept: [String] = []

  /// - Complexity: O(the choices of both).
  init(from old: Recipe, to new: Recipe) {
    var layers: [Recipe.Choice: [String]] = [:]
    for (name, choice) in new.choices where old.choices[name] != choice { layers[choice, default: []].append(name) }
    chosen = layers.map { ($0.key, $0.value.sorted()) }.sorted { $0.1[0] < $1.1[0] }
    kept = old.choices.keys.filter { new.choices[$0] == nil }.sorted()
  }

  /// As members of a JSON object; none where nothing differs.
  var members: [JSONForm.Member] {
    var members: [JSONForm.Member] = []
    if !chosen.isEmpty {
      members.append(
        (
          "set",
          JSONForm.list(
            chosen.map { choice, layers in
              JSONForm.object([
                ("scheme", JSONText.quoted("\(choice.scheme)")), ("by", JSONText.quoted(choice.by.rawValue)),
                ("layers", JSONForm.list(layers.map(JSONText.quoted))),
              ])
            })
        ))
    }
    if !kept.isEmpty { members.append(("keep", JSONForm.list(kept.map(JSONText.quoted)))) }
    return members
  }

  /// Reads what `members` writes.
  ///
  /// - Throws: `WorkbenchError` that names the file and the member.
  init(_ object: ConfigObject, _ schemes: inout SchemeReader) throws(WorkbenchError) {
    for one in try object.elements("set") {
      chosen.append((try schemes.choice(of: one), try one.strings("layers")))
    }
    kept = try object.strings("keep")
  }

  /// The other recipe.
  ///
  /// - Parameter refuse: why a layer cannot have a choice; it is left out then.
  func applied(to recipe: Recipe, refuse: (String, Scheme) -> Bool = { _, _ in false }) -> Recipe {
    guard !chosen.isEmpty || !kept.isEmpty else { return recipe }
    var recipe = recipe
    for name in kept { recipe.choices[name] = nil }
    for (choice, layers) in chosen {
      for name in layers where !refuse(name, choice.scheme) { recipe.choices[name] = choice }
    }
    return recipe
  }
}

/// Reads choices; thousands of layers share a few schemes.
struct SchemeReader {
  private var known: [String: Scheme] = [:]

  mutating func choice(of object: ConfigObject) throws(WorkbenchError) -> Recipe.Choice {
    guard let spec = try object.string("scheme") else { throw object.wrong("scheme", "a SPEC expected") }
    if known[spec] == nil {
      do { known[spec] = try Scheme(spec: spec) } catch { throw object.wrong("scheme", error.description) }
    }
    let by = try object.string("by") ?? Recipe.Origin.user.rawValue
    guard let origin = Recipe.Origin(rawValue: by), let scheme = known[spec] else {
      throw object.wrong("by", "user, rule or search expected, not \"\(excerpt(by))\"")
    }
    return Recipe.Choice(scheme, by: origin)
  }
}

/// JSON as it is written here: on one line, members in the order that they are given in.
enum JSONForm {
  /// A name, and its value's text.
  typealias Member = (name: String, value: String)

  static func object(_ members: [Member]) -> String {
    "{" + members.map { "\(JSONText.quoted($0.name)): \($0.value)" }.joined(separator: ", ") + "}"
  }

  static func list(_ values: [String]) -> String { "[" + values.joined(separator: ", ") + "]" }

  /// A list with a line a value.
  static func lines(_ values: [String]) -> String {
    values.isEmpty ? "[]" : "[\n" + values.map { "    " + $0 }.joined(separator: ",\n") + "\n  ]"
  }

  /// A number; `null` where JSON has none for it.
  static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}
