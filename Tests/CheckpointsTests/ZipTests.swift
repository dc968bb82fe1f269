import Checkpoints
import Support
import Testing

/// Zip archives that lie.
struct ZipTests {
  let folder = TemporaryFolder()

  /// An archive of stored members, of which every field can be given falsely.
  private struct Archive {
    struct Member {
      var name: String
      var bytes: [UInt8]
      /// What the two headers say, where that is not the truth.
      var localName: String?
      var method: UInt16 = 0
      var count: UInt32?
      var stored: UInt32?
      var header: UInt32?
    }

    var members: [Member]

    var bytes: [UInt8] {
      var file = ByteWriter()
      var directory = ByteWriter()
      for member in members {
        let start = UInt32(file.bytes.count)
        let size = UInt32(member.bytes.count)
        let localName = member.localName ?? member.name
        file.bytes += [0x50, 0x4B, 3, 4, 20, 0, 0, 0]
        file.integer(member.method)
        for value in [0, 0, size, size] { file.integer(value) }
        file.integer(UInt16(localName.utf8.count))
        file.integer(UInt16(0))
        file.text(localName)
        file.bytes += member.bytes
        directory.bytes += [0x50, 0x4B, 1, 2, 20, 0, 20, 0, 0, 0]
        directory.integer(member.method)
        for value in [0, 0, member.stored ?? size, member.count ?? size] { directory.integer(value) }
        directory.integer(UInt16(member.name.utf8.count))
        directory.bytes += [UInt8](repeating: 0, count: 12)
        directory.integer(member.header ?? start)
        directory.text(member.name)
      }
      let start = UInt32(file.bytes.count)
      file.bytes += directory.bytes + [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
      file.integer(UInt16(members.count))
      file.integer(UInt16(members.count))
      file.integer(UInt32(directory.bytes.count))
      file.integer(start)
      file.integer(UInt16(0))
      return file.bytes
    }
  }

  private func pickle(count: Int = 4) -> [UInt8] {
    var pickle = PickleWriter()
    pickle.tensor([count], strides: [1], count: count)
    return pickle.bytes
  }

  private var honest: [Archive.Member] {
    [
      .init(name: "a/data.pkl", bytes: pickle()),
      .init(name: "a/data/0", bytes: [UInt8](repeating: 1, count: 16)),
    ]
  }

  private func refuse(
    _ words: String, _ location: SourceLocation = #_sourceLocation, _ change: (inout [Archive.Member]) -> Void
  ) {
    var members = honest
    change(&members)
    expectRefusal(folder.write("a.pt", Archive(members: members).bytes), words, sourceLocation: location)
  }

  @Test func anHonestArchiveOpens() throws {
    let model = try Checkpoint.open(folder.write("a.pt", Archive(members: honest).bytes))
    #expect(model.tensors[0].name == "a" && model.tensors[0].shape == [4])
  }

  @Test func membersThatShareBytesAreRefused() {
    refuse("inside 'a/data/0'") { members in
      // Another member's header stands among the bytes of the one before.
      let hidden = Archive(members: [.init(name: "a/data/1", bytes: [])]).bytes
      members[1].bytes = Array(hidden.prefix(38)) + [0, 0]
      let start = UInt32(30 + 10 + members[0].bytes.count + 30 + 8)
      members.append(.init(name: "a/data/1", bytes: [], header: start))
    }
  }

  @Test func aMemberThatIsCalledOtherwiseInItsOwnHeaderIsRefused() {
    refuse("called otherwise") { $0[1].localName = "a/data/9" }
    refuse("called otherwise") { $0[1].localName = "a/data/00" }
  }

  @Test func sizesThatLieAreRefused() {
    refuse("claims 17 bytes in 16 stored ones") { $0[1].count = 17 }
    refuse("other sizes") { members in
      members[1].count = 8
      members[1].stored = 8
    }
    refuse("cut short") { members in
      members[1].count = 1 << 30
      members[1].stored = 1 << 30
    }
  }

  @Test func membersOutsideTheFileAreRefused() {
    refuse("after the file's end") { $0[1].header = 1 << 30 }
    refuse("no header of its own") { $0[1].header = 1 }
  }

  @Test func otherMethodsAreRefusedByNumber() { refuse("zip method 12") { $0[1].method = 12 } }

  @Test func aDeflateBombIsRefusedByItsClaim() {
    refuse("which cannot be") { members in
      members[1].method = 8
      members[1].count = 1 << 30
    }
  }

  @Test func deflatedBytesThatAreNoneGiveAnErrorOnTheirTensor() throws {
    var members = honest
    members[1].method = 8
    members[1].bytes = [UInt8](repeating: 0xFF, count: 16)
    let model = try Checkpoint.open(folder.write("a.pt", Archive(members: members).bytes))
    #expect(throws: CheckpointError.self) { try model.floats(tensor: 0) }
  }

  @Test func twoMembersOfOneNameAreRefused() { refuse("two members called 'a/data/0'") { $0.append($0[1]) } }

  @Test func aMemberThatIsTooShortForItsStorageIsRefused() {
    refuse("is 15 bytes long") { $0[1].bytes.removeLast() }
    refuse("which the archive does not hold") { $0.removeLast() }
  }

  @Test func aByteOrderThatIsNoneIsRefused() {
    refuse("neither 'little' nor 'big'") { $0.append(.init(name: "a/byteorder", bytes: Array("middle".utf8))) }
  }

  @Test func archivesWithoutAnObjectAreNamed() {
    refuse("neither PyTorch's nor .npz") { $0.removeFirst() }
  }
}
