import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What this process would leave behind if it ended now: temporary folders, and commands that it started. Whoever ends it
/// in the middle of its work removes them first.
public enum Leftovers {
  private static let paths = Mutex<Set<String>>([])
  private static let groups = Mutex<Set<Int32>>([])

  static func add(path: String) { paths.withLock { _ = $0.insert(path) } }
  static func remove(path: String) { paths.withLock { _ = $0.remove(path) } }
  static func add(group: Int32) { groups.withLock { _ = $0.insert(group) } }
  static func remove(group: Int32) { groups.withLock { _ = $0.remove(group) } }

  /// Ends the commands and removes the folders.
  public static func clear() {
    for group in groups.withLock({ $0 }) { kill(-group, SIGKILL) }
    for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
  }
}
