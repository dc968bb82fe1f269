#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of a test's own, removed with it.
public final class TemporaryFolder {
  public let path: String

  public init() {
    var template = Array("/tmp/lathe-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { remove(path) }

  /// Writes a file of these bytes, followed by a hole up to `size` where that is more; returns its path.
  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8], size: Int = 0) -> String {
    let file = "\(path)/\(name)"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var written = 0
    while written < bytes.count {
      let more = bytes.withUnsafeBytes {
        unistdWrite(descriptor, $0.baseAddress! + written, bytes.count - written)
      }
      guard more > 0 else { fatalError("cannot write \(file)") }
      written += more
    }
    if size > bytes.count { ftruncate(descriptor, off_t(size)) }
    close(descriptor)
    return file
  }

  @discardableResult
  public func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }

  private func remove(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { unlink("\(path)/\(name)") }
      }
      closedir(folder)
    }
    rmdir(path)
  }
}

/// Cuts a file to `size` bytes.
public func truncateFile(_ path: String, to size: Int) { truncate(path, off_t(size)) }

/// All of a file's bytes.
public func contents(_ path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { fatalError("cannot read \(path)") }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
  lseek(descriptor, 0, SEEK_SET)
  let count = read(descriptor, &bytes, bytes.count)
  guard count == bytes.count else { fatalError("cannot read \(path)") }
  return bytes
}

private func unistdWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

/// Writes bytes over a file's own from `offset` on, and makes sure that its time of writing is another.
public func overwriteFile(_ path: String, at offset: Int, with bytes: [UInt8]) {
  let descriptor = open(path, O_WRONLY)
  guard descriptor >= 0 else { fatalError("cannot write \(path)") }
  defer { close(descriptor) }
  pwrite(descriptor, bytes, bytes.count, off_t(offset))
  var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
  futimens(descriptor, &times)
}

/// Maps a file for reading while `body` runs.
public func withMapping(of path: String, _ body: (UnsafeRawPointer) -> Void) {
  let size = contents(path).count
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0, let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
    fatalError("cannot map \(path)")
  }
  defer {
    munmap(start, size)
    close(descriptor)
  }
  body(start)
}
