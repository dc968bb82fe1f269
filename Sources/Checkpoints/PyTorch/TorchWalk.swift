internal import FileAccess

/// Walks what a pickle holds and lists its tensors under dotted names.
///
/// A dictionary's tensors are called `path.key`, a list's `path.0`. A module (an object with `_parameters`,
/// `_buffers` and `_modules`) gives the names of its `state_dict()`: parameters, buffers that are saved, then the
/// modules in it. Other objects are walked by their attributes. Plain numbers and texts near the top become
/// metadata.
struct TorchWalk {
  private let objects: TorchObjects
  private var pickle: Pickle { objects.pickle }
  private var list: TorchTensors { objects.list }
  /// Values looked at: an object may be reached in many ways, so there can be more than the file has.
  private var steps = 0
  /// The nodes above the one that is walked; one that holds itself is not walked again.
  private var above = Set<Pickle.Value>()
  /// Nodes without a tensor in them: they are not walked again.
  private var barren = Set<Pickle.Value>()

  private static let maximumDepth = 96
  private static let maximumSteps = 32 << 20

  init(_ objects: TorchObjects) { self.objects = objects }

  /// Lists the tensors of the pickle.
  static func walk(_ objects: TorchObjects) throws(CheckpointError) {
    var walk = TorchWalk(objects)
    try walk.visit(objects.pickle.root, "", depth: 0, ofOptimiser: false)
  }

  /// Lists TorchScript's constants, a tuple, under the names that the code has for them: `CONSTANTS.c0`.
  static func walkConstants(_ objects: TorchObjects) throws(CheckpointError) {
    var walk = TorchWalk(objects)
    for (index, value) in (objects.pickle.elements(objects.pickle.root) ?? []).enumerated() {
      try walk.visit(value, "CONSTANTS.c\(index)", depth: 3, ofOptimiser: false)
    }
  }

  /// What the pickle holds at its root, in words.
  static func content(_ pickle: Pickle) -> String {
    switch pickle[pickle.root]?.kind {
    case .tuple: "a tuple"
    case .list: "a list"
    case .set: "a set"
    case .dictionary: "a dictionary"
    case .persistent: "a storage"
    case .global(let module, let name): "the name of \(shortened("\(module).\(name)"))"
    case .call: "an object of \(shortened(pickle.call(pickle.root)?.name ?? "an unknown class"))"
    case nil: "a plain value"
    }
  }

  private func joined(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private mutating func count(_ more: Int, _ path: String) throws(CheckpointError) {
    steps += more
    guard steps <= Self.maximumSteps else {
      throw objects.fail(
        path, "is one of more than \(Self.maximumSteps) values: the pickle repeats itself beyond reason")
    }
  }

  // MARK: Values

  private mutating func visit(
    _ value: Pickle.Value, _ path: String, depth: Int, ofOptimiser: Bool
  ) throws(CheckpointError) {
    try count(1, path)
    guard let node = pickle[value] else {
      if depth <= 2, !ofOptimiser, let text = objects.text(value) { list.note(path, text) }
      return
    }
    let name = path.isEmpty ? Self.baseName(list.path) : path
    switch try objects.find(value, name) {
    case .tensor(let tensor): return try list.list(tensor, ofOptimiser: ofOptimiser)
    case .nothing(let reason): return list.note("\(name) (not listed)", reason)
    case .parts(let parts, let note):
      list.note(name, note)
      for part in parts {
        try visit(part.value, joined(path, part.name), depth: depth + 1, ofOptimiser: ofOptimiser)
      }
      return
    case nil: break
    }
    if depth <= 2, !ofOptimiser, let text = objects.text(value) { return list.note(path, text) }
    guard depth < Self.maximumDepth else {
      throw objects.fail(path, "stands in containers nested more than \(Self.maximumDepth) deep")
    }
    guard !barren.contains(value), above.insert(value).inserted else { return }
    let before = list.count
    try descend(value, node, path, depth: depth + 1, ofOptimiser: ofOptimiser)
    above.remove(value)
    if list.count == before { barren.insert(value) }
  }

  private mutating func descend(
    _ value: Pickle.Value, _ node: Pickle.Node, _ path: String, depth: Int, ofOptimiser: Bool
  ) throws(CheckpointError) {
    if let entries = try entries(of: value, path) {
      let isOptimiser = ofOptimiser || Self.isOptimiser(entries)
      for (key, element) in entries {
        try visit(
          element, joined(path, key), depth: depth,
          ofOptimiser: isOptimiser || depth <= 4 && Self.namesOptimiser(key))
      }
      return
    }
    switch node.kind {
    case .tuple, .list, .set:
      for (index, element) in node.items.enumerated() {
        try visit(element, joined(path, "\(index)"), depth: depth, ofOptimiser: ofOptimiser)
      }
    case .call(_, let arguments): try descend(object: value, node, arguments, path, depth, ofOptimiser)
    case .dictionary, .global, .persistent: break
    }
  }

  /// An object of a class that means nothing here.
  private mutating func descend(
    object value: Pickle.Value, _ node: Pickle.Node, _ arguments: Pickle.Value, _ path: String, _ depth: Int,
    _ ofOptimiser: Bool
  ) throws(CheckpointError) {
    if let inner = wrapped(value) { return try visit(inner, path, depth: depth, ofOptimiser: ofOptimiser) }
    if depth <= 2, let name = pickle.call(value)?.name {
      list.note(path.isEmpty ? "class" : "\(path) class", name)
    }
    // A class with slots has a pair of dictionaries for a state.
    var states = [node.state ?? .none]
    if let pair = pickle.elements(states[0]), pair.count == 2, try entries(of: pair[1], path) != nil { states = pair }
    var attributes: [(key: String, value: Pickle.Value)] = []
    for state in states { attributes += try entries(of: state, path) ?? [] }
    let module = attributes.first { $0.key == "_modules" } != nil && attributes.contains { $0.key == "_parameters" }
    if module { return try descend(module: attributes, path, depth, ofOptimiser) }
    let isOptimiser = ofOptimiser || Self.isOptimiser(attributes)
    try visit(arguments, path, depth: depth + 2, ofOptimiser: isOptimiser)
    if attributes.isEmpty {
      for state in states { try visit(state, path, depth: depth + 2, ofOptimiser: isOptimiser) }
    }
    for (key, element) in attributes {
      try visit(element, joined(path, key), depth: depth + 2, ofOptimiser: isOptimiser)
    }
    for (index, element) in node.items.enumerated() {
      try visit(element, joined(path, "\(index)"), depth: depth, ofOptimiser: isOptimiser)
    }
  }

  /// A module, as its `state_dict()` would have it.
  private mutating func descend(
    module attributes: [(key: String, value: Pickle.Value)], _ path: String, _ depth: Int, _ ofOptimiser: Bool
  ) throws(CheckpointError) {
    func member(_ name: String) -> Pickle.Value { attributes.first { $0.key == name }?.value ?? .none }
    var unsaved = Set<String>()
    if let node = pickle[member("_non_persistent_buffers_set")] {
      let listed = pickle.elements(setArgument(node) ?? .none) ?? node.items
      for case .string(let name) in listed { unsaved.insert(name) }
    }
    for part in ["_parameters", "_buffers", "_modules"] {
      for (key, element) in try entries(of: member(part), path) ?? [] where element != .none {
        if part == "_buffers", unsaved.contains(key) { continue }
        try visit(element, joined(path, key), depth: max(depth, 3), ofOptimiser: ofOptimiser)
      }
    }
  }

  // MARK: Shapes of containers

  /// Protocol 2 writes a set as `set([…])`.
  private func setArgument(_ node: Pickle.Node) -> Pickle.Value? {
    guard case .call(_, let arguments) = node.kind else { return nil }
    return pickle.elements(arguments)?.first
  }

  /// The value that a call only passes on, as TorchScript's typed lists do.
  private func wrapped(_ value: Pickle.Value) -> Pickle.Value? {
    guard let (name, arguments) = pickle.call(value), name.hasPrefix("torch.jit._pickle.") else { return nil }
    return arguments.first
  }

  /// Keys, as texts, and values of a dictionary or of an object that acts as one; a key's last value counts.
  private mutating func entries(
    of value: Pickle.Value, _ path: String
  ) throws(CheckpointError) -> [(key: String, value: Pickle.Value)]? {
    guard let node = pickle[value] else { return nil }
    var pairs: [Pickle.Value] = []
    switch node.kind {
    case .dictionary: break
    case .call(let function, let arguments):
      let name = pickle.globalName(function) ?? ""
      guard node.hasPairs || Self.dictionaries.contains(name) else { return nil }
      // Python 2: OrderedDict([[key, value], …]).
      for pair in pickle.elements(pickle.elements(arguments)?.first ?? .none) ?? [] {
        if let pair = pickle.elements(pair), pair.count == 2 { pairs += pair }
      }
    default: return nil
    }
    pairs += node.pairs
    try count(pairs.count / 2, path)
    var places: [Pickle.Value: Int] = [:]
    var entries: [(key: String, value: Pickle.Value)] = []
    for index in stride(from: 0, to: pairs.count, by: 2) {
      if let place = places[pairs[index]] {
        entries[place].value = pairs[index + 1]
      } else {
        places[pairs[index]] = entries.count
        entries.append((key(pairs[index], index / 2), pairs[index + 1]))
      }
    }
    return entries
  }

  private static let dictionaries: Set<String> = [
    "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict",
    "__builtin__.dict",
  ]

  private func key(_ value: Pickle.Value, _ index: Int) -> String {
    if let text = objects.text(value), text.utf8.count <= 1000 { return text }
    if case .bytes(let range) = value, range.count <= 1000,
      let bytes = try? list.files[objects.file].copy(offset: range.lowerBound, count: range.count),
      let text = String(validating: bytes, as: UTF8.self)
    {
      return text
    }
    return "#\(index)"
  }

  /// Whether a dictionary is what `Optimizer.state_dict()` gives.
  private static func isOptimiser(_ entries: [(key: String, value: Pickle.Value)]) -> Bool {
    entries.count <= 16 && entries.contains { $0.key == "state" } && entries.contains { $0.key == "param_groups" }
  }

  /// Whether a key near the top says that an optimiser's state follows: `optimizer`, `optimizer_states`, `optim`.
  private static func namesOptimiser(_ key: String) -> Bool {
    let lower = key.lowercased()
    return lower.hasPrefix("optim") || lower.hasSuffix("optimizer") || lower.hasSuffix("optim") || lower == "opt"
  }

  /// The name of a tensor that is alone in its file: the file's own.
  private static func baseName(_ path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return file }
    return String(file[..<dot])
  }
}
