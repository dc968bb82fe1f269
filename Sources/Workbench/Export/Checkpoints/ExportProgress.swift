import Dispatch
import Synchronization

/// How far the writing of a checkpoint is.
public struct ExportProgress: Sendable {
  /// 0…1.
  public var fraction: Double
  public var bytesPerSecond: Double
  /// `nil` before it can be told.
  public var secondsLeft: Double?

  /// - Parameter fraction: nothing yet.
  public init(fraction: Double = 0, bytesPerSecond: Double = 0, secondsLeft: Double? = nil) {
    self.fraction = fraction
    self.bytesPerSecond = bytesPerSecond
    self.secondsLeft = secondsLeft
  }
}

/// Counts what workers have done and tells it ten times a second.
final class ExportMeter: Sendable {
  private let total: Int
  private let report: @Sendable (ExportProgress) -> Bool
  private let start = DispatchTime.now().uptimeNanoseconds
  private let done = Atomic<Int>(0)
  private let isCancelled = Atomic<Bool>(false)
  private let told = Mutex<UInt64>(0)
  private static let interval: UInt64 = 100_000_000

  /// - Parameter report: called on the workers' threads, one at a time; `false` calls the work off.
  init(total: Int, report: @escaping @Sendable (ExportProgress) -> Bool) {
    self.total = total
    self.report = report
  }

  /// Adds bytes that are done.
  ///
  /// - Returns: whether to go on.
  func add(_ bytes: Int) -> Bool {
    let done = done.add(bytes, ordering: .relaxed).newValue
    told.withLock { told in
      // Read here: another thread's time of before the lock would lie before the one that was told.
      let now = DispatchTime.now().uptimeNanoseconds
      guard now - told >= Self.interval || done >= total else { return }
      told = now
      let seconds = Double(now - start) / 1e9
      let rate = seconds > 0 ? Double(done) / seconds : 0
      let isGoing = report(
        ExportProgress(
          fraction: total > 0 ? min(1, Double(done) / Double(total)) : 1, bytesPerSecond: rate,
          secondsLeft: rate > 0 ? Double(max(0, total - done)) / rate : nil))
      if !isGoing { isCancelled.store(true, ordering: .relaxed) }
    }
    return !isCancelled.load(ordering: .relaxed)
  }
}
