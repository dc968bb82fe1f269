import Dispatch
import Workbench

/// The search for the threshold of a ratio over the model, on a background queue.
enum SharedRatioJob {
  static func start(_ shared: Session.SharedRatio, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async {
      do {
        mailbox.post(.threshold(ratio: shared.ratio, try shared.threshold()))
      } catch {
        mailbox.post(.noThreshold("\(error)"))
      }
    }
  }
}
