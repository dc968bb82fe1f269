import Checkpoints
import Compression

/// The items of a model, by their place and by their tensor, and how much their inputs matter.
struct ItemTable: Sendable {
  private(set) var items: [Item]
  private let places: ItemPlaces
  let blocks: Blocks
  /// How many items have numbers to read.
  let surveyCount: Int
  /// The file that said how much inputs matter.
  var importancePath: String?

  init(_ items: [Item], _ layers: [Layer]) {
    self.items = items
    blocks = Blocks(layers)
    places = ItemPlaces(items)
    let lent = items.span
    surveyCount = lent.indices.count { lent[$0].isSurveyed }
  }

  subscript(id: Item.ID) -> Item? { places[id].map { items[$0] } }

  /// The item's index in `items`.
  func place(of id: Item.ID) -> Int? { places[id] }

  mutating func setChosen(_ weight: ChosenWeight?, at place: Int) { items[place].chosen = weight }

  mutating func weigh(_ place: Int, by importances: Importances) { items[place].importances = importances }
}

/// Where each item stands among all, by its tensor.
struct ItemPlaces: Sendable {
  /// −1 for a tensor that is no item.
  private let places: [Int32]

  init(_ items: [Item]) {
    let items = items.span
    var last = -1
    for place in items.indices { last = max(last, items[place].id) }
    var places = [Int32](repeating: -1, count: last + 1)
    for place in items.indices { places[items[place].id] = Int32(clamping: place) }
    self.places = places
  }

  subscript(id: Item.ID) -> Int? {
    places.indices.contains(id) && places[id] >= 0 ? Int(places[id]) : nil
  }
}
