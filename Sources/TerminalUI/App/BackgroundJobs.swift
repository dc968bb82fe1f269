import Dispatch
import Workbench

/// The making of what the filter searches, where a model has so many items that a key would wait for it.
enum SearchJob {
  static let longModel = 2000

  static func start(_ items: [Item], mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async { mailbox.post(.indexed(SearchIndex(items))) }
  }
}

/// The size of the file that a target would write, which may need a tokenizer to be read.
enum FileSizeJob {
  static func start(_ session: Session, _ target: Target, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async {
      mailbox.post(.fileSize(try? session.size(checkpoint: target), version: session.version, target: target))
    }
  }
}
