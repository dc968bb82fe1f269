import Checkpoints
import Compression
import FileAccess

/// An object of a config in JSON: its members by name, read as what they should be.
struct ConfigObject {
  let path: String
  /// Where in the file it stands: `quantization.lm_head`; empty for the whole.
  let place: String
  /// In the file's order; of a repeated name the last.
  let members: [(key: String, value: JSONValue)]
  private let index: [String: Int]

  /// - Throws: `WorkbenchError` where the value is no object.
  init(_ value: JSONValue, at place: String, in path: String) throws(WorkbenchError) {
    guard case .object(let all) = value else {
      throw WorkbenchError(
        "\(path): \(place.isEmpty ? "" : "\(excerpt(place)): ")an object expected, not \(value.short)")
    }
    var index: [String: Int] = [:]
    var members: [(key: String, value: JSONValue)] = []
    for member in all {
      if let known = index[member.key] {
        members[known].value = member.value
      } else {
        index[member.key] = members.count
        members.append((member.key, member.value))
      }
    }
    (self.path, self.place, self.members, self.index) = (path, place, members, index)
  }

  /// A member that is there and not null.
  subscript(key: String) -> JSONValue? {
    index[key].flatMap { members[$0].value.isNull ? nil : members[$0].value }
  }

  func place(of key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

  func wrong(_ key: String, _ what: String) -> WorkbenchError {
    WorkbenchError("\(path): \(excerpt(place(of: key))): \(what)")
  }

  private func read<T>(
    _ key: String, _ what: String, _ value: (JSONValue) -> T?
  ) throws(WorkbenchError) -> T? {
    guard let found = self[key] else { return nil }
    guard let value = value(found) else { throw wrong(key, "\(what) expected, not \(found.short)") }
    return value
  }

  func int(_ key: String) throws(WorkbenchError) -> Int? { try read(key, "a whole number", \.int) }
  func bool(_ key: String) throws(WorkbenchError) -> Bool? { try read(key, "true or false", \.bool) }
  func double(_ key: String) throws(WorkbenchError) -> Double? {
    try read(key, "a number") { value in value.double.flatMap { $0.isFinite ? $0 : nil } }
  }
  func string(_ key: String) throws(WorkbenchError) -> String? { try read(key, "a text", \.string) }

  func object(_ key: String) throws(WorkbenchError) -> ConfigObject? {
    guard let found = self[key] else { return nil }
    return try ConfigObject(found, at: place(of: key), in: path)
  }

  /// A list of objects; none where there is no such member.
  func elements(_ key: String) throws(WorkbenchError) -> [ConfigObject] {
    let values: [JSONValue] =
      try read(key, "a list of objects") { value in if case .array(let values) = value { values } else { nil } } ?? []
    var objects: [ConfigObject] = []
    for (index, value) in values.enumerated() {
      objects.append(try ConfigObject(value, at: "\(place(of: key))[\(index)]", in: path))
    }
    return objects
  }

  func strings(_ key: String) throws(WorkbenchError) -> [String] {
    try read(key, "a list of texts") { value in
      guard case .array(let values) = value else { return nil }
      let texts = values.compactMap(\.string)
      return texts.count == values.count ? texts : nil
    } ?? []
  }
}

extension JSONValue {
  /// As a message shows it.
  fileprivate var short: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let text): excerpt(text)
    case .string(let text): "\"\(excerpt(text))\""
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension Session {
  /// The weights that have paths of modules, as transformers and mlx-lm call them.
  func modules() throws(WorkbenchError) -> [(item: Item, path: String)] {
    let names = try ToolNames(.modules, of: checkpoint)
    return items.compactMap { item in
      guard item.kind == .weight, let path = try? names.name(of: item) else { return nil }
      return (item, path)
    }
  }
}

extension ConfigObject {
  /// A scheme by its SPEC, made of this object's numbers.
  ///
  /// - Throws: `WorkbenchError` that names the object where there is no such scheme.
  func scheme(_ spec: String) throws(WorkbenchError) -> Scheme {
    do { return try Scheme(spec: spec) } catch {
      throw WorkbenchError(
        "\(path): \(place.isEmpty ? "" : "\(excerpt(place)): ")there is no scheme for that: \(error)")
    }
  }
}
