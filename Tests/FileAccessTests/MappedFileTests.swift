import CFileAccess
import FileAccess
import Support
import Testing

struct MappedFileTests {
  let folder = TemporaryFolder()

  @Test func whatACutLeavesIsRead() throws {
    let path = folder.write("a", [UInt8](repeating: 7, count: 1 << 16))
    let file = try MappedFile(path)
    truncateFile(path, to: 8192)
    #expect(throws: FileError.self) { try file.copy(offset: 0, count: 1 << 16) }
    #expect(try file.copy(offset: 8000, count: 192) == [UInt8](repeating: 7, count: 192))
  }

  @Test func aFileThatIsRewrittenIsNotRead() throws {
    let path = folder.write("a", [1, 2, 3, 4])
    let file = try MappedFile(path)
    overwriteFile(path, at: 2, with: [5])
    #expect { try file.copy(offset: 0, count: 2) } throws: { "\($0)".contains("rewritten while open") }
  }

  /// The check of the file's size before a read cannot see a cut that comes after it: the fault itself is caught.
  @Test func aPageThatIsGoneUnderItsMappingEndsTheGather() {
    let path = folder.write("a", [UInt8](repeating: 7, count: 1 << 20))
    withMapping(of: path) { start in
      lathe_guard_install()
      var into = [UInt32](repeating: 0, count: 4)
      #expect(lathe_guarded_gather(&into, start, 4, 1 << 18, 4) == 0)
      #expect(into == [UInt32](repeating: 0x0707_0707, count: 4))
      truncateFile(path, to: 4)
      for _ in 0..<3 { #expect(lathe_guarded_gather(&into, start, 4, 1 << 18, 4) == -1) }
      #expect(lathe_guarded_gather(&into, start, 4, 4, 1) == 0)
    }
  }

  @Test func rangesOutsideTheFileAreRefused() throws {
    let file = try MappedFile(folder.write("a", [1, 2, 3]))
    #expect(try file.copy(offset: 1, count: 2) == [2, 3])
    for (offset, count) in [(0, 4), (3, 1), (4, 0), (-1, 1), (1, -1), (Int.max, 1), (1, Int.max)] {
      #expect(throws: FileError.self) { try file.copy(offset: offset, count: count) }
    }
  }
}
