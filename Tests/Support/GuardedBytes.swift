#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Bytes that end where a page begins which may not be touched: a read behind them ends the test run.
public final class GuardedBytes {
  private let start: UnsafeMutableRawPointer
  private let capacity: Int
  private let page = Int(sysconf(Int32(_SC_PAGESIZE)))

  public init(capacity: Int) {
    self.capacity = (capacity + page - 1) / page * page
    start = mmap(nil, self.capacity + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    mprotect(start + self.capacity, page, PROT_NONE)
  }

  deinit { munmap(start, capacity + page) }

  /// Places bytes right before the guard.
  public func fill(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8> {
    let target = (start + capacity - bytes.count).assumingMemoryBound(to: UInt8.self)
    target.update(from: bytes, count: bytes.count)
    return target
  }
}
