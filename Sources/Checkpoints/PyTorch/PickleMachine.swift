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
  private typealias Word = PickleStore.Word
  private var store: PickleStore { pickle.store }
  private var stack: [Word] = []
  private var marks: [Int] = []
  private var memo = PickleMemo()
  /// Values that were put into containers, and bytes of texts that are held.
  private var stored = 0
  var held = 0

  /// More containers than a model of three hundred thousand tensors has, and more numbers than its logs hold.
  static let maximumNodes = 3 << 20
  private static let maximumValues = 8 << 20
  /// Longer texts are left in the file.
  static let longestText = 1 << 14
  static let maximumHeld = 64 << 20

  private let mostNodes: Int

  init(_ reader: FileReader, mostNodes: Int) { (self.reader, self.mostNodes) = (reader, mostNodes) }

  /// Reads up to and including the STOP opcode.
  ///
  /// - Throws: where the program is none, is cut short or too large.
  static func read(_ reader: FileReader, mostNodes: Int = maximumNodes) throws(CheckpointError) -> Pickle {
    var machine = PickleMachine(reader, mostNodes: mostNodes)
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

  mutating func push(_ value: Pickle.Value) throws(CheckpointError) { try push(store.word(value)) }

  private mutating func push(_ word: Word) throws(CheckpointError) {
    guard stack.count < Self.maximumValues else { throw tooMany(Self.maximumValues, "values") }
    stack.append(word)
  }

  private mutating func pop() throws(CheckpointError) -> Word {
    guard stack.count > (marks.last ?? 0), let word = stack.popLast() else {
      throw fail("a value is missing on the stack")
    }
    return word
  }

  /// The values above the last mark, which goes.
  private mutating func popToMark() throws(CheckpointError) -> [Word] {
    guard let mark = marks.popLast() else { throw fail("a mark is missing") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  /// Counts a new node, and the values that it is made of.
  private mutating func countNode(_ values: Int = 0) throws(CheckpointError) {
    guard store.count < mostNodes else { throw tooMany(mostNodes, "objects") }
    try count(values)
  }

  private mutating func count(_ more: Int) throws(CheckpointError) {
    stored += more
    guard stored <= Self.maximumValues else { throw tooMany(Self.maximumValues, "values") }
  }

  private mutating func pushTuple(_ items: [Word]) throws(CheckpointError) {
    try countNode(items.count)
    try push(store.addTuple(items[...]))
  }

  private mutating func pushTuple(_ count: Int) throws(CheckpointError) {
    guard stack.count - count >= (marks.last ?? 0) else { throw fail("a value is missing on the stack") }
    try countNode(count)
    let node = store.addTuple(stack.suffix(count))
    stack.removeLast(count)
    try push(node)
  }

  private mutating func pushList(_ items: [Word] = []) throws(CheckpointError) {
    try countNode(items.count)
    try push(store.addList(items))
  }

  private mutating func pushSet(_ items: [Word] = []) throws(CheckpointError) {
    try countNode(items.count)
    try push(store.addSet(items))
  }

  private mutating func pushDictionary(_ pairs: [Word] = []) throws(CheckpointError) {
    try countNode(pairs.count)
    guard pairs.count % 2 == 0 else { throw fail("a key has no value") }
    try push(store.addDictionary(pairs))
  }

  private mutating func pushGlobal(_ module: String, _ name: String) throws(CheckpointError) {
    try countNode()
    try push(store.addGlobal(module: module, name: name))
  }

  private mutating func pushPersistent(_ identifier: Word) throws(CheckpointError) {
    try countNode()
    try push(store.addPersistent(identifier))
  }

  private mutating func pushCall(_ function: Word, _ arguments: Word) throws(CheckpointError) {
    try countNode()
    try push(store.addCall(function, arguments))
  }

  /// The node at the top of the stack, which stays there.
  private func top() throws(CheckpointError) -> Int {
    guard stack.count > (marks.last ?? 0), let node = stack[stack.count - 1].node else {
      throw fail("an object is missing on the stack")
    }
    return node
  }

  private mutating func append(_ values: [Word]) throws(CheckpointError) {
    try count(values.count)
    store.append(values, to: try top())
  }

  private mutating func set(_ pairs: [Word]) throws(CheckpointError) {
    guard pairs.count % 2 == 0 else { throw fail("a key has no value") }
    try count(pairs.count)
    store.set(pairs, in: try top())
  }

  private mutating func remember(_ index: Int) throws(CheckpointError) {
    guard let value = stack.last else { throw fail("nothing to remember") }
    guard memo.count < 2 * mostNodes else { throw tooMany(2 * mostNodes, "values to remember") }
    memo[index] = value
  }

  private mutating func recall(_ index: Int) throws(CheckpointError) {
    guard let value = memo[index] else { throw fail("the value \(index) was never remembered") }
    try push(value)
  }

  // MARK: Opcodes

  /// Does one opcode; `false` after STOP.
  private mutating func step() throws(CheckpointError) -> Bool {
    let opcode = try reader.u8()
    switch opcode {
    case UInt8(ascii: "."):
      pickle.root = store.value(try pop())
      return false
    case UInt8(ascii: "("):
      guard marks.count < mostNodes else { throw tooMany(mostNodes, "marks") }
      marks.append(stack.count)
    case UInt8(ascii: "0"):
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"):
      let value = try pop()
      try push(value)
      try push(value)

    case UInt8(ascii: "N"): try push(Pickle.Value.none)
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

    case UInt8(ascii: ")"): try pushTuple(0)
    case UInt8(ascii: "]"): try pushList()
    case UInt8(ascii: "}"): try pushDictionary()
    case 0x8F: try pushSet()
    case 0x85...0x87: try pushTuple(Int(opcode - 0x84))
    case UInt8(ascii: "t"): try pushTuple(try popToMark())
    case UInt8(ascii: "l"): try pushList(try popToMark())
    case 0x91: try pushSet(try popToMark())
    case UInt8(ascii: "d"): try pushDictionary(try popToMark())
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"), 0x90: try append(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popToMark())

    case UInt8(ascii: "c"):
      let module = try readLine()
      try pushGlobal(module, try readLine())
    case 0x93:
      guard case .string(let name) = store.value(try pop()), case .string(let module) = store.value(try pop()) else {
        throw fail("a global is named by something else than texts")
      }
      try pushGlobal(module, name)
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
      try pushTuple(try popToMark())
      let arguments = try pop()
      try pushGlobal(module, name)
      try pushCall(try pop(), arguments)
    case UInt8(ascii: "o"):
      let values = try popToMark()
      guard let first = values.first else { throw fail("a class is missing on the stack") }
      try pushTuple(Array(values.dropFirst()))
      try pushCall(first, try pop())
    case UInt8(ascii: "b"):
      let state = try pop()
      let object = try top()
      store.setState(state, of: object)
    case UInt8(ascii: "P"): try pushPersistent(store.word(.string(try readLine())))
    case UInt8(ascii: "Q"): try pushPersistent(try pop())

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
}
