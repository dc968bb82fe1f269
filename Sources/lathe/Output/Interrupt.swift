import Dispatch
import Synchronization
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Notices SIGINT and SIGTERM, so that long work can end in order. Work that does not hear of it in time is ended with
/// the process; what it would leave behind is removed.
final class Interrupt {
  /// What other threads look at.
  final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var came: Bool { value.load(ordering: .relaxed) }
    fileprivate func set(_ came: Bool = true) { value.store(came, ordering: .relaxed) }
  }

  let flag = Flag()
  /// Whether the work goes on: unset when this object goes.
  private let alive = Flag()
  private let sources: [any DispatchSourceSignal]
  /// How long work has to end by itself.
  private static let patience = DispatchTimeInterval.milliseconds(120)

  init() {
    let flag = flag
    let alive = alive
    alive.set()
    // A queue of its own: the shared ones may be full of the work that is to end.
    let queue = DispatchQueue(label: "lathe.interrupt", qos: .userInteractive)
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        flag.set()
        queue.asyncAfter(deadline: .now() + Self.patience) {
          guard alive.came else { return }
          Leftovers.clear()
          note("lathe: called off")
          _exit(1)
        }
      }
      source.resume()
      return source
    }
  }

  deinit { alive.set(false) }
}
