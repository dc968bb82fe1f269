internal import FileAccess
internal import Numerics

/// What `torch.save` writes since PyTorch 1.6, and `torch.jit.save`: a zip archive with one folder in it,
///
///     NAME/data.pkl        the object; its storages are persistent identifiers (see `TorchStorageID`)
///     NAME/data/KEY        each storage's bytes
///     NAME/byteorder       "little" or "big"; where it is missing: little
///     NAME/constants.pkl   TorchScript: a tuple of the constants that the code uses,
///     NAME/constants/KEY   their storages,
///     NAME/code/…          and the code, which is not looked at
struct TorchArchive {
  private let file: MappedFile
  private let members: Members
  private let folder: String
  private let isBigEndian: Bool
  let isTorchScript: Bool

  /// The most bytes that a deflated pickle may take.
  private static let maximumPickle = 256 << 20

  /// - Returns: `nil` where the archive holds no data.pkl.
  init?(_ file: MappedFile, _ archive: ZipArchive) throws(CheckpointError) {
    guard let pickle = archive.members.first(where: { $0.name.hasSuffix("/data.pkl") || $0.name == "data.pkl" })
    else { return nil }
    self.file = file
    folder = String(pickle.name.dropLast("data.pkl".count))
    members = Members(archive.members)
    isTorchScript = members[folder + "constants.pkl"] != nil
    guard let order = members[folder + "byteorder"] else {
      isBigEndian = false
      return
    }
    let text = try Self.contents(order, file, limit: 64)
    guard text == Array("little".utf8) || text == Array("big".utf8) else {
      throw CheckpointError(file: file.path, tensor: order.name, "says neither 'little' nor 'big'")
    }
    isBigEndian = text.count == 3
  }

  var hasConstants: Bool { members[folder + "constants.pkl"] != nil }

  /// Reads `NAME.pkl`, whose storages are in the folder `NAME`.
  func objects(_ name: String, _ list: TorchTensors) throws(CheckpointError) -> TorchObjects {
    guard let member = members["\(folder)\(name).pkl"] else {
      throw CheckpointError(file: file.path, tensor: "\(name).pkl", "is missing")
    }
    var (number, range) = (0, member.offset..<member.offset + member.storedCount)
    if member.isDeflated {
      number = try list.add(try Self.contents(member, file, limit: Self.maximumPickle))
      range = 0..<member.count
    }
    let reader = FileReader(
      list.files[number], from: range.lowerBound, to: range.upperBound, part: "\(name).pkl")
    let pickle = try PickleMachine.read(reader)
    return TorchObjects(pickle, file: number, list) { id throws(CheckpointError) in try storage(id, name) }
  }

  private func storage(_ id: TorchStorageID, _ name: String) throws(CheckpointError) -> TorchStorage {
    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }
    guard let member = members["\(folder)\(name)/\(id.key)"] else {
      throw fail("has its values in '\(shortened("\(folder)\(name)/\(id.key)"))', which the archive does not hold")
    }
    guard id.count <= member.count / id.type.block.bytes else {
      throw fail(
        "has a storage of \(id.count) elements of \(id.type), but '\(shortened(member.name))' is \(bytes(member.count)) long"
      )
    }
    return TorchStorage(
      type: id.type, byteCount: member.count, location: member.location(in: 0), isBigEndian: isBigEndian)
  }

  /// A small member's bytes.
  private static func contents(
    _ member: ZipArchive.Member, _ file: MappedFile, limit: Int
  ) throws(CheckpointError) -> [UInt8] {
    guard member.count <= limit else {
      throw CheckpointError(
        file: file.path, tensor: member.name, "is \(bytes(member.count)) long, at most \(limit) expected")
    }
    guard member.isDeflated else { return try file.copy(offset: member.offset, count: member.count) }
    var inflated = [UInt8](repeating: 0, count: member.count)
    let stream = InflateStream(file, offset: member.offset, length: member.storedCount, skip: 0)
    try inflated.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try stream.copy(offset: 0, count: member.count, into: UnsafeMutableRawBufferPointer(into))
    }
    return inflated
  }
}

/// An archive's members by their names, of which it may have hundreds of thousands.
private struct Members {
  private let all: [ZipArchive.Member]
  private var places: NameTable

  init(_ all: [ZipArchive.Member]) {
    self.all = all
    places = NameTable(minimumCapacity: all.count)
    for place in all.indices {
      all[place].storedName.withBytes { name in
        _ = places.enter(place, name) { other in all[other].storedName.withBytes { $0.isSame(name) } }
      }
    }
  }

  subscript(name: String) -> ZipArchive.Member? {
    name.withBytes { bytes in
      places.find(bytes) { place in all[place].storedName.withBytes { $0.isSame(bytes) } }
    }.map { all[$0] }
  }
}

extension ZipArchive.Member {
  /// The place of the member's first byte, in file number `file` of a checkpoint.
  func location(in file: Int) -> Tensor.Location {
    isDeflated
      ? .deflated(file, offset: offset, length: storedCount, skip: 0) : .file(file, offset: offset)
  }
}
