#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Session {
  /// - Throws: `WorkbenchError` where a path is the model's own, which nobody is asked about; `FileExists` where one is taken.
  func checkFree(_ paths: [String]) throws {
    for path in paths { try refuseModel(path) }
    try FileExists.check(paths)
  }
}

/// A file stands where another was to be written, and nobody said that it may go.
public struct FileExists: Error, Sendable {
  public let path: String

  /// - Throws: where one of the paths is taken.
  static func check(_ paths: [String]) throws(FileExists) {
    for path in paths where access(path, F_OK) == 0 { throw FileExists(path: path) }
  }
}
