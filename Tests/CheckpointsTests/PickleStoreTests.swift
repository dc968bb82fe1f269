import FileAccess
import Testing

@testable import Checkpoints

/// What a pickle holds in few bytes is what was put there.
@Suite struct PickleStoreTests {
  @Test func valuesComeBackAsTheyWere() {
    let store = PickleStore()
    let values: [Pickle.Value] = [
      .none, .bool(true), .bool(false), .int(0), .int(-1), .int(1 << 60), .int((1 << 60) - 1), .int(-1 << 60),
      .int((-1 << 60) - 1), .int(.max), .int(.min), .float(0.1), .float(-.infinity), .string(""),
      .string("a text that is longer than a word"), .bytes(3..<7), .text(0..<0), .bigInt(1 << 40..<1 << 41), .node(12),
    ]
    let words = values.map { store.word($0) }
    #expect(words.map { store.value($0) } == values)
    #expect(words.map(\.node) == values.map { if case .node(let index) = $0 { index } else { nil } })
  }

  @Test func nodesHoldWhatWasPutInThem() throws {
    // {"a": (1, 2), "b": [None, (1, 2)]}, and the object f(()) with a state, items and pairs.
    let text =
      "\u{80}\u{2}(}U\u{1}aK\u{1}K\u{2}\u{86}sU\u{1}b]NaK\u{1}K\u{2}\u{86}asccollections\nf\n)RK\u{7}aU\u{1}cK\u{8}sK\u{9}bt."
    let bytes = text.unicodeScalars.map { UInt8($0.value) }
    let pickle = try PickleMachine.read(FileReader(MappedFile(bytes: bytes, path: "a"), part: "pickle"))
    let root = try #require(pickle.elements(pickle.root))
    let pairs = try #require(pickle[root[0]]).pairs
    #expect(pairs.count == 4 && pairs[0] == .string("a") && pairs[2] == .string("b"))
    #expect(pickle.integers(pairs[1]) == [1, 2])
    let list = try #require(pickle.elements(pairs[3]))
    #expect(list.count == 2 && list[0] == .none && pickle.integers(list[1]) == [1, 2])
    // Equal tuples are not one object.
    #expect(list[1] != pairs[1])
    let call = try #require(pickle.call(root[1]))
    #expect(call.name == "collections.f" && call.arguments.isEmpty)
    let object = try #require(pickle[root[1]])
    #expect(object.items == [.int(7)] && object.pairs == [.string("c"), .int(8)] && object.state == .int(9))
    #expect(object.hasPairs && pickle[root[0]]?.hasPairs == true && pickle[pairs[1]]?.hasPairs == false)
  }

  /// In whatever order they are numbered.
  @Test func whatIsRememberedIsFound() {
    let store = PickleStore()
    var (memo, expected) = (PickleMemo(), [Int: PickleStore.Word]())
    for (turn, index) in [0, 1, 3, 2, 1, 9, 8, 7, 4, 5, 1 << 40, 6, 10, 2].enumerated() {
      let word = store.word(.int(turn))
      memo[index] = word
      expected[index] = word
      #expect(memo.count == expected.count)
      #expect(expected.allSatisfy { memo[$0.key] == $0.value } && memo[11] == nil && memo[-1] == nil)
    }
  }

  /// A pickle of more objects than are read may be whole: the message does not call it damaged.
  @Test func tooManyObjectsAreNoDamage() throws {
    let pickle = [0x80, 2] + [UInt8](repeating: UInt8(ascii: "}"), count: 1001) + [UInt8(ascii: ".")]
    func read(_ most: Int) throws -> Pickle {
      try PickleMachine.read(FileReader(MappedFile(bytes: pickle, path: "many.pt"), part: "pickle"), mostNodes: most)
    }
    #expect(try read(1001).store.count == 1001)
    let error = #expect(throws: CheckpointError.self) { try read(1000) }
    #expect(
      error?.description.contains("has more than 1000 objects, the most that Lathe reads") == true
        && error?.description.contains("damaged") == false, "\(error?.description ?? "")")
  }
}
