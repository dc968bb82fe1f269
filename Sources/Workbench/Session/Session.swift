import Checkpoints
import Compression

/// A model on the bench: its items, the recipe as it stands with its history, and all that was found out so far.
///
/// A value; both front ends own one and change it. It starts no work: `questions` says what to ask an `Analyst`.
public struct Session: Sendable {
  public let checkpoint: Checkpoint
  /// `checkpoint.parameterCount`, counted once.
  public let parameterCount: Int
  var table: ItemTable
  /// The recipe as it stands, with those before it and those that were undone.
  public internal(set) var history = RecipeHistory()
  /// What stood before a recipe was shown that is not yet taken.
  var beforePreview: RecipeHistory?
  /// Counts the changes of the recipe: a number to compare where comparing recipes would take long.
  public internal(set) var version = 0
  /// The items whose choice the last change of the recipe changed.
  public private(set) var lastChanged: [Item.ID] = []
  public internal(set) var answers: Answers
  var parts: EstimateParts
  /// In the order in which they were made.
  public internal(set) var measurements: [Measurement] = []
  /// Recipes that were kept, in the order in which they were.
  public internal(set) var snapshots: [Snapshot] = []
  /// Recalled ones that nothing was learnt from yet.
  var unlearned: [Measurement] = []
  /// What compression does to the outputs, layer by layer, once it was measured or read (`adopt(_:)`).
  public internal(set) var sensitivities: AdoptedSensitivities?
  /// Whom the recipe is meant for (`aim(at:)`), and what that tool says of it.
  var aim = Aim.none
  /// Layers that an edit changes together; `nil` where each is for itself.
  public internal(set) var locks: Locks?

  /// What a step down makes of a weight that is kept, where the weight and the target can take it; `nil` for about eight
  /// bits of what the target takes, or of integers.
  public var firstScheme: Scheme?

  /// Whether the files that are made of the recipe tell how it came about (`provenance`).
  public var tellsProvenance = true

  /// What earlier runs found out, and where this one keeps what it does; `nil` for nothing.
  public let cache: ModelCache?

  /// - Parameter cache: where answers are kept between runs.
  public init(_ checkpoint: Checkpoint, cache: CacheFolder? = nil) {
    self.checkpoint = checkpoint
    self.cache = cache.map { ModelCache($0, of: checkpoint) }
    parameterCount = checkpoint.parameterCount
    table = ItemTable(Item.all(of: checkpoint), checkpoint.layers)
    answers = Answers(tensors: checkpoint.tensors.count)
    parts = EstimateParts()
  }

  public var items: [Item] { table.items }
  public func item(id: Int) -> Item? { table[id] }
  /// - Complexity: O(items).
  public func item(named name: String) -> Item? { items.first { $0.name == name } }

  /// The names of the model's blocks, in its order.
  public var blockNames: [String] { table.blocks.names }
  /// The index of the block that the item at a place of `items` stands in.
  public func block(of place: Int) -> Int? { table.blocks[items[place].layerIndex] }

  public var recipe: Recipe { history.recipe }
  public func scheme(of item: Item) -> Scheme { recipe[item] }
  public var target: Target? { aim.target }
  /// Changes whenever the estimate may have: a number to compare where adding up would take long.
  public var estimateVersion: Int { parts.version }

  /// Changes whenever what is written of the recipe may have: its choices, or what there is to tell of them.
  public var exportVersion: Int { version &+ measurements.count &+ (sensitivities == nil ? 0 : estimateVersion) }

  /// Brings what depends on the recipe up to date.
  ///
  /// - Parameter places: of the items whose choice changed.
  mutating func recipeChanged(at places: [Int]) {
    version += 1
    lastChanged = places.map { items[$0].id }
    for place in places { renewPart(at: place) }
  }

  /// Works out anew what an item adds to the estimate.
  mutating func renewPart(at place: Int) {
    parts.set(part(of: items[place], in: recipe[items[place]]), at: place, among: items)
    guard sensitivities != nil else { return }
    parts.set(effect: effect(of: items[place], in: recipe[items[place]]), at: place, of: items.count)
  }

  /// Works out anew what all items do to the outputs.
  mutating func renewEffects() {
    parts.clearEffects()
    guard sensitivities != nil else { return }
    for place in items.indices {
      parts.set(effect: effect(of: items[place], in: recipe[items[place]]), at: place, of: items.count)
    }
  }
}
