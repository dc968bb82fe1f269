import Checkpoints

/// A session as it is kept in a file: all that a person did and had measured, and how it was looked at. What was found out
/// about the weights is not in it: the cache has that, and it can be found out again.
public struct SessionRecord: Sendable {
  /// How many changes of the recipe can be walked through.
  public var steps: Int { max(0, history.steps.count - 1) }
  /// Layers whose choice was not written.
  public var unsavedChanges: Int { history.unsavedChanges }

  /// Which model it is of.
  public var model: Model
  /// Seconds since 1970.
  public var savedAt: Int
  public var history: RecipeHistory
  /// In the order in which they were made; without the models' outputs.
  public var measurements: [Measurement]
  /// Recipes that were given a name, in the order in which they were.
  public var recipes: [Named]
  /// The one that others are held against.
  public var marked: Recipe?
  public var sensitivities: Sensitivities?
  /// The file beside the session's with the codes that were chosen for the recipe as it stands.
  public var recovered: RecipeFile.Recovered?
  /// Paths.
  public var data: String?
  public var calibration: String?
  public var importance: String?
  /// A target's name.
  public var target: String?
  public var view: View

  public struct Model: Sendable, Hashable {
    public var path: String
    /// Of what is in its files (`ModelKey`): the same for a copy; empty where it is not known.
    public var key: String
  }

  public struct Named: Sendable, Hashable {
    public var name: String
    public var recipe: Recipe
    public var provenance: Provenance?

    public init(name: String, recipe: Recipe, provenance: Provenance? = nil) {
      (self.name, self.recipe, self.provenance) = (name, recipe, provenance)
    }
  }

  /// How the session is looked at, in a front end's own words.
  public struct View: Sendable, Hashable {
    public var filter = ""
    /// A column's name; `nil` for the file's order.
    public var sort: String?
    public var isDescending = false
    /// Names of blocks.
    public var folded: [String] = []
    public var pane: String?

    public init() {}
  }

  /// Steps of a history, measurements or recipes that a file has at most.
  static let most = 1000
  /// Steps that are written: those nearest to where the history stands.
  static let mostWritten = 200
}

/// A session as it stands, to be written in the background: small to copy, and no part of it changes with the session.
public struct SessionDraft: Sendable {
  /// The recipe's.
  public let version: Int
  public var record: SessionRecord
  let items: [Item]
  let checkpoint: Checkpoint
  /// How the recipe came about.
  let story: Provenance?
  /// Whether what was measured is kept nowhere else.
  let isOnlyPlace: Bool
  /// Counts what the sensitivities have learnt; 0 without.
  let learnt: Int

  /// The same once it is written: nothing of it is unsaved.
  public var written: SessionDraft {
    var draft = self
    draft.record.history.markSaved()
    return draft
  }

  /// Whether ending now would lose something.
  public var isUnsaved: Bool {
    !record.history.isSaved || isOnlyPlace && !(record.measurements.isEmpty && record.sensitivities == nil)
  }
}
