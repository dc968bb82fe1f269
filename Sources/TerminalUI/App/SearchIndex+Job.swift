import Dispatch
import Workbench

/// The making of what the filter searches, where a model has so many items that a key would wait for it.
enum SearchJob {
  static let longModel = 2000
  /// From here on even the order of the names would be felt before the first screen.
  static let veryLongModel = 20_000

  /// The order in which a model's items are shown.
  static func startOrder(_ session: Session, mailbox: Mailbox<Screen.Message>) {
    DispatchQueue.global(qos: .utility).async { mailbox.post(.ordered(session.shownOrder)) }
  }

  static func start(_ items: [Item], mailbox: Mailbox<Screen.Message>) {
    DispatchQueue.global(qos: .utility).async { mailbox.post(.indexed(SearchIndex(items))) }
  }
}
