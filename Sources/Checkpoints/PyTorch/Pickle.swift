internal import FileAccess

/// What a Python pickle holds, as plain data: numbers, texts, containers, and *calls that nobody made*.
///
/// A pickle is a program that calls functions by their names. `PickleMachine` runs none of it: where the program
/// says "call f with these arguments", the result is a `.call` node that says so, and those who read tensors know
/// the few names that make them. Everything lives in one list, `store`, and refers by number, so that cycles and
/// depth cost neither leaks nor stack.
struct Pickle {
  /// A value: a plain one, or a node.
  enum Value: Hashable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    /// Bytes of the file that are not copied: bytes objects, Python 2's strings.
    case bytes(Range<Int>)
    /// UTF-8 of the file that is not copied because it is long.
    case text(Range<Int>)
    /// A whole number beyond 64 bits, by its digits or bytes in the file.
    case bigInt(Range<Int>)
    case node(Int)
  }

  enum Kind {
    case tuple, list, set, dictionary
    /// A class or function by its name.
    case global(module: String, name: String)
    /// `function(*arguments)`, not called.
    case call(function: Value, arguments: Value)
    /// An object that the pickle leaves to its reader, by its identifier.
    case persistent(Value)
  }

  /// A node, looked at in its place.
  struct Node {
    fileprivate let store: PickleStore
    fileprivate let index: Int

    var kind: Kind { store.kind(index) }
    /// Elements of a tuple, list or set; what was appended to a call's result.
    var items: [Value] { store.items(index) }
    /// Keys and values in turn; of a call what was set in its result.
    var pairs: [Value] { store.pairs(index) }
    var hasPairs: Bool { store.hasPairs(index) }
    /// What `__setstate__` or `__dict__` would get.
    var state: Value? { store.state(index) }
  }

  let store = PickleStore()
  var root = Value.none

  var nodes: some Sequence<Node> { (0..<store.count).lazy.map { Node(store: store, index: $0) } }

  subscript(value: Value) -> Node? {
    if case .node(let index) = value { Node(store: store, index: index) } else { nil }
  }

  /// The elements of a tuple or list.
  func elements(_ value: Value) -> [Value]? {
    guard let node = self[value] else { return nil }
    switch node.kind {
    case .tuple, .list: return node.items
    default: return nil
    }
  }

  /// `module.name` of a class or function. Before PyTorch 1.6 a module's class was a persistent identifier,
  /// ("module", class, source file, source), and before 0.1.10 without the word.
  func globalName(_ value: Value) -> String? {
    var named = self[value]
    if case .persistent(let identifier) = named?.kind, let parts = elements(identifier), parts.count > 1 {
      named = self[parts[0] == .string("module") ? parts[1] : parts[0]]
    }
    guard case .global(let module, let name) = named?.kind else { return nil }
    return "\(module).\(name)"
  }

  /// The name of a call's function and its arguments.
  func call(_ value: Value) -> (name: String, arguments: [Value])? {
    guard case .call(let function, let arguments) = self[value]?.kind, let name = globalName(function) else {
      return nil
    }
    return (name, elements(arguments) ?? [])
  }

  /// A tuple or list of whole numbers, `torch.Size` included.
  func integers(_ value: Value) -> [Int]? {
    if let (name, arguments) = call(value), name == "torch.Size", let first = arguments.first {
      return elements(first)?.integers
    }
    return elements(value)?.integers
  }
}

extension [Pickle.Value] {
  /// All as whole numbers.
  fileprivate var integers: [Int]? {
    guard count <= 64 else { return nil }
    var numbers: [Int] = []
    for case .int(let number) in self { numbers.append(number) }
    return numbers.count == count ? numbers : nil
  }
}
