import FileAccess

extension AnswerStore {
  /// Segments of a folder beyond which the small ones become one.
  static let mostSmall = 16
  /// Bytes of a small one, and of what is made of several.
  private static let small = 4 << 20
  private static let most = 32 << 20

  /// Makes one segment of many small ones of the same stamp. Another process may do the same at once: each takes away
  /// only what stands in the segment that it wrote.
  static func merge(in path: String) {
    let files = (folderNames(path) ?? []).filter { $0.hasSuffix(Segment.ending) }
      .map { (name: $0, size: fileSize("\(path)/\($0)") ?? 0) }
      .filter { $0.size <= small }.sorted { ($0.size, $0.name) < ($1.size, $1.name) }
    guard files.count > mostSmall else { return }
    var groups: [Digest: [(name: String, file: MappedFile)]] = [:]
    var bytes = 0
    for (name, size) in files {
      bytes += size
      guard bytes <= most else { break }
      guard let file = try? MappedFile("\(path)/\(name)"), let stamp = Segment.stamp(of: file) else { continue }
      groups[stamp, default: []].append((name, file))
    }
    for (stamp, group) in groups where group.count > 1 {
      var merged = Segment.header(stamp: stamp)
      var keys: Set<Digest> = []
      for (_, file) in group {
        Segment.walk(file) { entry, bytes in if keys.insert(entry.key).inserted { merged += bytes } }
      }
      guard let name = write(merged, in: path) else { continue }
      for (old, _) in group where old != name { removeEntry("\(path)/\(old)") }
    }
  }
}
