import Compression
import FileAccess

/// The choice that a file holds for a model: a recipe of Lathe's own, another tool's config, or the types that a
/// quantised checkpoint is stored in.
public struct ImportedChoice: Sendable {
  public internal(set) var outcome: Outcome
  /// What the file says and the model has no place for.
  public internal(set) var mismatches: [String]
  /// What else a person should know: what of the file was not taken over.
  public internal(set) var remarks: [String] = []
  /// What the file is: `a llama.cpp type file`. `nil` for Lathe's own recipes.
  public let kind: String?

  /// What was taken, for files that are not Lathe's own: `read as a llama.cpp type file, 23 layers`.
  public var summary: String? {
    kind.map { kind in "read as \(kind), \(counted(outcome.recipe.choices.count, "layer"))" }
  }
}

/// `1 layer`, `2 layers`.
func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

/// An imported choice in the making.
struct ImportDraft {
  let path: String
  let kind: String
  /// Whether llama.cpp's substitutes are taken where a row is no multiple of a block.
  let fallback: Bool
  /// Whether anything in the file was about a layer of the model.
  var hasMatch = false
  private var outcome = Outcome(recipe: Recipe())
  var mismatches: [String] = []
  var remarks: [String] = []

  init(path: String, kind: String, fallback: Bool) {
    (self.path, self.kind, self.fallback) = (path, kind, fallback)
  }

  /// A scheme for an item; what the item cannot take is noted and stays.
  mutating func choose(_ scheme: Scheme, for item: Item) throws(WorkbenchError) {
    hasMatch = true
    guard !scheme.isKeep else { return }
    try outcome.choose(scheme, for: item, named: false, by: .rule, fallback: fallback)
  }

  /// An item that the file is about and that stays as it is, and why.
  mutating func keep(_ item: Item, because reason: String) {
    hasMatch = true
    outcome.notes[item.name] = reason
  }

  /// - Throws: `WorkbenchError` where nothing in the file is about this model.
  func finished() throws(WorkbenchError) -> ImportedChoice {
    guard hasMatch else {
      let first = mismatches.first.map { " (\($0))" } ?? ""
      throw WorkbenchError("\(path): \(kind), but for another model: it says nothing of this one's layers\(first)")
    }
    var choice = ImportedChoice(outcome: outcome, mismatches: mismatches, kind: kind)
    choice.remarks = remarks
    return choice
  }

  func wrong(_ place: String, _ what: String) -> WorkbenchError {
    WorkbenchError("\(path): \(excerpt(place)): \(what)")
  }
}

/// A text of a file as a message shows it.
func excerpt(_ text: String) -> String {
  printable(text.count > 120 ? text.prefix(117) + "…" : text)
}
