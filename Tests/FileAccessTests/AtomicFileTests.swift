import FileAccess
import Foundation
import Support
import Testing

@Suite struct AtomicFileTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private let bytes = Array("new contents".utf8)

  @Test func aNewFileHasTheBytesAndNothingStandsBesideIt() throws {
    try AtomicFile.write(bytes, to: folder.path("a"))
    #expect(folder.bytes(of: "a") == bytes)
    #expect(folder.names == ["a"])
  }

  @Test func anOldFileIsReplacedWholeAndKeepsItsPermissions() throws {
    let path = try folder.write(String(repeating: "old ", count: 10_000), to: "a")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    try AtomicFile.write(bytes, to: path)
    #expect(folder.bytes(of: "a") == bytes)
    #expect(folder.names == ["a"])
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o640)
  }

  @Test func noBytesMakeAnEmptyFile() throws {
    try AtomicFile.write([], to: folder.path("a"))
    #expect(folder.bytes(of: "a") == [])
  }

  @Test func aFolderThatIsNotThereIsAnErrorWithPathAndReason() throws {
    let path = folder.path("no/such/file")
    #expect { try AtomicFile.write(bytes, to: path) } throws: {
      "\($0)".contains(path) && "\($0)".contains("No such file")
    }
    #expect(folder.names.isEmpty)
  }

  @Test func aFileInPlaceOfAFolderIsAnError() throws {
    try folder.write("old", to: "file")
    #expect(throws: FileError.self) { try AtomicFile.write(bytes, to: folder.path("file/inner")) }
    #expect(folder.bytes(of: "file") == Array("old".utf8))
    #expect(folder.names == ["file"])
  }

  @Test func aFolderIsNotReplaced() throws {
    try FileManager.default.createDirectory(atPath: folder.path("sub"), withIntermediateDirectories: false)
    try folder.write("inner", to: "sub/inner")
    #expect(throws: FileError.self) { try AtomicFile.write(bytes, to: folder.path("sub")) }
    #expect(folder.names == ["sub"])
    #expect(folder.bytes(of: "sub/inner") == Array("inner".utf8))
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
  func aFolderThatMayNotBeWrittenLeavesTheOldFile() throws {
    let path = try folder.write("old", to: "a")
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
    defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path) }
    #expect(throws: FileError.self) { try AtomicFile.write(bytes, to: path) }
    #expect(folder.bytes(of: "a") == Array("old".utf8))
    #expect(folder.names == ["a"])
  }

  @Test func aLinkStaysALinkAndItsFileIsReplaced() throws {
    try folder.write("old", to: "file")
    try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: "file")
    try AtomicFile.write(bytes, to: folder.path("link"))
    #expect(folder.bytes(of: "file") == bytes)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("link")) == "file")
    #expect(folder.names == ["file", "link"])
  }

  /// A pipe with room for the bytes, read after the write; as `/dev/stdout` is in a pipeline.
  @Test func aPipeIsWrittenToAndNotReplaced() throws {
    let path = folder.path("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try AtomicFile.write(bytes, to: path)
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = read(reader, &buffer, buffer.count)
    #expect(Array(buffer.prefix(max(0, count))) == bytes)
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFIFO)
    #expect(folder.names == ["pipe"])
  }

  @Test func severalFilesStandOnlyWhenAllAreWhole() throws {
    let paths = [folder.path("a"), folder.path("b")]
    try AtomicFile.write([(paths[0], 10), (paths[1], 3)]) { writers in
      for (writer, offset) in zip(writers, [4, 0]) {
        try ([1, 2, 3] as [UInt8]).withUnsafeBytes { try writer.put($0, at: offset) }
      }
      #expect(folder.names.isEmpty)
    }
    #expect(folder.bytes(of: "a") == [0, 0, 0, 0, 1, 2, 3, 0, 0, 0] && folder.bytes(of: "b") == [1, 2, 3])
    struct Stop: Error {}
    #expect(throws: Stop.self) { try AtomicFile.write([(paths[0], 1), (folder.path("c"), 1)]) { _ in throw Stop() } }
    #expect(folder.bytes(of: "a")?.count == 10 && folder.names == ["a", "b"])
  }

  @Test func whatIsNoFileIsNotWrittenAtOffsets() throws {
    let error = #expect(throws: FileError.self) {
      try AtomicFile.write([(folder.path("a"), 1), ("/dev/null", 1)]) { _ in Issue.record("was filled") }
    }
    #expect(error?.kind == .writing && error?.file == "/dev/null")
    #expect(folder.names.isEmpty)
  }
}
