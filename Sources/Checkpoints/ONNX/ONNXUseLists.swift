/// The uses of each tensor as a weight, in the order in which they were found.
struct ONNXUseLists {
  /// Of all tensors.
  private(set) var all: [ONNXUse] = []
  /// By tensor, its first and last use in `all`; −1 for none.
  private var first: [Int32]
  private var last: [Int32]
  /// By use, the next of the same tensor.
  private var next: [Int32] = []

  init(_ tensors: Int) {
    first = [Int32](repeating: -1, count: tensors)
    last = first
  }

  mutating func append(_ use: ONNXUse) {
    let place = Int32(clamping: all.count)
    all.append(use)
    next.append(-1)
    if first[use.weight] < 0 { first[use.weight] = place } else { next[Int(last[use.weight])] = place }
    last[use.weight] = place
  }

  /// Takes a tensor's uses away.
  mutating func remove(_ tensor: Int) { first[tensor] = -1 }

  func isEmpty(of tensor: Int) -> Bool { first[tensor] < 0 }
  func first(of tensor: Int) -> ONNXUse? { first[tensor] < 0 ? nil : all[Int(first[tensor])] }

  subscript(tensor: Int) -> [ONNXUse] {
    var uses: [ONNXUse] = []
    var at = first[tensor]
    while at >= 0 {
      uses.append(all[Int(at)])
      at = next[Int(at)]
    }
    return uses
  }
}
