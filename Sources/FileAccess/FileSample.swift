#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What tells a file's content from another's without reading all of it: its size, when it was last written, and a few
/// pages spread over it.
package struct FileSample: Sendable, Hashable {
  package let size: Int
  /// Nanoseconds since 1970.
  package let writtenAt: Int
  package let pages: Digest

  /// Bytes of a page that is looked at.
  package static let page = 4096

  /// - Parameter most: pages that are looked at; a file of no more is read whole.
  /// - Throws: where the file cannot be read, or was rewritten since it was opened.
  package init(_ file: MappedFile, most: Int = 16) throws(FileError) {
    (size, writtenAt) = (file.size, file.writtenAt)
    var digester = Digester()
    for range in Self.ranges(size: file.size, most: most) {
      let bytes = try file.copy(offset: range.lowerBound, count: range.count)
      bytes.withUnsafeBytes { digester.add($0) }
    }
    pages = digester.finish()
  }

  /// The same of a path.
  ///
  /// - Returns: `nil` where there is no file that can be read. Of an empty one, what says that.
  package init?(path: String, most: Int = 16) {
    if fileSize(path) == 0 {
      (size, writtenAt, pages) = (0, 0, .zero)
      return
    }
    guard let file = try? MappedFile(path), let sample = try? FileSample(file, most: most) else { return nil }
    self = sample
  }

  /// The pages that are looked at, the first and the last among them.
  package static func ranges(size: Int, most: Int) -> [Range<Int>] {
    let most = max(2, most)
    guard size > most * page else { return size > 0 ? [0..<size] : [] }
    return (0..<most).map { index in
      let start = Int(Double(index) / Double(most - 1) * Double(size - page))
      return min(start, size - page)..<min(start, size - page) + page
    }
  }
}

extension MappedFile {
  /// A digest of the whole file. Reads it once, in bounded memory.
  ///
  /// - Throws: where it cannot be read, or was rewritten since it was opened.
  package func contentDigest() throws(FileError) -> Digest {
    let window = 1 << 20
    var buffer = [UInt8](repeating: 0, count: min(window, size))
    var digest = Digest(low: UInt64(size), high: 0)
    for start in stride(from: 0, to: size, by: window) {
      let count = min(window, size - start)
      try buffer.withUnsafeMutableBufferPointer { into throws(FileError) in
        try copy(offset: start, count: count, into: UnsafeMutableRawBufferPointer(into))
      }
      digest = buffer.withUnsafeBytes { Digest(ofMany: UnsafeRawBufferPointer(rebasing: $0[..<count]), after: digest) }
    }
    return digest
  }
}

/// Nanoseconds since 1970.
package func nanosecondsNow() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
}

/// What the system knows of a path without opening it; `nil` where there is nothing.
package func fileStatus(_ path: String) -> (size: Int, writtenAt: Int, isFolder: Bool)? {
  var status = stat()
  guard stat(path, &status) == 0 else { return nil }
  #if canImport(Darwin)
    let time = status.st_mtimespec
  #else
    let time = status.st_mtim
  #endif
  let seconds = Int(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue
  return (Int(status.st_size), seconds &+ Int(time.tv_nsec), status.st_mode & S_IFMT == S_IFDIR)
}

/// The path that leads to a file from everywhere; the path itself where there is none.
package func absolutePath(_ path: String) -> String {
  guard let resolved = realpath(path, nil) else { return path }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// Gives a file or a folder the present as the time when it was last written.
package func touch(_ path: String) { utimensat(AT_FDCWD, path, nil, 0) }

/// Makes a folder and those that it stands in, for the person alone.
///
/// - Returns: whether it is there now.
package func makeFolder(_ path: String) -> Bool {
  if mkdir(path, 0o700) == 0 || errno == EEXIST { return true }
  let outer = folder(of: path)
  guard errno == ENOENT, outer != path, makeFolder(outer) else { return false }
  return mkdir(path, 0o700) == 0 || errno == EEXIST
}

/// Takes a file away, or a folder that is empty.
@discardableResult
package func removeEntry(_ path: String) -> Bool { remove(path) == 0 }

/// A variable of the process's environment.
package func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
