import Checkpoints
import FileAccess
import Support
import Testing

/// Pickles that no honest writer makes. None of them runs anything, takes much memory, or takes long.
struct PickleTests {
  let folder = TemporaryFolder()
  private let four = [UInt8](repeating: 0, count: 16)

  private func refuse(_ bytes: [UInt8], _ words: String, _ location: SourceLocation = #_sourceLocation) {
    expectRefusal(folder.write("bad.pt", bytes), words, sourceLocation: location)
  }

  private func refuse(
    _ words: String, storage: UInt64 = 4, _ location: SourceLocation = #_sourceLocation,
    _ write: (inout PickleWriter) -> Void
  ) {
    var pickle = PickleWriter()
    write(&pickle)
    refuse(pickle.file(storages: [("0", storage, four)]), words, location)
  }

  private func open(_ write: (inout PickleWriter) -> Void) throws -> Checkpoint {
    var pickle = PickleWriter()
    write(&pickle)
    return try Checkpoint.open(folder.write("good.pt", pickle.file(storages: [("0", 4, four)])))
  }

  // MARK: Programs

  @Test func aCallOfASystemFunctionIsOnlyNamed() {
    var pickle = PickleWriter()
    pickle.global("posix", "system")
    pickle.text("touch \(folder.path)/ran")
    pickle.raw([0x85])
    pickle.code("R")
    refuse(pickle.bytes, "holds no tensors, but an object of posix.system")
    #expect(throws: CheckpointError.self) { try MappedFile("\(folder.path)/ran") }
  }

  @Test func unknownOpcodesAndProtocolsAreRefused() {
    refuse([0x80, 2, 0xFF, 0x2E], "opcode 255")
    refuse([0x80, 2, 0x80, 9], "protocol 9")
    refuse([0x80, 4, 0x82, 1], "extension code")
    refuse([0x80, 5, 0x97], "buffer outside")
    refuse([0x80, 2], "cut short")
  }

  @Test func anEmptyStackOrMemoIsRefused() {
    for opcodes in [".", "0.", "t.", "u.", "s.", "R.", "b.", "a.", "(e.", "2.", "]s.", "(]e", "q\u{0}", "o", "(o"] {
      refuse([0x80, 2] + Array(opcodes.utf8), "pickle")
    }
    refuse([0x80, 2, 0x68, 5, 0x2E], "never remembered")
    refuse([0x80, 2] + Array("](K\u{1}d.".utf8), "a key has no value")
    refuse([0x80, 4, 0x93], "missing")
  }

  @Test func claimsOfGigabytesAreRefused() {
    refuse([0x80, 2, 0x8B, 0xFF, 0xFF, 0xFF, 0xFF], "a number at byte")
    refuse([0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0xFF], "a text at byte")
    for opcode: UInt8 in [0x8D, 0x8E, 0x95, 0x96] {
      refuse([0x80, 4, opcode] + [UInt8](repeating: 0xFF, count: 8), "claims 18446744073709551615")
    }
    refuse([0x80, 2, 0x54, 0xFF, 0xFF, 0xFF, 0x7F], "a string at byte")
  }

  @Test func aListThatHoldsItselfIsWalkedOnce() throws {
    let model = try open { pickle in
      pickle.code("]q\u{1}h\u{1}a")
      pickle.tensor([4], strides: [1])
      pickle.code("a")
    }
    #expect(model.tensors.map(\.name) == ["1"])
  }

  @Test func deepNestingIsRefused() {
    refuse("nested more than") { pickle in
      pickle.code(String(repeating: "](", count: 200_000))
      pickle.tensor([4], strides: [1])
      pickle.code(String(repeating: "e", count: 200_000))
    }
  }

  @Test func listsOfListsThatRepeatEachOtherAreNoBomb() throws {
    // 10^40 empty lists, beside a tensor.
    let model = try open { pickle in
      pickle.code("](]q\u{0}")
      for level in 1..<40 {
        pickle.code("](" + String(repeating: "h" + String(Unicode.Scalar(UInt8(level - 1))), count: 10) + "e")
        pickle.code("q" + String(Unicode.Scalar(UInt8(level))))
      }
      pickle.tensor([4], strides: [1])
      pickle.code("e")
    }
    #expect(model.tensors.count == 1)
  }

  @Test func listsThatRepeatOneTensorAreRefused() {
    refuse("holds more than") { pickle in
      pickle.code("](")
      pickle.tensor([4], strides: [1])
      pickle.code("eq\u{0}")
      for level in 1..<40 {
        pickle.code("](" + String(repeating: "h" + String(Unicode.Scalar(UInt8(level - 1))), count: 10) + "e")
        pickle.code("q" + String(Unicode.Scalar(UInt8(level))))
      }
    }
  }

  // MARK: Tensors

  @Test func aKeysLastValueCountsAndNamesThatMeetAreToldApart() throws {
    let model = try open { pickle in
      pickle.code("}(")
      pickle.text("a")
      pickle.tensor([1], strides: [1])
      pickle.text("a")
      pickle.tensor([2], strides: [1])
      pickle.text("b.c")
      pickle.tensor([3], strides: [1])
      pickle.text("b")
      pickle.code("}")
      pickle.text("c")
      pickle.tensor([4], strides: [1])
      pickle.code("su")
    }
    #expect(model.tensors.map(\.name) == ["a", "b.c", "b.c#2"])
    #expect(model.tensors.map(\.shape) == [[2], [3], [4]])
  }

  @Test func aViewBeyondItsStorageIsRefused() {
    refuse("reaches to element 4, but its storage has 4") { $0.tensor([5], strides: [1]) }
    refuse("reaches to element 4") { $0.tensor([1], strides: [1], offset: 4) }
    refuse("reaches to element 6") { $0.tensor([2, 2], strides: [5, 1]) }
    refuse("beyond 63 bits") { $0.tensor([3, 3], strides: [.max, .max]) }
    refuse("make no view") { $0.tensor([1], strides: [1], offset: -1) }
    refuse("make no view") { $0.tensor([2], strides: [-1], offset: 1) }
    refuse("make no view") { $0.tensor([2], strides: [1, 1]) }
    refuse("overflows or is negative") { $0.tensor([-2], strides: [1]) }
    refuse("overflows") { $0.tensor([1 << 40, 1 << 40], strides: [0, 0]) }
    refuse("not described") { $0.tensor(Array(repeating: 1, count: 65), strides: Array(repeating: 1, count: 65)) }
  }

  @Test func anExpandedTensorThatClaimsTerabytesIsRefused() {
    refuse("repeat the same numbers beyond reason") { $0.tensor([1 << 20, 1 << 20], strides: [0, 0]) }
  }

  @Test func storagesThatAreMissingOrShortAreRefused() {
    refuse("which the file does not hold") { pickle in
      pickle.code("](")
      pickle.tensor([1], strides: [1])
      pickle.tensor([1], strides: [1], key: "other")
      pickle.code("e")
    }
    refuse("of which the file holds 4") { $0.tensor([1], strides: [1], count: 5) }
    refuse("no tensor uses") { $0.code("N") }
    refuse("claims 5 elements of F32, but 16 bytes are left", storage: 5) { $0.tensor([1], strides: [1]) }
    refuse("claims 18446744073709551615", storage: .max) { $0.tensor([1], strides: [1]) }
    refuse("class 'torch.FancyStorage'") { $0.tensor([1], strides: [1], storage: "FancyStorage") }
  }

  @Test func aStorageOfEachKeyOccursOnce() {
    var pickle = PickleWriter()
    pickle.tensor([4], strides: [1])
    refuse(pickle.file(storages: [("0", 4, four), ("0", 4, four)]), "twice")
    refuse(pickle.file(storages: [("0", 4, four), ("9", 4, four)]), "no tensor uses")
  }

  @Test func namesComeVerbatimAndMessagesEscapeThem() throws {
    let name = "w\u{1b}[31m\u{202e}"
    let model = try open { pickle in
      pickle.code("}")
      pickle.text(name)
      pickle.tensor([4], strides: [1])
      pickle.code("s")
    }
    #expect(model.tensors[0].name == name)
    refuse("w\\u{1b}[31m\\u{202e}") { pickle in
      pickle.code("}")
      pickle.text(name)
      pickle.tensor([5], strides: [1])
      pickle.code("s")
    }
  }
}
