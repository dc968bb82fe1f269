import Checkpoints
import Compression
import FileAccess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How a checkpoint's files are written and read back.
struct WritingOptions: Sendable {
  /// Threads; `nil` for one a core.
  var workers: Int?
  /// Hears how far it is, on other threads; `false` calls the work off.
  var progress: @Sendable (ExportProgress) -> Bool = { _ in true }

  var threads: Int { workers ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}

extension CheckpointWriter {
  /// Size of what `write` makes, to the byte.
  ///
  /// - Throws: as `plan`.
  func size(_ session: Session) throws(WorkbenchError) -> Int { try plan(session).size }

  /// Writes the weights as the recipe says.
  ///
  /// - Parameter path: the file, or the folder for formats of several files, made where it is missing.
  /// - Throws: `WorkbenchError`, the errors of reading the model, or `Cancelled`; old files are whole then, and nothing
  ///   new is left.
  func write(_ session: Session, to path: String, _ options: WritingOptions) throws -> CheckpointExport {
    try session.refuseModel(path)
    let plan = try plan(session)
    return try plan.write(to: path, options, refusing: session)
  }

  /// Makes every piece once more and compares it with what the files hold, then opens them as any model.
  ///
  /// - Throws: `WorkbenchError` of the kind `difference` that names the first, or `Cancelled`.
  func verify(_ session: Session, at path: String, _ options: WritingOptions) throws {
    let plan = try plan(session)
    try plan.compare(at: path, options)
    let written = try Checkpoint.open(path)
    guard written.tensors.map({ CheckpointPlan.Tensor(name: $0.name, shape: $0.shape, type: $0.type) }) == plan.tensors
    else { throw WorkbenchError("\(path): its tensors are not those that were written", .difference) }
  }
}

extension CheckpointPlan {
  /// - Parameter session: what must not be written over.
  /// - Throws: as `CheckpointWriter.write`.
  func write(to path: String, _ options: WritingOptions, refusing session: Session) throws -> CheckpointExport {
    let paths = paths(at: path)
    for path in paths { try session.refuseModel(path) }
    let made = try makeFolders(at: path)
    do {
      let zeroed = try AtomicFile.write(zip(paths, files).map { ($0, $1.size) }) { writers in
        try run(options) { bytes, file, offset in try writers[file].put(bytes, at: offset) }
      }
      let found = zeroed.sorted { $0.key < $1.key }.map { name, count in
        "\(printable(name)): \(count) number\(count == 1 ? "" : "s") NaN or infinite, written as zero"
      }
      return CheckpointExport(bytes: size, notes: notes + found, usage: usage(path))
    } catch {
      for folder in made.reversed() { rmdir(folder) }
      if let error = error as? FileError, error.kind == .writing { throw WorkbenchError(error) }
      throw error
    }
  }

  /// Makes the folders that files stand in.
  ///
  /// - Returns: those that were not there, outer ones first.
  private func makeFolders(at path: String) throws(WorkbenchError) -> [String] {
    var folders: [String] = []
    for path in zip(paths(at: path), files).filter({ $1.name != nil }).map(\.0) {
      var outer = folder(of: path)
      var missing: [String] = []
      while case .missing = fileKind(outer), !folders.contains(outer) {
        missing.insert(outer, at: 0)
        outer = folder(of: outer)
      }
      for folder in missing {
        guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
          let reason = String(cString: strerror(errno))
          for folder in folders.reversed() { rmdir(folder) }
          throw WorkbenchError("\(folder): cannot be made: \(reason)", .writing)
        }
        folders.append(folder)
      }
    }
    return folders
  }

  /// Makes every piece again and compares it with what the files hold.
  ///
  /// - Throws: `WorkbenchError` with the first difference; `Cancelled`.
  func compare(at path: String, _ options: WritingOptions) throws {
    let written = try zip(paths(at: path), files).map { path, file in try WrittenFile(path, size: file.size) }
    _ = try run(options) { bytes, file, offset in try written[file].compare(bytes, at: offset) }
  }
}

/// A file that was written, read back.
private final class WrittenFile: Sendable {
  private let path: String
  private let file: Int32

  init(_ path: String, size: Int) throws(WorkbenchError) {
    self.path = path
    file = open(path, O_RDONLY)
    guard file >= 0 else { throw WorkbenchError("\(path): cannot be read: \(systemReason())") }
    var status = stat()
    guard fstat(file, &status) == 0, Int(status.st_size) == size else {
      throw WorkbenchError("\(path): has \(status.st_size) bytes, \(size) expected", .difference)
    }
  }

  deinit { close(file) }

  func compare(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    guard let expected = bytes.baseAddress else { return }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    defer { copy.deallocate() }
    var read = 0
    while read < bytes.count {
      let count = pread(file, copy.baseAddress! + read, bytes.count - read, off_t(offset + read))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw WorkbenchError("\(path): cannot be read back whole", .difference) }
      read += count
    }
    guard memcmp(copy.baseAddress!, expected, bytes.count) == 0 else { throw Difference(path: path, offset: offset) }
  }
}

/// Bytes that are others than those that were written.
struct Difference: Error {
  let path: String
  let offset: Int

  /// - Parameter source: of the part that differs.
  func named(_ source: PartSource) -> WorkbenchError {
    source == .header
      ? WorkbenchError("\(path): its header is another one", .difference)
      : WorkbenchError("what was read back at byte \(offset) of \(path) differs from what was written", .difference)
  }
}
