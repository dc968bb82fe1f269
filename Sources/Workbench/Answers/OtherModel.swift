import Checkpoints
import Compression

/// Another file whose layers are held beside this model's: its own compressed form, an earlier state of training.
public struct OtherModel: Sendable {
  public let path: String
  private let checkpoint: Checkpoint
  private let items: [String: Item]

  /// - Throws: `WorkbenchError` for what is no model.
  init(path: String) throws {
    self.path = path
    checkpoint = try Checkpoint.open(path)
    items = Dictionary(Item.all(of: checkpoint).map { ($0.name, $0) }) { first, _ in first }
  }

  /// The layer of a name, read.
  ///
  /// - Returns: `nil` where the file has none that can be read.
  func overlay(of name: String, _ control: PassControl) throws -> Overlay? {
    guard let item = items[name], item.isSurveyed else { return nil }
    switch Question.survey(item.id).answer(from: checkpoint, item: item, control: control) {
    case .survey(let survey): return Overlay(name: name, file: path, survey: survey)
    case .failure(let reason): throw WorkbenchError("\(path): \(reason)")
    case nil: throw Cancelled()
    default: return nil
    }
  }
}

/// A layer that is drawn over another.
public struct Overlay: Sendable {
  public let name: String
  /// The file that it stands in; `nil` for the model itself.
  public let file: String?
  public let survey: Survey

  public init(name: String, file: String? = nil, survey: Survey) {
    (self.name, self.file, self.survey) = (name, file, survey)
  }
}
