import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Notices SIGINT and SIGTERM, so that long work can end in order. For as long as it lives the signals end nothing.
final class Interrupt {
  /// What other threads look at.
  final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var came: Bool { value.load(ordering: .relaxed) }
    fileprivate func set() { value.store(true, ordering: .relaxed) }
  }

  let flag = Flag()
  private let sources: [any DispatchSourceSignal]

  init() {
    let flag = flag
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { flag.set() }
      source.resume()
      return source
    }
  }
}
