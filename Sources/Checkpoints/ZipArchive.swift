/// The members of a zip archive (PKWARE's APPNOTE 6.3, Zip64 included), as far as model files use it: stored or
/// deflated, not encrypted, in one piece.
///
///     members:    local header (30 bytes, name, extra), data
///     directory:  for each member a central header (46 bytes, name, extra, comment)
///     end:        "PK\5\6" record of 22 bytes and a comment; before it, where needed, Zip64's record
struct ZipArchive {
  struct Member {
    let name: String
    let isDeflated: Bool
    /// Where its data begins in the file, and the bytes there.
    let offset: Int
    let storedCount: Int
    /// The bytes when inflated.
    let count: Int
  }

  let members: [Member]
  /// The most that deflate can shrink anything (zlib's technical notes).
  private static let deflateLimit = 1032

  init(_ file: MappedFile) throws(CheckpointError) {
    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }
    let (count, start, size) = try Self.findDirectory(file)
    guard start >= 0, size >= 0, start <= file.size, size <= file.size - start, count <= size / 46 else {
      throw fail(
        "its zip directory (\(count) members, \(bytes(size)) from byte \(start) on) lies outside the file")
    }
    let reader = FileReader(file, from: start, to: start + size, part: "zip directory")
    var members: [Member] = []
    var names = Set<String>()
    for _ in 0..<count {
      let member = try Self.readMember(reader, file)
      guard names.insert(member.name).inserted else {
        throw fail("holds two members called '\(member.name)'")
      }
      members.append(member)
    }
    self.members = members
  }

  /// The directory's entries, first byte and size, from the archive's end.
  private static func findDirectory(_ file: MappedFile) throws(CheckpointError) -> (
    count: Int, start: Int, size: Int
  ) {
    let tailSize = min(file.size, 22 + 0xFFFF)
    let tail = try file.copy(offset: file.size - tailSize, count: tailSize)
    let signature: [UInt8] = [0x50, 0x4B, 5, 6]
    guard
      let found = tail.indices.dropLast(21).last(where: {
        tail[$0] == 0x50 && tail[$0...].starts(with: signature)
      })
    else {
      throw CheckpointError(file: file.path, "is a zip archive without its directory: cut short?")
    }
    let record = file.size - tailSize + found
    let reader = FileReader(file, from: record + 10, part: "zip directory")
    let (count, size, start): (UInt16, UInt32, UInt32) = (
      try reader.integer(), try reader.integer(), try reader.integer()
    )
    guard count == .max || size == .max || start == .max, record >= 20 else {
      return (Int(count), Int(start), Int(size))
    }
    let locator = FileReader(file, from: record - 20, part: "Zip64 directory")
    guard try locator.integer(UInt32.self) == 0x0706_4B50 else { return (Int(count), Int(start), Int(size)) }
    try locator.skip(4)
    let position = Int(clamping: try locator.integer(UInt64.self))
    guard position <= file.size - 56 else { throw locator.fail("its Zip64 directory lies outside the file") }
    let wide = FileReader(file, from: position, part: "Zip64 directory")
    guard try wide.integer(UInt32.self) == 0x0606_4B50 else {
      throw wide.fail("its Zip64 directory is damaged")
    }
    try wide.skip(28)
    let (count64, size64, start64): (UInt64, UInt64, UInt64) = (
      try wide.integer(), try wide.integer(), try wide.integer()
    )
    return (Int(clamping: count64), Int(clamping: start64), Int(clamping: size64))
  }

  private static func readMember(_ reader: FileReader, _ file: MappedFile) throws(CheckpointError) -> Member {
    guard try reader.integer(UInt32.self) == 0x0201_4B50 else {
      throw reader.fail("its zip directory is damaged before byte \(reader.position)")
    }
    try reader.skip(4)
    let flags: UInt16 = try reader.integer()
    let method: UInt16 = try reader.integer()
    try reader.skip(8)
    var stored = UInt64(try reader.integer(UInt32.self))
    var full = UInt64(try reader.integer(UInt32.self))
    let (nameLength, extraLength, commentLength): (UInt16, UInt16, UInt16) = (
      try reader.integer(), try reader.integer(), try reader.integer()
    )
    try reader.skip(8)
    var header = UInt64(try reader.integer(UInt32.self))
    let name = try reader.string(Int(nameLength), of: "a zip member's name")
    try readZip64(reader, Int(extraLength), &full, &stored, &header)
    try reader.skip(Int(commentLength))

    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, tensor: name, reason) }
    guard flags & 1 == 0 else { throw fail("is encrypted") }
    guard method == 0 || method == 8 else {
      throw fail("is packed by zip method \(method); stored and deflated are read")
    }
    let local = FileReader(file, from: Int(clamping: header), part: "zip member")
    guard try local.integer(UInt32.self) == 0x0403_4B50 else {
      throw fail("has no local header at byte \(header)")
    }
    try local.skip(22)
    let (localName, localExtra): (UInt16, UInt16) = (try local.integer(), try local.integer())
    try local.skip(Int(localName) + Int(localExtra))
    guard stored <= UInt64(local.remaining) else {
      throw fail(
        "takes \(bytes(stored)) from byte \(local.position) on, but only \(local.remaining) are there: cut short?"
      )
    }
    guard method == 8 ? full / UInt64(deflateLimit) <= stored + 1 : full == stored else {
      throw fail("claims \(bytes(full)) in \(stored) stored ones, which cannot be")
    }
    return Member(
      name: name, isDeflated: method == 8, offset: local.position, storedCount: Int(stored), count: Int(full))
  }

  /// Zip64's extra field (id 1) holds, in this order, those of the three that are all ones in the header.
  private static func readZip64(
    _ reader: FileReader, _ length: Int, _ full: inout UInt64, _ stored: inout UInt64, _ header: inout UInt64
  ) throws(CheckpointError) {
    let outer = try reader.enter(limit: reader.position + length)
    while reader.remaining >= 4 {
      let (id, size): (UInt16, UInt16) = (try reader.integer(), try reader.integer())
      let end = reader.position + Int(size)
      if id == 1 {
        if full == 0xFFFF_FFFF { full = try reader.integer() }
        if stored == 0xFFFF_FFFF { stored = try reader.integer() }
        if header == 0xFFFF_FFFF { header = try reader.integer() }
      }
      try reader.skip(max(0, end - reader.position))
    }
    reader.leave(outer)
  }
}
