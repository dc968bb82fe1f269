internal import FileAccess

/// Reads one pickle (Python's pickletools describes every opcode; protocols 0 to 5) into a `Pickle`.
///
///     a program of one-byte opcodes with their operands, up to '.'; it works on a stack of values, with marks
///     in it, and a memo of values by number
///
/// It never runs anything. Memory is bounded by the file's bytes and by `maximumNodes` and `maximumValues`.
struct PickleMachine {
  let reader: FileReader
  var pickle = Pickle()
  var stack: [Pickle.Value] = []
  private var marks: [Int] = []
  private var memo: [Int: Pickle.Value] = [:]
  /// Values that were put into containers, and bytes of texts that are held.
  private var stored = 0
  var held = 0

  /// More containers than a model of a hundred thousand tensors has, and more numbers than its logs hold.
  private static let maximumNodes = 3 << 19
  private static let maximumValues = 8 << 20
  /// Longer texts are left in the file.
  static let longestText = 1 << 14
  static let maximumHeld = 64 << 20

  init(_ reader: FileReader) { self.reader = reader }

  /// Reads up to and including the STOP opcode.
  ///
  /// - Throws: where the program is none, is cut short or too large.
  static func read(_ reader: FileReader) throws(CheckpointError) -> Pickle {
    var machine = PickleMachine(reader)
    while try machine.step() {}
    return machine.pickle
  }

  func fail(_ reason: String) -> CheckpointError {
    reader.fail("\(reader.part): \(reason) before byte \(reader.position); damaged, or no pickle")
  }

  /// What is read in full is bounded: the file may be whole all the same.
  func tooMany(_ most: Int, _ what: String) -> CheckpointError {
    reader.fail("\(reader.part): has more than \(most) \(what), the most that Lathe reads of a pickle")
  }

  // MARK: Stack and nodes

  mutating func push(_ value: Pickle.Value) throws(CheckpointError) {
    guard stack.count < Self.maximumValues else { throw tooMany(Self.maximumValues, "values") }
    stack.append(value)
  }

  mutating func pop() throws(CheckpointError) -> Pickle.Value {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw fail("a value is missing on the stack")
    }
    return value
  }

  /// The values above the last mark, which goes.
  mutating func popToMark() throws(CheckpointError) -> [Pickle.Value] {
    guard let mark = marks.popLast() else { throw fail("a mark is missing") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  mutating func pushNode(
    _ kind: Pickle.Kind, items: [Pickle.Value] = [], pairs: [Pickle.Value] = []
  ) throws(CheckpointError) {
    guard pickle.nodes.count < Self.maximumNodes else { throw tooMany(Self.maximumNodes, "objects") }
    try count(items.count + pairs.count)
    guard pairs.count % 2 == 0 else { throw fail("a key has no value") }
    pickle.nodes.append(Pickle.Node(kind: kind, items: items, pairs: pairs))
    try push(.node(pickle.nodes.count - 1))
  }

  private mutating func count(_ more: Int) throws(CheckpointError) {
    stored += more
    guard stored <= Self.maximumValues else { throw tooMany(Self.maximumValues, "values") }
  }

  /// The node at the top of the stack, which stays there.
  private func top() throws(CheckpointError) -> Int {
    guard stack.count > (marks.last ?? 0), case .node(let index) = stack[stack.count - 1] else {
      throw fail("an object is missing on the stack")
    }
    return index
  }

  private mutating func append(_ values: [Pickle.Value]) throws(CheckpointError) {
    try count(values.count)
    pickle.nodes[try top()].items += values
  }

  private mutating func set(_ pairs: [Pickle.Value]) throws(CheckpointError) {
    guard pairs.count % 2 == 0 else { throw fail("a key has no value") }
    try count(pairs.count)
    pickle.nodes[try top()].pairs += pairs
  }

  private mutating func remember(_ index: Int) throws(CheckpointError) {
    guard let value = stack.last else { throw fail("nothing to remember") }
    guard memo.count < 2 * Self.maximumNodes else { throw tooMany(2 * Self.maximumNodes, "values to remember") }
    memo[index] = value
  }

  private mutating func recall(_ index: Int) throws(CheckpointError) {
    guard let value = memo[index] else { throw fail("the value \(index) was never remembered") }
    try push(value)
  }

  private mutating func pushCall(_ function: Pickle.Value, _ arguments: Pickle.Value) throws(CheckpointError) {
    try pushNode(.call(function: function, arguments: arguments))
  }

  // MARK: Opcodes

  /// Does one opcode; `false` after STOP.
  private mutating func step() throws(CheckpointError) -> Bool {
    let opcode = try reader.u8()
    switch opcode {
    case UInt8(ascii: "."):
      pickle.root = try pop()
      return false
    case UInt8(ascii: "("):
      guard marks.count < Self.maximumNodes else { throw tooMany(Self.maximumNodes, "marks") }
      marks.append(stack.count)
    case UInt8(ascii: "0"):
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"):
      let value = try pop()
      try push(value)
      try push(value)

    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"): try push(.int(Int(try reader.integer(Int32.self))))
    case UInt8(ascii: "K"): try push(.int(Int(try reader.u8())))
    case UInt8(ascii: "M"): try push(.int(Int(try reader.integer(UInt16.self))))
    case UInt8(ascii: "G"): try push(.float(Double(bitPattern: try reader.integer(UInt64.self).byteSwapped)))
    case 0x8A: try pushLong(UInt64(try reader.u8()))
    case 0x8B: try pushLong(UInt64(try reader.integer(UInt32.self)))
    case UInt8(ascii: "I"), UInt8(ascii: "L"), UInt8(ascii: "F"), UInt8(ascii: "S"), UInt8(ascii: "V"):
      try pushLine(opcode)

    case 0x8C: try pushText(UInt64(try reader.u8()))
    case UInt8(ascii: "X"): try pushText(UInt64(try reader.integer(UInt32.self)))
    case 0x8D: try pushText(try reader.integer())
    case UInt8(ascii: "C"): try pushBytes(UInt64(try reader.u8()))
    case UInt8(ascii: "B"): try pushBytes(UInt64(try reader.integer(UInt32.self)))
    case 0x8E, 0x96: try pushBytes(try reader.integer())
    case UInt8(ascii: "U"): try pushOldString(UInt64(try reader.u8()))
    case UInt8(ascii: "T"): try pushOldString(UInt64(try reader.integer(UInt32.self)))

    case UInt8(ascii: ")"): try pushNode(.tuple)
    case UInt8(ascii: "]"): try pushNode(.list)
    case UInt8(ascii: "}"): try pushNode(.dictionary)
    case 0x8F: try pushNode(.set)
    case 0x85...0x87: try pushTuple(Int(opcode - 0x84))
    case UInt8(ascii: "t"): try pushNode(.tuple, items: try popToMark())
    case UInt8(ascii: "l"): try pushNode(.list, items: try popToMark())
    case 0x91: try pushNode(.set, items: try popToMark())
    case UInt8(ascii: "d"): try pushNode(.dictionary, pairs: try popToMark())
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"), 0x90: try append(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popToMark())

    case UInt8(ascii: "c"):
      let module = try readLine()
      try pushNode(.global(module: module, name: try readLine()))
    case 0x93:
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw fail("a global is named by something else than texts")
      }
      try pushNode(.global(module: module, name: name))
    case UInt8(ascii: "R"), 0x81:
      let arguments = try pop()
      try pushCall(try pop(), arguments)
    case 0x92:
      _ = try pop()
      let arguments = try pop()
      try pushCall(try pop(), arguments)
    case UInt8(ascii: "i"):
      let module = try readLine()
      let name = try readLine()
      try pushNode(.tuple, items: try popToMark())
      let arguments = try pop()
      try pushNode(.global(module: module, name: name))
      try pushCall(try pop(), arguments)
    case UInt8(ascii: "o"):
      let values = try popToMark()
      guard let first = values.first else { throw fail("a class is missing on the stack") }
      try pushNode(.tuple, items: Array(values.dropFirst()))
      try pushCall(first, try pop())
    case UInt8(ascii: "b"):
      let state = try pop()
      let object = try top()
      if pickle.nodes[object].state == nil || state != .none { pickle.nodes[object].state = state }
    case UInt8(ascii: "P"): try pushNode(.persistent(.string(try readLine())))
    case UInt8(ascii: "Q"): try pushNode(.persistent(try pop()))

    case UInt8(ascii: "g"): try recall(try readIndex())
    case UInt8(ascii: "h"): try recall(Int(try reader.u8()))
    case UInt8(ascii: "j"): try recall(Int(try reader.integer(UInt32.self)))
    case UInt8(ascii: "p"): try remember(try readIndex())
    case UInt8(ascii: "q"): try remember(Int(try reader.u8()))
    case UInt8(ascii: "r"): try remember(Int(try reader.integer(UInt32.self)))
    case 0x94: try remember(memo.count)

    case 0x80:
      let version = try reader.u8()
      guard version <= 5 else { throw fail("protocol \(version), 0 to 5 are read") }
    case 0x95: _ = try reader.length(try reader.integer(UInt64.self), of: "a frame")
    case 0x82...0x84: throw fail("an extension code, which only its writer knows,")
    case 0x97, 0x98: throw fail("a buffer outside the file")
    default: throw fail("the opcode \(opcode), which there is not,")
    }
    return true
  }

  private mutating func pushTuple(_ count: Int) throws(CheckpointError) {
    guard stack.count - count >= (marks.last ?? 0) else { throw fail("a value is missing on the stack") }
    let items = Array(stack.suffix(count))
    stack.removeLast(count)
    try pushNode(.tuple, items: items)
  }
}
