import CNcurses
import Dispatch
import Synchronization
import Workbench

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Keeps the session as it stands within reach of the crash handler, so that a person's work survives a fault, a signal and
/// a terminal that goes away: it is then written to `$XDG_STATE_HOME/lathe`, and standard error says where.
final class Rescue: Sendable {
  private let queue = DispatchQueue(label: "rescue", qos: .utility)
  /// The newest session that was asked for: older ones that still wait are passed over.
  private let newest = Atomic<Int>(0)
  private let writer = Mutex(SessionWriter())

  /// Where the session is written: the first place that can be.
  let paths: [String]

  /// - Parameter model: the model's path, for the file's name.
  init(model: String) {
    var time = time(nil)
    var local = tm()
    localtime_r(&time, &local)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let day = "\(1900 + local.tm_year)\(two(local.tm_mon + 1))\(two(local.tm_mday))"
    let clock = "\(two(local.tm_hour))\(two(local.tm_min))\(two(local.tm_sec))"
    let name = RescueFolder.name(for: model, at: "\(day)-\(clock)", process: Int(getpid()))
    let other = RescueFolder.temporary.path(of: name)
    paths = [RescueFolder.ofPerson?.path(of: name) ?? other, other]
    lathe_rescue_to(paths[0], paths[1])
  }

  deinit { lathe_rescue_keep(nil, 0) }

  /// After a change: what would be lost is coded in the background; nothing where all is written.
  ///
  /// - Parameter replaced: the file that it was taken up from, which goes once this is written.
  func keep(_ draft: SessionDraft, insteadOf replaced: String?) {
    let number = newest.add(1, ordering: .relaxed).newValue
    queue.async { [self] in
      guard newest.load(ordering: .relaxed) == number else { return }
      lathe_rescue_replaces(replaced)
      let bytes = draft.isUnsaved ? writer.withLock { $0.bytes(of: draft) } : []
      bytes.withUnsafeBytes { lathe_rescue_keep($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
    }
  }

  /// Writes what would be lost and says where; the screen must be down.
  func writeNow() {
    queue.sync {}
    _ = lathe_rescue_now()
  }
}
