/// Which samples a training learns from, and which it is judged by: the same for the same seed, wherever it was interrupted.
struct TrainingSamples: Sendable, Hashable {
  /// A tenth, one at least; the same as the others where there is one alone.
  let heldOut: [Int]
  let learnt: [Int]
  let batch: Int
  let seed: UInt64

  init(count: Int, batch: Int, seed: UInt64) {
    let order = Self.shuffled(Array(0..<count), seed, turn: 0)
    let held = max(1, count / 10)
    heldOut = order.prefix(held).sorted()
    learnt = count > 1 ? order.dropFirst(held).sorted() : order
    self.batch = max(1, min(batch, learnt.count))
    self.seed = seed
  }

  /// The samples of a step: all are gone through in an order of its own before any comes again.
  func batch(_ step: Int) -> [Int] {
    var samples: [Int] = []
    var (turn, order) = (-1, learnt)
    for place in step * batch..<(step + 1) * batch {
      if place / learnt.count != turn {
        turn = place / learnt.count
        order = Self.shuffled(learnt, seed, turn: turn + 1)
      }
      samples.append(order[place % learnt.count])
    }
    return samples
  }

  /// R. Fisher and F. Yates's shuffle, with SplitMix64 (G. Steele et al. 2014).
  private static func shuffled(_ list: [Int], _ seed: UInt64, turn: Int) -> [Int] {
    var (list, state) = (list, mixed(seed) &+ mixed(UInt64(turn) &+ 1))
    for last in stride(from: list.count - 1, to: 0, by: -1) {
      state &+= 0x9e37_79b9_7f4a_7c15
      list.swapAt(last, Int(mixed(state) % UInt64(last + 1)))
    }
    return list
  }

  private static func mixed(_ number: UInt64) -> UInt64 {
    var z = number
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
