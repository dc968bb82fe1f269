import FileAccess

/// Where answers are kept between runs: `$XDG_CACHE_HOME/lathe`, else `~/.cache/lathe`.
///
///     limit                     bytes that all of it may take, in digits
///     models/KEY/DIGEST.answers the answers about a model (`Segment`)
///     trainings/training-KEY.state  trainings that were called off (`trainingFolder`)
///
/// A model's folder is as old as its last use.
public struct CacheFolder: Sendable, Hashable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The person's; `nil` where the environment names no place for it.
  public static var ofPerson: CacheFolder? { personFolder("XDG_CACHE_HOME", else: ".cache").map(CacheFolder.init) }

  private var models: String { path + "/models" }

  func model(_ key: Digest) -> String { "\(models)/\(key.hexadecimal)" }

  public static let defaultLimit = 1 << 30

  /// Bytes that all answers may take; what was used longest ago goes first.
  public var limit: Int {
    guard let file = try? MappedFile(path + "/limit"), file.size < 32,
      let bytes = try? file.copy(offset: 0, count: file.size),
      let limit = Int(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)), limit > 0
    else { return Self.defaultLimit }
    return limit
  }

  /// Remembers a limit, and takes away what is beyond it.
  ///
  /// - Throws: `WorkbenchError` where it cannot be written.
  public func setLimit(_ limit: Int) throws(WorkbenchError) {
    _ = makeFolder(path)
    do { try AtomicFile.write(Array("\(limit)\n".utf8), to: path + "/limit") } catch { throw WorkbenchError(error) }
    evict(except: nil)
  }

  /// A model's answers.
  public struct Model: Sendable, Hashable {
    public let path: String
    public let bytes: Int
    /// When they were last used: nanoseconds since 1970.
    public let usedAt: Int
    fileprivate let files: [String]
  }

  /// All of them, those that were used longest ago first.
  ///
  /// - Complexity: looks at every file.
  public var kept: [Model] {
    let names = (folderNames(models) ?? []).filter(Self.isKey)
    return names.compactMap { name -> Model? in
      let path = "\(models)/\(name)"
      guard let status = fileStatus(path), status.isFolder else { return nil }
      // A segment that a killed process was writing has a name that begins as a segment's.
      let files = (folderNames(path) ?? []).filter { $0.contains(Segment.ending) && Self.isKey($0.prefix(32)) }
      let bytes = files.reduce(0) { $0 + (fileSize("\(path)/\($1)") ?? 0) }
      return Model(path: path, bytes: bytes, usedAt: status.writtenAt, files: files)
    }.sorted { ($0.usedAt, $0.path) < ($1.usedAt, $1.path) }
  }

  private static func isKey(_ name: some StringProtocol) -> Bool {
    name.utf8.count == 32 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// Takes all answers and trainings away; the limit stays.
  ///
  /// - Returns: what was there.
  /// - Throws: `WorkbenchError` where something cannot be taken away.
  @discardableResult
  public func clear() throws(WorkbenchError) -> [Model] {
    let all = kept
    clearTrainings()
    for model in all where !Self.remove(model) {
      throw WorkbenchError("\(model.path): cannot be taken away", .writing)
    }
    return all
  }

  private static func remove(_ model: Model) -> Bool {
    for file in model.files { removeEntry("\(model.path)/\(file)") }
    // What others put there stays.
    return removeEntry(model.path) || fileStatus(model.path) == nil
      || (folderNames(model.path) ?? []).allSatisfy { !model.files.contains($0) }
  }

  /// Takes models away until the rest is within the limit, those that were used longest ago first.
  ///
  /// - Parameter used: the folder of the one that is in use: it goes last.
  func evict(except used: String?) {
    let all = kept
    var bytes = all.reduce(0) { $0 + $1.bytes }
    let limit = limit
    for model in all.filter({ $0.path != used }) + all.filter({ $0.path == used }) {
      guard bytes > limit else { return }
      if Self.remove(model) { bytes -= model.bytes }
    }
  }
}
