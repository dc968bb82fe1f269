import Dispatch
import Synchronization
import Testing

@testable import Workbench

@Suite struct ExportMeterTests {
  /// Each tells of itself: what another told a moment later is no reason to stop.
  @Test func manyThreadsMayTellAtOnce() {
    let last = Mutex(0.0)
    let meter = ExportMeter(total: 1) { progress in
      last.withLock { $0 = progress.fraction }
      return true
    }
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<20_000 where !meter.add(1) { Issue.record("called off") }
    }
    #expect(last.withLock { $0 } == 1)
  }
}
