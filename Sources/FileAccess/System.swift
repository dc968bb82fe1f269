// The system's C library, and what the files here need of it under one name.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What the system says about the last failed call.
package func systemReason() -> String { String(cString: strerror(errno)) }

/// What lies at a path.
package enum FileKind { case file, folder, special, missing(String) }

package func fileKind(_ path: String) -> FileKind {
  var status = stat()
  guard stat(path, &status) == 0 else { return .missing(systemReason()) }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return .file
  case S_IFDIR: return .folder
  default: return .special
  }
}

/// A file's bytes; `nil` where there is none, or what is there is no file.
package func fileSize(_ path: String) -> Int? {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
}

/// Whether a file is here that belongs to who runs the program: no link, and none that somebody else has made.
package func isOwnFile(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_uid == geteuid()
}

/// Whether a process of this number runs.
package func processExists(_ number: Int) -> Bool {
  guard let number = pid_t(exactly: number), number > 0 else { return false }
  return kill(number, 0) == 0 || errno == EPERM
}

/// Bytes that may be made of a file: so many times what it takes on the disk, and something for small ones. A hole in a
/// sparse file and what is inflated of an archive's zeros are not given by anyone.
package func byteAllowance(_ path: String, ratio: Int) -> Int {
  var status = stat()
  guard stat(path, &status) == 0 else { return 0 }
  let (bytes, overflow) = Int(status.st_blocks).multipliedReportingOverflow(by: 512 * ratio)
  return 64 << 20 + (overflow ? 0 : min(bytes, 1 << 50))
}

/// The names in a folder, sorted; `nil` where it cannot be read.
package func folderNames(_ path: String) -> [String]? {
  guard let folder = opendir(path) else { return nil }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
        String(cString: $0)
      }
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// The folder part of a path: `a/b` of `a/b/c`, `.` of `c`.
package func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
