import Dispatch
import Synchronization
import Workbench

/// The writing of a checkpoint on a background queue: it tells the mailbox how far it is, and can be called off.
final class ExportJob: Sendable {
  private let isCancelled = Atomic<Bool>(false)

  init(session: Session, target: Target, path: String, workers: Int?, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async { [self] in
      do {
        let export = try session.write(checkpoint: target, to: path, workers: workers) { progress in
          mailbox.post(.exporting(progress))
          return !self.isCancelled.load(ordering: .relaxed)
        }
        mailbox.post(.exported(export, path: path))
      } catch is Cancelled {
        mailbox.post(.calledOff)
      } catch {
        mailbox.post(.failed("\(error)"))
      }
    }
  }

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
}
