import Compression

/// Weights in the forms that several recipes give them: a form that a later recipe has too is made once, as far as there is
/// room for it.
struct Reconstructions {
  private struct Form: Hashable {
    let item: Item.ID
    let scheme: Scheme
  }

  /// How many recipes are still to ask for each form.
  private var uses: [Form: Int] = [:]
  private var kept: [Form: [Float]] = [:]
  /// Numbers that are kept: 4 bytes each.
  private(set) var count = 0

  /// - Parameter forms: all that will be asked for, each as often as it will be.
  init(_ forms: some Sequence<(item: Item, scheme: Scheme)>) {
    for (item, scheme) in forms { uses[Form(item: item.id, scheme: scheme), default: 0] += 1 }
  }

  /// A weight in a scheme.
  ///
  /// - Parameters:
  ///   - hasRoom: whether so many numbers may be kept in all.
  ///   - make: what gives the numbers where they are not kept.
  mutating func values(
    of item: Item, in scheme: Scheme, hasRoom: (Int) -> Bool, _ make: () throws -> [Float]
  ) rethrows -> [Float] {
    let form = Form(item: item.id, scheme: scheme)
    let left = (uses[form] ?? 1) - 1
    uses[form] = left
    if let values = kept[form] {
      if left <= 0 {
        kept[form] = nil
        count -= values.count
      }
      return values
    }
    let values = try make()
    if left > 0, hasRoom(count + values.count) {
      kept[form] = values
      count += values.count
    }
    return values
  }
}
