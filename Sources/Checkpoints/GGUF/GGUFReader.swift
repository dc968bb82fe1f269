internal import FileAccess

/// Reads GGUF's counts and texts, whose width and byte order depend on the file.
///
/// Version 1 (August 2023, a few days) had counts, lengths and extents of 32 bits; from version 2 on they have 64.
/// Big-endian files have every integer the other way round, the version too: that tells them apart.
struct GGUFReader {
  let base: FileReader
  let version: UInt32
  private let isWide: Bool

  /// Reads the version, after the signature.
  init(_ file: MappedFile) throws(CheckpointError) {
    base = FileReader(file, from: 4, part: "GGUF header")
    var version: UInt32 = try base.integer()
    if version != 0, version & 0xFFFF == 0 {
      version = version.byteSwapped
      base.isBigEndian = true
    }
    guard (1...3).contains(version) else {
      throw base.fail("is GGUF version \(version); versions 1 to 3 are read")
    }
    self.version = version
    isWide = version > 1
  }

  /// Bytes of a count.
  var countSize: Int { isWide ? 8 : 4 }

  func count() throws(CheckpointError) -> UInt64 {
    isWide ? try base.integer() : UInt64(try base.integer(UInt32.self))
  }

  /// A length in bytes that must fit what is left.
  func length(of what: String) throws(CheckpointError) -> Int { try base.length(try count(), of: what) }

  /// The bytes of a text that serves as a name, put in the place of what `bytes` holds.
  func string(of what: String, into bytes: inout [UInt8]) throws(CheckpointError) {
    try base.readText(try length(of: what), of: what, into: &bytes)
  }

  /// A text that serves as a name.
  func string(of what: String) throws(CheckpointError) -> String {
    try base.string(try length(of: what), of: what)
  }
}
