internal import FileAccess

/// The members of a zip archive (PKWARE's APPNOTE 6.3, Zip64 included), as far as model files use it: stored or
/// deflated, not encrypted, in one piece.
///
///     members:    local header (30 bytes, name, extra), data
///     directory:  for each member a central header (46 bytes, name, extra, comment)
///     end:        "PK\5\6" record of 22 bytes and a comment; before it, where needed, Zip64's record
struct ZipArchive {
  struct Member {
    var name: String { String(storedName) }
    let storedName: Name
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

  /// The name of the archive's first member, by the file's first bytes; `nil` where they do not hold it.
  static func firstName(_ head: [UInt8]) -> String? {
    guard head.starts(with: [0x50, 0x4B, 3, 4]), head.count >= 30 else { return nil }
    let length = Int(head[26]) | Int(head[27]) << 8
    guard 30 + length <= head.count else { return nil }
    return String(decoding: head[30..<30 + length], as: UTF8.self)
  }

  init(_ file: MappedFile) throws(CheckpointError) {
    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }
    let (count, start, size) = try Self.findDirectory(file)
    guard start >= 0, size >= 0, start <= file.size, size <= file.size - start, count <= size / 46 else {
      throw fail(
        "its zip directory (\(count) members, \(bytes(size)) from byte \(start) on) lies outside the file")
    }
    let reader = FileReader(file, from: start, to: start + size, part: "zip directory")
    var members: [Member] = []
    // Where members' own headers begin.
    var starts: [Int] = []
    let list = NameWriter()
    var names = NameTable(minimumCapacity: 0)
    // Beyond ASCII two names may be one text in other bytes.
    var texts = Set<String>()
    for place in 0..<count {
      let (member, begin) = try Self.readMember(reader, file, list)
      let isTaken = member.storedName.withBytes { name in
        names.enter(place, name) { other in members[other].storedName.withBytes { $0.isSame(name) } } != nil
      }
      let isText = member.storedName.withBytes { !$0.isASCII }
      guard !isTaken, !isText || texts.insert(member.name).inserted else {
        throw fail("holds two members called '\(member.name)'")
      }
      members.append(member)
      starts.append(begin)
    }
    try Self.checkOverlap(members, starts, directory: start, file)
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

  /// Members that share bytes would let a small file claim any size.
  private static func checkOverlap(
    _ members: [Member], _ starts: [Int], directory: Int, _ file: MappedFile
  ) throws(CheckpointError) {
    func end(_ member: Int) -> Int { members[member].offset + members[member].storedCount }
    var order = Array(members.indices)
    // Nearly always they are in order.
    if zip(starts, starts.dropFirst()).contains(where: { $0 > $1 }) { order.sort { starts[$0] < starts[$1] } }
    for (one, next) in zip(order, order.dropFirst()) where starts[next] < end(one) {
      throw CheckpointError(
        file: file.path, tensor: members[next].name,
        "begins at byte \(starts[next]), inside '\(shortened(members[one].name))', which ends at byte \(end(one))"
      )
    }
    if let last = order.last, end(last) > directory {
      throw CheckpointError(file: file.path, tensor: members[last].name, "reaches into the zip directory")
    }
  }

  /// The directory's next entry, checked against the member's own header; and where that header begins.
  private static func readMember(
    _ reader: FileReader, _ file: MappedFile, _ list: NameWriter
  ) throws(CheckpointError) -> (Member, Int) {
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
    guard let begin = Int(exactly: header), begin < file.size else {
      throw fail("has its header at byte \(header), after the file's end")
    }
    guard method == 8 ? full / UInt64(deflateLimit) <= stored + 1 : full == stored else {
      throw fail("claims \(bytes(full)) in \(stored) stored ones, which cannot be")
    }
    guard stored <= UInt64(file.size - begin) else {
      throw fail("takes \(bytes(stored)) after byte \(begin), but the file ends at byte \(file.size): cut short?")
    }
    // One small copy: the members' bytes lie between the headers and stay unread.
    let local = FileReader(
      file, from: begin, to: begin + min(30 + Int(nameLength), file.size - begin), part: "zip member",
      window: 30 + Int(nameLength))
    let offset = try checkLocal(local, name, flags, method, stored, full)
    guard offset <= file.size, stored <= UInt64(file.size - offset) else {
      throw fail("takes \(bytes(stored)) from byte \(offset) on, but the file ends at byte \(file.size): cut short?")
    }
    let member = Member(
      storedName: list.write(name), isDeflated: method == 8, offset: offset, storedCount: Int(stored), count: Int(full))
    return (member, begin)
  }

  /// Checks that a member's own header says what the directory says; returns where its bytes begin.
  private static func checkLocal(
    _ local: FileReader, _ name: String, _ flags: UInt16, _ method: UInt16, _ stored: UInt64, _ full: UInt64
  ) throws(CheckpointError) -> Int {
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(file: local.file.path, tensor: name, reason)
    }
    guard local.remaining >= 30, try local.integer(UInt32.self) == 0x0403_4B50 else {
      throw fail("has no header of its own at byte \(local.position)")
    }
    try local.skip(2)
    let (localFlags, localMethod): (UInt16, UInt16) = (try local.integer(), try local.integer())
    try local.skip(8)
    let (localStored, localFull): (UInt32, UInt32) = (try local.integer(), try local.integer())
    let (nameLength, extraLength): (UInt16, UInt16) = (try local.integer(), try local.integer())
    guard Int(nameLength) == name.utf8.count, try local.bytesCopied(Int(nameLength)).elementsEqual(name.utf8) else {
      throw fail("is called otherwise in its own header than in the zip directory")
    }
    // Zip64's sizes stand elsewhere, and with flag 8 they follow the bytes.
    func agrees(_ size: UInt32, _ known: UInt64) -> Bool {
      size == .max || UInt64(size) == known || size == 0 && localFlags & 8 != 0
    }
    guard localMethod == method, localFlags & 1 == flags & 1, agrees(localStored, stored), agrees(localFull, full)
    else { throw fail("has other sizes or another method in its own header than in the zip directory") }
    return local.position + Int(extraLength)
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
