#if canImport(Glibc)
  internal import Glibc
#endif

/// How the system's allocator treats activations.
enum Memory {
  /// Keeps freed arrays with the process: a network's arrays come and go at the same sizes, and to give each back to the
  /// system and fetch it again, page by page, costs more than the arithmetic on it.
  static func keepFreed() { _ = isSetUp }

  private static let isSetUp: Bool = {
    #if canImport(Glibc)
      // Swift's module of Glibc lacks <malloc.h>. M_MMAP_THRESHOLD is −3, the largest array from the heap;
      // M_TRIM_THRESHOLD is −1, how much free heap is kept; in bytes.
      typealias SetOption = @convention(c) (CInt, CInt) -> CInt
      if let symbol = dlsym(nil, "mallopt") {
        let set = unsafeBitCast(symbol, to: SetOption.self)
        _ = set(-3, 1 << 28)
        _ = set(-1, 1 << 29)
      }
    #endif
    return true
  }()
}
