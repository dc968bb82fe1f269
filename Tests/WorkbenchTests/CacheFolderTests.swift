import FileAccess
import Foundation
import Support
import Testing

@testable import Workbench

@Suite struct CacheFolderTests {
  /// Folders of three models with a file of 1000 bytes each, used one after another.
  private func folder(_ scratch: ScratchFolder) throws -> CacheFolder {
    let folder = CacheFolder(scratch.path("lathe"))
    for number in 1...3 {
      let path = folder.model(Digest(low: UInt64(number), high: 0))
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let name = Digest(low: 9, high: 9).hexadecimal + ".answers"
      try Data(repeating: 0, count: 1000).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
      FileTimes.set(path, to: 10 * [2, 1, 3][number - 1])
    }
    return folder
  }

  private func numbers(_ folder: CacheFolder) -> [Int] {
    folder.kept.compactMap { $0.path.last.flatMap { Int(String($0)) } }
  }

  @Test func whatWasUsedLongestAgoGoesFirst() throws {
    let scratch = try ScratchFolder()
    let folder = try folder(scratch)
    #expect(numbers(folder) == [2, 1, 3])
    try folder.setLimit(2999)
    #expect(numbers(folder) == [1, 3])
    try folder.setLimit(1500)
    #expect(numbers(folder) == [3])
    #expect(folder.limit == 1500)
  }

  @Test func whatIsInUseGoesLast() throws {
    let scratch = try ScratchFolder()
    let folder = try folder(scratch)
    try AtomicFile.write(Array("1000\n".utf8), to: folder.path + "/limit")
    folder.evict(except: folder.model(Digest(low: 2, high: 0)))
    #expect(numbers(folder) == [2])
  }

  @Test func aModelThatIsUsedIsTheLatest() throws {
    let scratch = try ScratchFolder()
    let folder = try folder(scratch)
    let path = folder.model(Digest(low: 2, high: 0))
    var store = AnswerStore(path, stamp: .zero)
    store.add(.zero, .table, [1])
    let isWritten = store.flush()
    #expect(isWritten)
    FileTimes.set(path, to: 0)
    #expect(numbers(folder).first == 2)
    _ = AnswerStore(path, stamp: .zero)
    #expect(numbers(folder).last == 2)
  }

  @Test func clearingLeavesTheLimitAndWhatOthersPutThere() throws {
    let scratch = try ScratchFolder()
    let folder = try folder(scratch)
    try folder.setLimit(5000)
    try scratch.write("mine", to: "lathe/models/\(Digest(low: 1, high: 0).hexadecimal)/notes.txt")
    try scratch.write("mine", to: "lathe/notes.txt")
    #expect(try folder.clear().count == 3)
    #expect(folder.kept.reduce(0) { $0 + $1.bytes } == 0)
    #expect(folder.limit == 5000)
    #expect(scratch.bytes(of: "lathe/models/\(Digest(low: 1, high: 0).hexadecimal)/notes.txt") != nil)
    #expect(scratch.bytes(of: "lathe/notes.txt") != nil)
  }

  @Test(arguments: ["", "many", "-5", "0", "99999999999999999999999", "12\u{0}"]) func aLimitThatIsNoneIsTheFirstOne(
    text: String
  ) throws {
    let scratch = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: scratch.path("lathe"), withIntermediateDirectories: true)
    try scratch.write(text, to: "lathe/limit")
    #expect(CacheFolder(scratch.path("lathe")).limit == CacheFolder.defaultLimit)
  }
}
