/// The blocks of a model, in the order of the layers, and which of them each layer stands in.
public struct Blocks: Sendable {
  public let names: [String]
  /// −1 for none.
  private let numbers: [Int32]

  /// - Complexity: O(layers); names are looked up where a neighbour's is another.
  public init(_ layers: [Layer]) {
    var known = InternedNames()
    let layers = layers.span
    numbers = layers.indices.map { place in
      known.block(of: layers[place]).map { Int32(clamping: $0) } ?? -1
    }
    names = known.names
  }

  /// - Parameter layer: its index among the layers.
  /// - Returns: the index of its block in `names`; `nil` where it stands in none.
  public subscript(layer: Int) -> Int? { numbers[layer] < 0 ? nil : Int(numbers[layer]) }
}
