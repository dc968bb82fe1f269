import CNcurses
import Dispatch
import Synchronization
import Workbench

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Keeps the recipe as it stands within reach of the crash handler, so that a person's work survives a fault, a signal and
/// a terminal that goes away: it is then written to `$XDG_STATE_HOME/lathe`, and standard error says where.
final class Rescue: Sendable {
  private let queue = DispatchQueue(label: "rescue", qos: .utility)
  /// The newest recipe that was asked for: older ones that still wait are passed over.
  private let newest = Atomic<Int>(0)

  /// - Parameter model: the model's path, for the file's name.
  init(model: String) {
    let stem = (model.split(separator: "/").last ?? "model").unicodeScalars
      .map { $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "-") ? $0 : "_" }
      .prefix(60)
    var time = time(nil)
    var local = tm()
    localtime_r(&time, &local)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let day = "\(1900 + local.tm_year)\(two(local.tm_mon + 1))\(two(local.tm_mday))"
    let clock = "\(two(local.tm_hour))\(two(local.tm_min))\(two(local.tm_sec))"
    let name = "\(String(String.UnicodeScalarView(stem)))-\(day)-\(clock)-\(getpid()).recipe.json"
    let state =
      Self.environment("XDG_STATE_HOME") ?? Self.environment("HOME").map { $0 + "/.local/state" }
    let other = (Self.environment("TMPDIR") ?? "/tmp") + "/lathe-" + name
    lathe_rescue_to(state.map { $0 + "/lathe/" + name } ?? other, other)
  }

  deinit { lathe_rescue_keep(nil, 0) }

  /// After a change of the recipe: what would be lost is coded in the background; nothing where all is written.
  func keep(_ draft: RecipeDraft) {
    newest.store(draft.version, ordering: .relaxed)
    queue.async { [self] in
      guard newest.load(ordering: .relaxed) == draft.version else { return }
      let bytes = draft.unsaved() ?? []
      bytes.withUnsafeBytes { lathe_rescue_keep($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
    }
  }

  /// Writes what would be lost and says where; the screen must be down.
  func writeNow() {
    queue.sync {}
    _ = lathe_rescue_now()
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}
