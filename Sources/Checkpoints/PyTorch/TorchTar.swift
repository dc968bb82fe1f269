internal import FileAccess
internal import Numerics

/// What PyTorch before 0.1.10 wrote: a tar archive with
///
///     storages  pickle n; n times: pickle (key, device, class), i64 number of elements, the elements;
///               pickle [(view's key, storage's key, offset, number of elements)]
///     tensors   pickle n; n times: pickle (key, storage's key, class), i32 dimensions, 4 bytes, i64 sizes,
///               i64 strides, i64 offset
///     pickle    the object; its tensors are persistent identifiers, their keys
///
/// A tar archive is a run of headers of 512 bytes (name in 0..<100, size in octal in 124..<136, "ustar" from 257
/// on), each followed by the member in whole blocks of 512.
struct TorchTar {
  /// A tensor as the archive describes it.
  struct View {
    let storage: TorchStorage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
  }

  let pickle: Pickle
  private(set) var views: [String: View] = [:]
  private var storages: [String: TorchStorage] = [:]

  private static let block = 512
  private static let members: Set<String> = ["sys_info", "storages", "tensors", "pickle"]

  /// Whether a file begins with the header of a member that such an archive has.
  static func recognises(_ head: [UInt8]) -> Bool {
    head.count >= block && head[257..<262].elementsEqual("ustar".utf8) && members.contains(name(head))
  }

  private static func name(_ header: [UInt8]) -> String {
    let name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
    return name.hasPrefix("./") ? String(name.dropFirst(2)) : name
  }

  init(_ file: MappedFile) throws(CheckpointError) {
    let places = try Self.places(file)
    func reader(_ name: String) throws(CheckpointError) -> FileReader {
      guard let place = places[name] else {
        throw CheckpointError(file: file.path, tensor: name, "is missing in the tar archive: cut short?")
      }
      return FileReader(file, from: place.lowerBound, to: place.upperBound, part: name)
    }
    pickle = try PickleMachine.read(try reader("pickle"))
    try readStorages(try reader("storages"))
    try readTensors(try reader("tensors"))
  }

  private static func places(_ file: MappedFile) throws(CheckpointError) -> [String: Range<Int>] {
    var places: [String: Range<Int>] = [:]
    var at = 0
    while at <= file.size - block {
      let header = try file.copy(offset: at, count: block)
      let name = name(header)
      if name.isEmpty { break }
      let digits = String(decoding: header[124..<136], as: UTF8.self).filter { ("0"..."7").contains($0) }
      guard let size = Int(digits.isEmpty ? "0" : digits, radix: 8), size <= file.size - at - block else {
        throw CheckpointError(file: file.path, tensor: name, "ends after the file: cut short?")
      }
      if places[name] == nil { places[name] = at + block..<at + block + size }
      at += block + (size + block - 1) / block * block
    }
    return places
  }

  /// How many entries follow, each of which takes more than a byte.
  private static func count(_ reader: FileReader) throws(CheckpointError) -> Int {
    guard case .int(let count) = try PickleMachine.read(reader).root, count >= 0, count <= reader.remaining else {
      throw reader.fail("\(reader.part): no plausible number of entries at its beginning")
    }
    return count
  }

  private mutating func readStorages(_ reader: FileReader) throws(CheckpointError) {
    for _ in 0..<(try Self.count(reader)) {
      let entry = try PickleMachine.read(reader)
      guard let parts = entry.elements(entry.root), parts.count == 3, let key = TorchStorageID.key(parts[0]),
        let type = entry.globalName(parts[2]).flatMap(TorchTypes.ofStorage)
      else { throw reader.fail("storages: an entry that is none before byte \(reader.position)") }
      let claimed: UInt64 = try reader.integer()
      let (size, over) = claimed.multipliedReportingOverflow(by: UInt64(type.block.bytes))
      let count = try reader.length(over ? .max : size, of: "the storage '\(shortened(key))'")
      storages[key] = TorchStorage(
        type: type, byteCount: count, location: .file(0, offset: reader.position), isBigEndian: false)
      try reader.skip(count)
    }
    let list = try PickleMachine.read(reader)
    for entry in list.elements(list.root) ?? [] {
      guard let parts = list.elements(entry), parts.count == 4, let key = TorchStorageID.key(parts[0]),
        let whole = TorchStorageID.key(parts[1]).flatMap({ storages[$0] }), case .int(let offset) = parts[2],
        case .int(let count) = parts[3], offset >= 0, count >= 0,
        offset <= whole.byteCount / whole.type.block.bytes,
        count <= whole.byteCount / whole.type.block.bytes - offset
      else { throw reader.fail("storages: a view that lies in no storage") }
      let size = whole.type.block.bytes
      storages[key] = TorchStorage(
        type: whole.type, byteCount: count * size, location: whole.location.advanced(by: offset * size),
        isBigEndian: false)
    }
  }

  private mutating func readTensors(_ reader: FileReader) throws(CheckpointError) {
    for _ in 0..<(try Self.count(reader)) {
      let entry = try PickleMachine.read(reader)
      guard let parts = entry.elements(entry.root), parts.count == 3, let key = TorchStorageID.key(parts[0]),
        let storage = TorchStorageID.key(parts[1]).flatMap({ storages[$0] })
      else { throw reader.fail("tensors: an entry that is none before byte \(reader.position)") }
      let dimensions: Int32 = try reader.integer()
      guard (0...64).contains(dimensions) else { throw reader.fail("tensors: \(dimensions) dimensions") }
      try reader.skip(4)
      var numbers: [Int] = []
      for _ in 0..<2 * Int(dimensions) + 1 { numbers.append(Int(try reader.integer(Int64.self))) }
      views[key] = View(
        storage: storage, offset: numbers[2 * Int(dimensions)], shape: Array(numbers.prefix(Int(dimensions))),
        strides: Array(numbers[Int(dimensions)..<2 * Int(dimensions)]))
    }
  }
}
