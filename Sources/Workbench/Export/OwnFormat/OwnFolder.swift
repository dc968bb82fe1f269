import Checkpoints
import FileAccess

/// Where a checkpoint's files stand, and what stands beside them.
struct OwnFolder {
  let path: String
  /// Whether the checkpoint is one file, and named by it.
  let isOne: Bool
  private let own: Set<String>

  init(_ checkpoint: Checkpoint) {
    let files = Set(checkpoint.files.map(\.path))
    isOne = files == [checkpoint.path]
    var path = checkpoint.path
    if case .folder = fileKind(path) {} else { path = folder(of: checkpoint.files.first?.path ?? path) }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    own = Set(files.map { Self.name(of: $0, in: path) })
  }

  /// A file's path within the folder; the last part of one that stands elsewhere.
  func name(of file: String) -> String { Self.name(of: file, in: path) }

  private static func name(of file: String, in folder: String) -> String {
    file.hasPrefix(folder + "/") ? String(file.dropFirst(folder.count).drop { $0 == "/" }) : lastPart(file)
  }

  /// The small files that go with a model: configs, tokenizers, indices, in folders too, hidden ones apart.
  ///
  /// - Parameter depth: of folders within the folder.
  /// - Returns: their paths within the folder.
  func companions(smallerThan size: Int, depth: Int) -> [String] {
    look(into: "", size, depth)
  }

  private func look(into folder: String, _ size: Int, _ depth: Int) -> [String] {
    (folderNames("\(path)/\(folder)") ?? []).flatMap { entry -> [String] in
      let name = folder + entry
      switch fileKind("\(path)/\(name)") {
      case .file: return !own.contains(name) && (fileSize("\(path)/\(name)") ?? size) < size ? [name] : []
      case .folder: return depth > 0 && !entry.hasPrefix(".") ? look(into: name + "/", size, depth - 1) : []
      case .special, .missing: return []
      }
    }
  }
}
