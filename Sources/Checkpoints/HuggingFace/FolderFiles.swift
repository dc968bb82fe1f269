public import FileAccess
import Synchronization

/// The JSON files in a model's folder (`config.json`, `modules.json`), each read when it is first asked for and kept.
public final class FolderFiles: Sendable {
  /// The folder's path; `.` for a model that is named without one.
  public let path: String
  private let known = Mutex<[String: Result<JSONValue?, CheckpointError>]>([:])

  init(besides file: String) { path = folder(of: file) }

  /// - Parameter name: a path in the folder.
  /// - Returns: `nil` where there is no such file.
  /// - Throws: where it is no JSON.
  public func json(_ name: String) throws(CheckpointError) -> JSONValue? {
    if let found = known.withLock({ $0[name] }) { return try found.get() }
    let found = Result<JSONValue?, CheckpointError> { () throws(CheckpointError) in
      try JSONValue(path: "\(path)/\(name)")
    }
    known.withLock { $0[name] = found }
    return try found.get()
  }

  /// transformers' `config.json`.
  public func config() throws(CheckpointError) -> JSONValue? { try json("config.json") }

  /// Where it is, for messages.
  public var configPath: String { "\(path)/config.json" }
}
