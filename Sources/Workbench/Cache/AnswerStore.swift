import FileAccess

/// The answers about one model, as its folder in the cache has them: those of all segments, and those that wait to be
/// written; apart from them those that were found when its files had other times (`ContentCheck`). Owned by a `ModelCache`, which lets one thread at a time at it.
struct AnswerStore {
  let path: String
  private let stamp: Digest
  private var segments: [MappedFile] = []
  private var known = Known()
  /// By stamp, those of files with other times.
  private var earlier: [Digest: Known] = [:]
  private var waiting: [UInt8] = []
  private var waitingKeys: Set<Digest> = []
  /// Names of segments that were read or written.
  private var names: Set<String> = []

  private struct Known {
    var places: [Digest: Place] = [:]
    /// Of kinds that are asked for as a whole, in no order.
    var listed: [Segment.Kind: [Digest]] = [:]
  }

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
    let sizes = all.map { (name: $0, size: fileSize("\(path)/\($0)") ?? 0) }.sorted { $0.size > $1.size }
    let names = sizes.prefix(8 * Self.mostSegments).map(\.name)
    let isOwn = names.map { name in (try? MappedFile("\(path)/\(name)")).flatMap(Segment.stamp) == stamp }
    for own in [true, false] {
      for (name, isOne) in zip(names, isOwn) where isOne == own && segments.count < Self.mostSegments { take(name) }
    }
    if !segments.isEmpty { touch(path) }
  }

  /// Bytes that wait to be written.
  var waitingBytes: Int { waiting.count }

  func has(_ key: Digest) -> Bool { known.places[key] != nil || waitingKeys.contains(key) }

  /// Where a content lies.
  typealias Content = (file: MappedFile, offset: Int, length: Int)

  /// An answer's content; `nil` where there is none, or it is gone meanwhile.
  func content(_ key: Digest) -> Content? { content(key, known) }

  private func content(_ key: Digest, _ known: Known) -> Content? {
    known.places[key].map { (segments[Int($0.segment)], $0.offset, Int($0.length)) }
  }

  /// Of each earlier stamp that has both: an answer's content, and that of the bytes that it is about.
  func earlier(_ key: Digest, about bytes: Digest) -> [(content: Content, bytes: Content)] {
    earlier.values.compactMap { known in
      guard let content = self.content(key, known), let bytes = self.content(bytes, known) else { return nil }
      return (content, bytes)
    }
  }

  /// Keys of a kind.
  func listed(_ kind: Segment.Kind) -> Set<Digest> { Set(known.listed[kind] ?? []) }

  /// The same of earlier stamps.
  func listedEarlier(_ kind: Segment.Kind) -> Set<Digest> { Set(earlier.values.flatMap { $0.listed[kind] ?? [] }) }

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
      let stamp = Segment.stamp(of: file)
    else { return }
    let isOwn = stamp == self.stamp
    var found = isOwn ? known : earlier[stamp] ?? Known()
    let segment = Int32(clamping: segments.count)
    segments.append(file)
    Segment.walk(file) { entry, _ in
      if entry.kind == .measurement || entry.kind == .sensitivities {
        found.listed[entry.kind, default: []].append(entry.key)
      }
      found.places[entry.key] = Place(segment: segment, length: UInt32(clamping: entry.length), offset: entry.offset)
    }
    if isOwn { known = found } else { earlier[stamp] = found }
  }
}
