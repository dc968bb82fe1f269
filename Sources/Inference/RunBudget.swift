#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What one run of a network may take: memory for the arrays that are alive at a time, and time until it is asked to
/// stop.
///
/// The runner counts arrays as they come and go; operators ask before they make one, so that a number in a file never
/// makes more than there is.
final class RunBudget {
  /// Bytes for arrays: what the weights leave.
  let limit: Int
  /// Bytes of the arrays that are alive.
  private(set) var taken: Int
  private let asksToStop: () -> Bool

  init(limit: Int?, taken: Int = 0, isCancelled: @escaping () -> Bool) {
    self.limit = max(0, limit ?? Self.standard)
    self.taken = taken
    asksToStop = isCancelled
  }

  var isCancelled: Bool { asksToStop() }
  var left: Int { max(0, limit - taken) }

  /// An array takes the place of another.
  func exchange(_ old: Value?, for new: Value?) { taken += (new?.byteCount ?? 0) - (old?.byteCount ?? 0) }

  /// Bytes that are needed beside the arrays; negative: no longer.
  func take(_ bytes: Int) { taken += bytes }

  /// Six tenths of the machine's memory, or half of the address space that the process may have: for weights and arrays.
  static let whole: Int = share(tenths: 6, ofSpace: 2)

  /// Why weights do not fit.
  static func lack(of bytes: Int, limit: Int, _ path: String) -> InferenceError {
    InferenceError(
      path,
      "its weights take \(bytes >> 20) MiB as 32-bit floats, where a run may take \(limit >> 20) MiB (--memory)")
  }

  /// An eighth of the machine's memory, or a quarter of the address space that the process may have.
  static let standard: Int = share(tenths: 1.25, ofSpace: 4)

  private static func share(tenths: Double, ofSpace part: Int) -> Int {
    let memory = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
    let isUnknown = memory.overflow || memory.partialValue <= 0
    var share = isUnknown ? 1 << 30 : Int(Double(memory.partialValue) * tenths / 10)
    var space = rlimit()
    #if canImport(Glibc)
      let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space) == 0
    #else
      let isKnown = getrlimit(RLIMIT_AS, &space) == 0
    #endif
    if isKnown, let bytes = Int(exactly: space.rlim_cur), bytes > 0 { share = min(share, bytes / part) }
    return share
  }
}

extension Value {
  /// Bytes of the elements in memory.
  var byteCount: Int {
    switch elements {
    case .floats(let floats): floats.count * MemoryLayout<Float>.stride
    case .integers(let integers): integers.count * MemoryLayout<Int64>.stride
    }
  }
}
