internal import CKernels

/// Which experts some tokens go to, and how much each counts.
struct Routes: Sendable {
  let used: Int
  /// (tokens, experts): the softmax of the router's scores, or their sigmoids.
  let chances: [Float]
  /// (tokens, used), and what the expert's output is multiplied by.
  let chosen: [Int32]
  let shares: [Float]

  /// - Parameters:
  ///   - scores: (tokens, experts).
  ///   - given: where tokens go, whatever the scores say.
  init(_ scores: UnsafePointer<Float>, tokens: Int, _ experts: Hyperparameters.Experts, given: Routes? = nil) {
    let (count, used) = (experts.count, experts.used)
    self.used = used
    let chances = Kernels.filled(tokens * count) { target in
      for token in 0..<tokens {
        lathe_chances(scores + token * count, count, experts.usesSigmoid ? 1 : 0, target + token * count)
      }
    }
    var chosen = given?.chosen ?? []
    if chosen.count != tokens * used {
      chosen = [Int32](repeating: 0, count: tokens * used)
      chances.withUnsafeBufferPointer { chances in
        chosen.withUnsafeMutableBufferPointer { chosen in
          guard let chances = chances.baseAddress, let chosen = chosen.baseAddress else { return }
          for token in 0..<tokens { lathe_route(chances + token * count, count, used, chosen + token * used) }
        }
      }
    }
    var shares = [Float](repeating: 0, count: chosen.count)
    for token in 0..<tokens {
      let slots = token * used..<(token + 1) * used
      let sum = slots.reduce(Float(0)) { $0 + chances[token * count + Int(chosen[$1])] }
      for slot in slots {
        let chance = chances[token * count + Int(chosen[slot])]
        shares[slot] = experts.scale * (experts.isNormalised ? chance / sum : chance)
      }
    }
    (self.chances, self.chosen, self.shares) = (chances, chosen, shares)
  }

  /// The places in `chosen` of each expert's tokens.
  func slots(experts count: Int) -> [[Int]] {
    var slots = [[Int]](repeating: [], count: count)
    for (slot, expert) in chosen.enumerated() { slots[Int(expert)].append(slot) }
    return slots
  }
}

/// What is to be known of a run's routes, and what of them is given, block by block.
final class RoutingWatch {
  var found: [Int: Routes] = [:]
  /// Where the run's tokens go, whatever the router makes of them.
  var given: [Int: Routes] = [:]
  /// Experts that are shown all tokens besides, for what they would be given by them.
  var widened: [Int: Set<Int>] = [:]
}
