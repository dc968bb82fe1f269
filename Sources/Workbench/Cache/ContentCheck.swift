import Checkpoints
import FileAccess
import Synchronization

/// Whether bytes are those that earlier answers were about, where files have other times than they had then: a copy, a file
/// that was touched or fetched again.
///
/// Size, times and sampled pages tell a file that nobody wrote to without reading it, and no more: pages that were not
/// sampled may have changed in a file whose time did. So beside its answers a digest of a tensor's stored bytes is kept,
/// taken when they have just been read. Where times differ, an answer about a tensor is taken up once the tensor has been
/// read and has that digest: one byte that changed makes that tensor's answers others, and no other's. What is about the
/// model as a whole (measurements, sensitivities) hangs on all that runs, tokenizers and the graph among it: it is taken up
/// where all files have the digests that they had, of models that are read in a second or two.
///
/// Reading costs far less than the analysis that it saves (about 4 GB/s a core), and is done once for each tensor: what was
/// taken up is kept under the new times.
final class ContentCheck: Sendable {
  private let checkpoint: Checkpoint
  private let known = Mutex(Known())

  private struct Known {
    var items: [Item.ID: Digest] = [:]
    var whole: Digest??
  }

  /// Bytes of the files of a model that is read as a whole.
  private static let mostWhole = 4 << 30
  /// What the digest of all files is kept under.
  static let wholeKey = Digest(of: Array("all files".utf8))

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  /// The digest of an item's bytes as they are now; `nil` where they cannot be read.
  ///
  /// - Complexity: the first time reads them.
  func bytes(of item: Item) -> Digest? {
    if let digest = known.withLock({ $0.items[item.id] }) { return digest }
    let layer = item.packing == nil ? nil : item.layerIndex
    guard let digest = try? checkpoint.bytesDigest(tensor: item.id, packedIn: layer), isUntouched else { return nil }
    known.withLock { $0.items[item.id] = digest }
    return digest
  }

  /// That of all files, and of those beside them that say how they are meant; `nil` of a model that is too large.
  ///
  /// - Complexity: the first time reads them.
  func whole() -> Digest? {
    if let digest = known.withLock({ $0.whole }) { return digest }
    let digest = readWhole()
    known.withLock { $0.whole = .some(digest) }
    return digest
  }

  private func readWhole() -> Digest? {
    guard checkpoint.files.reduce(0, { $0 + $1.size }) <= Self.mostWhole else { return nil }
    var digester = Digester()
    for file in checkpoint.files {
      guard let digest = try? file.contentDigest() else { return nil }
      digester.add(digest)
    }
    for name in ModelKey.beside {
      guard let file = try? MappedFile("\(checkpoint.folderFiles.path)/\(name)") else { continue }
      guard let digest = try? file.contentDigest() else { return nil }
      digester.add(name)
      digester.add(digest)
    }
    return isUntouched ? digester.finish() : nil
  }

  /// Whether no file was written to since it was opened: what was read before would be said of what was read after.
  private var isUntouched: Bool {
    checkpoint.files.allSatisfy { fileStatus($0.path)?.writtenAt == $0.writtenAt }
  }
}

extension Digest {
  /// As it is kept.
  var content: [UInt8] {
    var writer = KeptWriter()
    writer.put(Int(truncatingIfNeeded: low))
    writer.put(Int(truncatingIfNeeded: high))
    return writer.bytes
  }
}
