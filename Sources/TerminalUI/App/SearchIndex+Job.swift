import Dispatch
import Workbench

/// The making of what the filter searches, where a model has so many items that a key would wait for it.
enum SearchJob {
  static let longModel = 2000

  static func start(_ items: [Item], mailbox: Mailbox<Screen.Message>) {
    DispatchQueue.global(qos: .utility).async { mailbox.post(.indexed(SearchIndex(items))) }
  }
}
