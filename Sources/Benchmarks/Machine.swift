import Dispatch
import Numerics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The machine that the figures belong to.
enum Machine {
  static var description: String {
    let memory = Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(getpagesize()) / 0x1p30
    return
      "\(processor), \(cores) core\(cores == 1 ? "" : "s"), \(fixed(memory, 0)) GiB, kernels \(KernelLevel.current)"
  }

  static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  private static var processor: String {
    #if canImport(Darwin)
      var size = 0
      sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0)
      var name = [UInt8](repeating: 0, count: max(1, size))
      sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0)
      return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    #else
      let lines = (contents("/proc/cpuinfo") ?? "").split(separator: "\n")
      let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
      return name.map { String($0.drop { $0 == " " }) } ?? "unknown processor"
    #endif
  }

  /// Runs `body` for each of `threads` numbers at once, every thread held on a processor of its own: left alone,
  /// some kernels put all threads of a process on one. Systems that cannot hold threads run them as they like.
  static func pinned(threads: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let errors = Mutex<[any Error]>([])
    let group = DispatchGroup()
    let queue = DispatchQueue(label: "lathe.benchmarks", attributes: .concurrent)
    for index in 0..<threads {
      queue.async(group: group) {
        held(on: index) {
          do { try body(index) } catch { errors.withLock { $0.append(error) } }
        }
      }
    }
    group.wait()
    if let error = errors.withLock({ $0.first }) { throw error }
  }

  /// Runs `body` with the calling thread on the processor with this number among those that it may run on.
  static func held(on index: Int, _ body: () -> Void) {
    let free = processors()
    if !free.isEmpty { hold(on: [free[index % free.count]]) }
    defer { hold(on: free) }
    body()
  }

  #if os(Linux)
    // Glibc shows these only to programs that ask for GNU's extensions, which Swift's module of it does not do.
    private typealias Affinity = @convention(c) (pid_t, Int, UnsafeMutablePointer<UInt64>) -> CInt

    private static func affinity(_ name: String) -> Affinity? {
      dlsym(nil, name).map { unsafeBitCast($0, to: Affinity.self) }
    }

    /// The processors that the calling thread may run on; none where the system does not tell.
    private static func processors() -> [Int] {
      var mask = [UInt64](repeating: 0, count: 16)
      guard let get = affinity("sched_getaffinity"), get(0, 8 * mask.count, &mask) >= 0 else { return [] }
      return (0..<64 * mask.count).filter { mask[$0 / 64] >> ($0 % 64) & 1 == 1 }
    }

    /// Holds the calling thread on these processors.
    private static func hold(on processors: [Int]) {
      var mask = [UInt64](repeating: 0, count: 16)
      for processor in processors { mask[processor / 64] |= 1 << (processor % 64) }
      if !processors.isEmpty { _ = affinity("sched_setaffinity")?(0, 8 * mask.count, &mask) }
    }
  #else
    private static func processors() -> [Int] { [] }
    private static func hold(on processors: [Int]) {}
  #endif
}
