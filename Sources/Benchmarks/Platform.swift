#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A benchmark that cannot run, and why.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// A failed call of the system.
  static func system(_ what: String) -> Failure { Failure("\(what): \(String(cString: strerror(errno)))") }
}

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start).seconds
}

/// The time that the calling thread has had a processor for: what others take from it does not count.
func threadSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

extension Duration {
  var seconds: Double {
    let (whole, fraction) = components
    return Double(whole) + Double(fraction) * 1e-18
  }
}

extension Array where Element == Double {
  /// The value that a share of all values does not exceed (nearest rank).
  func quantile(_ share: Double) -> Double {
    let order = sorted()
    return order[Swift.max(0, Swift.min(count - 1, Int((share * Double(count)).rounded(.up)) - 1))]
  }

  var median: Double { quantile(0.5) }
}

/// Writes all of some bytes to a descriptor.
func writeAll(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) throws {
  var rest = bytes
  while !rest.isEmpty {
    let count = write(descriptor, rest.baseAddress, rest.count)
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { throw Failure.system("writing") }
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
  }
}

/// All of a small file; `nil` where it cannot be read.
func contents(_ path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  return String(decoding: readAll(descriptor), as: UTF8.self)
}

/// What can be read from a descriptor until its end.
func readAll(_ descriptor: CInt) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return bytes }
    bytes += buffer[..<count]
  }
}
