internal import FileAccess
internal import Numerics

/// What `torch.save` wrote before PyTorch 1.6 (and writes with `_use_new_zipfile_serialization=False`):
///
///     pickle  the number 0x1950a86a20f9469cfc6c
///     pickle  1001, the protocol's version
///     pickle  {"protocol_version", "little_endian", "type_sizes"}
///     pickle  the object; its storages are persistent identifiers (see `TorchStorageID`)
///     pickle  the list of the storages' keys
///     for each key  u64 number of elements, the elements; little-endian whatever machine wrote them
///
/// A file that begins with another pickle is taken for that pickle alone.
struct TorchLegacy {
  let pickle: Pickle
  let isPlain: Bool
  private let file: MappedFile
  private let storages: [String: TorchStorage]

  /// 0x1950a86a20f9469cfc6c, as LONG1 holds it.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  /// As protocol 0 writes it.
  private static let magicDigits = Array("119547037146038801333356L".utf8)

  /// Reads a range of a file that is number `number` of its checkpoint.
  init(_ file: MappedFile, _ range: Range<Int>, number: Int) throws(CheckpointError) {
    self.file = file
    let reader = FileReader(file, from: range.lowerBound, to: range.upperBound, part: "pickle")
    let first = try PickleMachine.read(reader)
    guard case .bigInt(let place) = first.root, place.count <= 32,
      [Self.magic, Self.magicDigits].contains(try file.copy(offset: place.lowerBound, count: place.count))
    else {
      (pickle, isPlain, storages) = (first, true, [:])
      return
    }
    let version = try PickleMachine.read(reader)
    guard version.root == .int(1001) else {
      throw reader.fail("is of an unknown version of PyTorch's old format; 1001 expected")
    }
    _ = try PickleMachine.read(reader)
    pickle = try PickleMachine.read(reader)
    isPlain = false
    let keys = try PickleMachine.read(reader)
    storages = try Self.places(pickle, keys.elements(keys.root) ?? [], reader, number)
  }

  /// Where the storages lie that follow the pickles.
  private static func places(
    _ pickle: Pickle, _ keys: [Pickle.Value], _ reader: FileReader, _ number: Int
  ) throws(CheckpointError) -> [String: TorchStorage] {
    var types: [String: ElementType] = [:]
    for node in pickle.nodes {
      guard case .persistent(let identifier) = node.kind else { continue }
      if let id = TorchStorageID(pickle, identifier) {
        types[id.key] = types[id.key] ?? id.type
      } else if pickle.elements(identifier)?.first == .string("storage") {
        throw reader.fail("has a storage that \(TorchStorageID.description(pickle, identifier))")
      }
    }
    var places: [String: TorchStorage] = [:]
    for key in keys {
      guard let key = TorchStorageID.key(key), let type = types[key] else {
        throw reader.fail("lists a storage that no tensor uses")
      }
      let claimed: UInt64 = try reader.integer()
      let (size, over) = claimed.multipliedReportingOverflow(by: UInt64(type.block.bytes))
      guard !over, size <= UInt64(reader.remaining) else {
        throw reader.fail(
          "the storage '\(shortened(key))' claims \(claimed) elements of \(type), but \(bytes(reader.remaining)) are left: cut short?"
        )
      }
      let storage = TorchStorage(
        type: type, byteCount: Int(size), location: .file(number, offset: reader.position), isBigEndian: false)
      guard places.updateValue(storage, forKey: key) == nil else {
        throw reader.fail("holds the storage '\(shortened(key))' twice")
      }
      try reader.skip(Int(size))
    }
    return places
  }

  func storage(_ id: TorchStorageID) throws(CheckpointError) -> TorchStorage {
    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }
    guard let whole = storages[id.key] else {
      throw fail("has the storage '\(shortened(id.key))', which the file does not hold")
    }
    let size = id.type.block.bytes
    let capacity = whole.byteCount / size
    guard let (offset, count) = id.view else {
      guard id.count <= capacity else {
        throw fail("has a storage of \(id.count) elements, of which the file holds \(capacity)")
      }
      return TorchStorage(
        type: id.type, byteCount: whole.byteCount, location: whole.location, isBigEndian: false)
    }
    guard offset <= capacity, count <= capacity - offset else {
      throw fail("has a view of \(count) elements from \(offset) on, in a storage of \(capacity)")
    }
    return TorchStorage(
      type: id.type, byteCount: count * size, location: whole.location.advanced(by: offset * size),
      isBigEndian: false)
  }

  /// The storage that is all that was saved.
  func onlyStorage() throws(CheckpointError) -> TorchStorage {
    guard case .persistent(let identifier) = pickle[pickle.root]?.kind,
      let id = TorchStorageID(pickle, identifier)
    else { throw CheckpointError(file: file.path, "has a storage whose bytes hold something else") }
    return try storage(id)
  }
}
