import Dispatch
import Synchronization
import Workbench

/// A measurement on a background queue: it tells the mailbox how far it is, and can be called off.
final class MeasurementJob: Sendable {
  private let isCancelled = Atomic<Bool>(false)

  init(session: Session, request: MeasurementRequest, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async { [self] in
      do {
        let measurement = try session.measure(
          request,
          progress: { done, of in
            mailbox.post(.measuring(done: done, of: of))
            return true
          }, isCancelled: { self.isCancelled.load(ordering: .relaxed) })
        mailbox.post(measurement.map { .measured($0) } ?? .calledOff)
      } catch {
        mailbox.post(.failed("\(error)"))
      }
    }
  }

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
}
