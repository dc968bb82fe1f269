#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file stands where another was to be written, and nobody said that it may go.
public struct FileExists: Error, Sendable {
  public let path: String

  /// - Throws: where one of the paths is taken.
  static func check(_ paths: [String]) throws(FileExists) {
    for path in paths where access(path, F_OK) == 0 { throw FileExists(path: path) }
  }
}
