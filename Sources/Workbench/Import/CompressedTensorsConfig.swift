import Compression
import FileAccess

/// A list of modules as compressed-tensors has them: exact paths, `re:` and an expression that matches from the path's
/// first character on, or classes of modules.
private struct ModuleTargets {
  /// In the order in which they are asked: paths, then expressions by the alphabet.
  private var paths: [String: Int] = [:]
  private var expressions: [String: (pattern: NamePattern, group: Int)] = [:]
  private var ordered: [String] = []
  private var patterns = NamePatterns([])
  private var classes: [String: Int] = [:]
  private(set) var used: Set<String> = []
  private(set) var all: [String] = []

  /// Of a text that stands in several groups the last counts.
  mutating func add(_ text: String, group: Int, at place: String, in draft: ImportDraft) throws(WorkbenchError) {
    if paths[text] == nil, expressions[text] == nil { all.append(text) }
    guard text.hasPrefix("re:") else {
      paths[text] = group
      classes[text] = group
      return
    }
    do {
      expressions[text] = (try NamePattern(String(text.dropFirst(3)), .start), group)
    } catch { throw draft.wrong("\(place), \"\(excerpt(text))\"", "\(error)") }
  }

  mutating func sort() {
    ordered = expressions.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    patterns = NamePatterns(ordered.compactMap { expressions[$0]?.pattern })
  }

  /// The group of a module; `nil` where none has it.
  mutating func group(of path: String, classes names: [String], in draft: ImportDraft) throws(WorkbenchError) -> Int? {
    if let group = paths[path] {
      used.insert(path)
      return group
    }
    do {
      if let place = try patterns.first(path), let found = expressions[ordered[place]] {
        used.insert(ordered[place])
        return found.group
      }
    } catch { throw draft.wrong("targets", "\(error)") }
    for name in names {
      if let group = classes[name] {
        used.insert(name)
        return group
      }
    }
    return nil
  }

  var unused: [String] { all.filter { !used.contains($0) } }
}

extension Item {
  /// PyTorch's names of the classes of modules that such a weight may be of.
  fileprivate var classes: [String] {
    let kinds = targetKinds
    if kinds.contains("linear") { return ["Linear"] }
    if kinds.contains("embedding") { return ["Embedding"] }
    return kinds.contains("convolution")
      ? ["Conv1d", "Conv2d", "Conv3d"].filter { $0 == "Conv\(shape.count - 2)d" } : []
  }
}

extension Session {
  func compressedTypes(_ object: ConfigObject, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    var draft = ImportDraft(path: object.path, kind: "a compressed-tensors config", fallback: fallback)
    var (targets, ignored) = (ModuleTargets(), ModuleTargets())
    var groups: [CompressedGroup] = []
    let all = try object.object("config_groups")
    for (key, value) in all?.members ?? [] {
      guard let all, case .object = value else {
        throw object.wrong("config_groups.\(key)", "an object expected; named schemes are not read")
      }
      let group = try ConfigObject(value, at: all.place(of: key), in: object.path)
      groups.append(try CompressedGroup(group, name: key))
      for target in try group.strings("targets") {
        try targets.add(target, group: groups.count - 1, at: group.place(of: "targets"), in: draft)
      }
    }
    for text in try object.strings("ignore") {
      try ignored.add(text, group: 0, at: object.place(of: "ignore"), in: draft)
    }
    targets.sort()
    ignored.sort()
    for (item, path) in try modules() {
      if try ignored.group(of: path, classes: item.classes, in: draft) != nil {
        draft.hasMatch = true
        continue
      }
      guard let number = try targets.group(of: path, classes: item.classes, in: draft) else { continue }
      switch groups[number].weights {
      case .scheme(let scheme): try draft.choose(scheme, for: item)
      case .none(let form): draft.keep(item, because: "kept: there is no scheme for \(form)")
      case .absent: draft.hasMatch = true
      }
    }
    for text in targets.unused { draft.mismatches.append("\(excerpt(text)): this model has no such layer") }
    if groups.contains(where: \.hasActivations) {
      draft.remarks.append("how activations are quantised was not taken over: recipes are about weights")
    }
    for (key, what) in [("kv_cache_scheme", "the key and value cache"), ("sparsity_config", "sparsity")] {
      if case .object(let members)? = object[key], !members.isEmpty {
        draft.remarks.append("\(key), of \(what), was not taken over")
      }
    }
    return try draft.finished()
  }
}

/// One of the `config_groups`.
private struct CompressedGroup {
  enum Weights {
    case scheme(Scheme)
    /// A form that no scheme has, in words.
    case none(String)
    /// It is about activations alone.
    case absent
  }

  let weights: Weights
  let hasActivations: Bool

  init(_ object: ConfigObject, name: String) throws(WorkbenchError) {
    hasActivations = object["input_activations"] != nil || object["output_activations"] != nil
    weights = try object.object("weights").map { one throws(WorkbenchError) in try Self.weights(one) } ?? .absent
  }

  private static func weights(_ object: ConfigObject) throws(WorkbenchError) -> Weights {
    let bits = try object.int("num_bits") ?? 8
    let type = try object.string("type") ?? "int"
    let isSymmetric = try object.bool("symmetric") ?? true
    var group = try object.int("group_size")
    // Without a strategy the size says which it is.
    let strategy =
      try object.string("strategy") ?? (group == nil ? "tensor" : group == -1 ? "channel" : "group")
    if strategy == "channel" || strategy == "tensor" { group = nil }
    let form = "\(type) of \(bits) bits, strategy \(strategy)\(group.map { " of \($0)" } ?? "")"
    let shared: String
    switch strategy {
    case "tensor", "channel": shared = strategy
    case "group", "tensor_group":
      guard let group, group > 0 else { throw object.wrong("group_size", "a size expected for groups") }
      shared = "group=\(group)"
    default: return .none(excerpt(form))
    }
    let exponents = try object.string("scale_dtype").map { $0.hasSuffix("uint8") }
    switch (type, bits, group) {
    case ("int", 1...8, _) where strategy != "tensor_group":
      return .scheme(try object.scheme("int\(bits),\(shared)\(isSymmetric ? "" : ",affine")"))
    case ("float", 4, 16) where strategy == "tensor_group": return .scheme(try object.scheme("nvidia-nvfp4"))
    case ("float", 4, 32) where strategy == "group": return .scheme(try object.scheme("ocp-mxfp4"))
    case ("float", 8, 32) where strategy == "group" && exponents != false:
      return .scheme(try object.scheme("ocp-mxfp8"))
    case ("float", 8, _) where strategy != "tensor_group":
      return .scheme(try object.scheme("fp8-e4m3,\(shared)"))
    case ("float", 4, _) where strategy != "tensor_group":
      return .scheme(try object.scheme("fp4-e2m1,\(shared)"))
    default: return .none(excerpt(form))
    }
  }
}
