import CFileAccess
import Checkpoints
import Support
import Testing

struct MappedFileTests {
  let folder = TemporaryFolder()

  @Test func aFileThatIsCutShortWhileOpenGivesAnError() throws {
    let header = #"{"a":{"dtype":"F32","shape":[1048576],"data_offsets":[0,4194304]}}"#
    let path = folder.write("a.safetensors", safetensors(header, data: 4 << 20))
    let model = try Checkpoint.open(path)
    #expect(try model.floats(tensor: 0).count == 1 << 20)
    truncateFile(path, to: 8192)
    #expect(throws: CheckpointError.self) { try model.floats(tensor: 0) }
    // What is still there can be read.
    var values = [Float](repeating: 0, count: 16)
    try values.withUnsafeMutableBufferPointer { into in
      try model.read(tensor: 0, elements: 0..<16, into: into)
    }
  }

  @Test func aFileThatIsRewrittenWhileOpenGivesAnError() throws {
    let header = #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#
    let path = folder.write("a.safetensors", safetensors(header, data: 16))
    let model = try Checkpoint.open(path)
    #expect(try model.floats(tensor: 0).count == 4)
    overwriteFile(path, at: 70, with: [1, 2, 3, 4])
    #expect {
      try model.floats(tensor: 0)
    } throws: { "\($0)".contains("rewritten while open") }
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
      #expect(throws: CheckpointError.self) { try file.copy(offset: offset, count: count) }
    }
  }

  @Test func controlCharactersAreEscapedForTheScreen() {
    #expect(printable("a\u{1b}]0;x\u{7}b") == "a\\u{1b}]0;x\\u{7}b")
    #expect(printable("\u{9b}31m\u{7f}\u{202e}\u{2066}") == "\\u{9b}31m\\u{7f}\\u{202e}\\u{2066}")
    #expect(printable("Größe.重み") == "Größe.重み")
  }
}
