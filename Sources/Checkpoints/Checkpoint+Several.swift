public import FileAccess

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Checkpoint {
  /// Opens one model from one path, or from the files that it is spread over (`model-*.safetensors` as a shell
  /// spreads it).
  ///
  /// - Throws: as `open(_:)`; and where the files are no parts of one model, a part is missing, or a tensor is in two.
  public static func open(_ paths: [String]) throws(CheckpointError) -> Checkpoint {
    guard let path = paths.first else { throw CheckpointError(file: "", "no model is named") }
    return paths.count == 1 ? try open(path) : try joined(paths)
  }

  /// The files that a pattern of the shell's names, sorted; none where it names nothing.
  static func files(matching pattern: String) -> [String] {
    guard pattern.contains(where: { "*?[".contains($0) }) else { return [] }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { index in found.gl_pathv[index].map { String(cString: $0) } }
  }

  private static func joined(_ paths: [String]) throws(CheckpointError) -> Checkpoint {
    try checkNumbers(paths)
    let config = try? ModelConfig("\(folder(of: paths[0]))/config.json")
    var whole: Checkpoint?
    for path in paths {
      let part = try open(file: path, config)
      // Any part of a split GGUF model opens all of it.
      if part.files.count == paths.count, Set(part.files.map(\.path)) == Set(paths) { return part }
      guard let before = whole else {
        whole = part
        continue
      }
      guard part.format == before.format, part.graph == nil else {
        throw CheckpointError(
          file: path, "is \(part.format.rawValue); several files are one model only as shards of one format")
      }
      whole = Checkpoint(
        path: before.path, format: before.format, files: before.files + part.files,
        metadata: before.metadata,
        tensors: before.tensors + part.tensors.map { $0.moved(byFiles: before.files.count) }, layers: [], graph: nil)
    }
    guard let whole else { throw CheckpointError(file: "", "no model is named") }
    try TensorList.checkNames(whole.tensors, whole.path)
    return Checkpoint(
      path: whole.path, format: whole.format, files: whole.files, metadata: whole.metadata, tensors: whole.tensors,
      layers: Layer.grouped(whole.tensors, whole.format), graph: nil
    ).understood(config)
  }

  /// All parts of a model of which one is named (`model-00002-of-00005.safetensors`, `.bin`); `nil` for another file, and
  /// for GGUF's parts, which its own reader finds.
  ///
  /// - Throws: where parts are missing.
  static func parts(of path: String) throws(CheckpointError) -> [String]? {
    guard let match = path.firstMatch(of: /-(\d{1,6})-of-(\d{1,6})\.(safetensors|bin|pt|pth)$/),
      let count = Int(match.2), count > 1, count <= 100_000
    else { return nil }
    let stem = path[..<match.range.lowerBound]
    func name(_ number: Int) -> String {
      let digits = String(number)
      let padded = String(repeating: "0", count: max(0, match.1.count - digits.count)) + digits
      return "\(stem)-\(padded)-of-\(match.2).\(match.3)"
    }
    let parts = (0...count).map(name).filter { access($0, F_OK) == 0 }
    try checkNumbers(parts)
    return parts
  }

  /// Files that are numbered (`…-00002-of-00005.…`) must all be there.
  private static func checkNumbers(_ paths: [String]) throws(CheckpointError) {
    var numbers = Set<Int>()
    var total = 0
    for path in paths {
      guard let match = path.firstMatch(of: /-(\d{1,6})-of-(\d{1,6})\.[a-z]+$/), let number = Int(match.1),
        let count = Int(match.2)
      else { return }
      numbers.insert(number)
      total = max(total, count)
    }
    let missing = (1...max(1, total)).filter { !numbers.contains($0) }
    // Some count from 0.
    guard let first = missing.first, numbers.count < total else { return }
    throw CheckpointError(
      file: paths[0], "is one of \(total) parts, of which \(missing.count) are missing: number \(first) first")
  }
}
