import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Watches for times at which a processor stood still: taken away by the host of a virtual machine, or held by the
/// kernel. A thread of real-time priority on every processor sleeps for half a millisecond at a time; where it wakes
/// late, no program could have run.
final class Stalls: Sendable {
  /// What the watching threads found, and whether they are to go on.
  private struct Log {
    var isOver = false
    var stalls: [ClosedRange<ContinuousClock.Instant>] = []
  }

  private let log = Mutex(Log())
  private let group = DispatchGroup()
  /// Lateness from which on a processor stood still.
  static let limit = Duration.milliseconds(2)

  /// `nil` where the system gives no thread real-time priority, as to other users than root.
  init?() {
    #if os(Linux)
      var parameters = sched_param()
      parameters.sched_priority = 1
      guard sched_setscheduler(0, SCHED_FIFO, &parameters) == 0 else { return nil }
      parameters.sched_priority = 0
      sched_setscheduler(0, SCHED_OTHER, &parameters)
      for processor in 0..<Machine.cores {
        DispatchQueue.global().async(group: group) { self.watch(processor) }
      }
    #else
      return nil
    #endif
  }

  /// Ends the watch and returns the times found.
  func end() -> [ClosedRange<ContinuousClock.Instant>] {
    log.withLock { $0.isOver = true }
    group.wait()
    return log.withLock { $0.stalls }
  }

  #if os(Linux)
    private func watch(_ processor: Int) {
      Machine.held(on: processor) {
        var parameters = sched_param()
        parameters.sched_priority = 1
        sched_setscheduler(0, SCHED_FIFO, &parameters)
        while !log.withLock({ $0.isOver }) {
          let start = ContinuousClock.now
          usleep(500)
          let end = ContinuousClock.now
          if end - start > Self.limit + .microseconds(500) { log.withLock { $0.stalls.append(start...end) } }
        }
        parameters.sched_priority = 0
        sched_setscheduler(0, SCHED_OTHER, &parameters)
      }
    }
  #endif
}
