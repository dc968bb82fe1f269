import FileAccess

/// The answers about one model, as its folder in the cache has them: those of all segments, and those that wait to be
/// written. Owned by a `ModelCache`, which lets one thread at a time at it.
struct AnswerStore {
  let path: String
  private let stamp: Digest
  private var segments: [MappedFile] = []
  private var places: [Digest: Place] = [:]
  /// Of kinds that are asked for as a whole, in no order.
  private(set) var listed: [Segment.Kind: [Digest]] = [:]
  private var waiting: [UInt8] = []
  private var waitingKeys: Set<Digest> = []
  /// Names of segments that were read or written.
  private var names: Set<String> = []

  private struct Place {
    let segment: Int32
    let length: UInt32
    let offset: Int
  }

  /// Segments that are read: each holds a file open.
  private static let mostSegments = 128

  /// Finds out what is kept.
  ///
  /// - Complexity: reads all segments once, in windows.
  init(_ path: String, stamp: Digest) {
    (self.path, self.stamp) = (path, stamp)
    let all = (folderNames(path) ?? []).filter { $0.hasSuffix(Segment.ending) }
    let sizes = all.map { (name: $0, size: fileSize("\(path)/\($0)") ?? 0) }
    for (name, _) in sizes.sorted(by: { $0.size > $1.size }).prefix(Self.mostSegments) { take(name) }
    if !segments.isEmpty { touch(path) }
  }

  /// Bytes that wait to be written.
  var waitingBytes: Int { waiting.count }

  func has(_ key: Digest) -> Bool { places[key] != nil || waitingKeys.contains(key) }

  /// An answer's content; `nil` where there is none, or it is gone meanwhile.
  func content(_ key: Digest) -> (MappedFile, offset: Int, length: Int)? {
    places[key].map { (segments[Int($0.segment)], $0.offset, Int($0.length)) }
  }

  mutating func add(_ key: Digest, _ kind: Segment.Kind, _ content: [UInt8]) {
    guard content.count < Int(Int32.max), waitingKeys.insert(key).inserted else { return }
    waiting += Segment.entry(key, kind, content)
  }

  /// Writes what waits, as a segment of its own. What cannot be written is not kept.
  ///
  /// - Returns: whether one was written.
  mutating func flush() -> Bool {
    guard !waiting.isEmpty else { return false }
    let bytes = Segment.header(stamp: stamp) + waiting
    (waiting, waitingKeys) = ([], [])
    guard let name = Self.write(bytes, in: path) else { return false }
    take(name)
    return true
  }

  /// Writes a segment under the name of its content.
  static func write(_ bytes: [UInt8], in path: String) -> String? {
    let name = Digest(of: bytes).hexadecimal + Segment.ending
    guard makeFolder(folder(of: path)), makeFolder(path),
      (try? AtomicFile.write(bytes, to: "\(path)/\(name)", isDurable: false)) != nil
    else { return nil }
    return name
  }

  private mutating func take(_ name: String) {
    guard names.insert(name).inserted, let file = try? MappedFile("\(path)/\(name)"),
      Segment.stamp(of: file) == stamp
    else { return }
    let segment = Int32(clamping: segments.count)
    segments.append(file)
    Segment.walk(file) { entry, _ in
      if entry.kind == .measurement || entry.kind == .sensitivities {
        listed[entry.kind, default: []].append(entry.key)
      }
      places[entry.key] = Place(segment: segment, length: UInt32(clamping: entry.length), offset: entry.offset)
    }
  }
}
