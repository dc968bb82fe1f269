import Inference
import Synchronization

/// How far a measurement is: for people who wait.
public struct MeasuringProgress: Sendable, Equatable {
  /// Samples or windows.
  public var done: Int
  public var of: Int
  public var perSecond: Double
  public var secondsLeft: Double?
  /// The most telling figure so far: `top-1 97.1 %`.
  public var figure: String?

  public init(done: Int = 0, of: Int = 0, perSecond: Double = 0, secondsLeft: Double? = nil, figure: String? = nil) {
    (self.done, self.of, self.perSecond) = (done, of, perSecond)
    (self.secondsLeft, self.figure) = (secondsLeft, figure)
  }
}

/// Puts times to what a measurement says of itself.
final class MeasuringClock: Sendable {
  private let start = ContinuousClock.now
  private let latest = Mutex<Metric?>(nil)
  private let tell: @Sendable (MeasuringProgress) -> Void

  init(tell: @escaping @Sendable (MeasuringProgress) -> Void) { self.tell = tell }

  var figure: Metric? {
    get { latest.withLock { $0 } }
    set { latest.withLock { $0 = newValue } }
  }

  func tick(_ done: Int, _ of: Int) {
    let elapsed = (ContinuousClock.now - start).components
    let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
    let rate = seconds > 0 ? Double(done) / seconds : 0
    tell(
      MeasuringProgress(
        done: done, of: of, perSecond: rate, secondsLeft: rate > 0 ? Double(of - done) / rate : nil,
        figure: figure.map { "\($0.name) \($0.format($0.value))" }))
  }
}
