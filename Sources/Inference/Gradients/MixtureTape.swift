internal import CKernels
internal import Checkpoints

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A mixture of experts run on a block's tokens with all that its way back needs. Which experts tokens go to has no
/// gradient; how much each counts has one.
struct MixtureTape {
  private let mixture: Mixture
  private let experts: Hyperparameters.Experts
  private let input: [Float]
  private let routes: Routes
  /// By expert: the places of its tokens among the routes, and what it made of them.
  private let slots: [[Int]]
  private let tapes: [FeedForwardTape]
  /// What the shared expert made, (tokens, hidden), and σ of its gate, a number a token; empty where there is none.
  private let shared: [Float]
  private let openings: [Float]
  /// (tokens, hidden).
  let made: [Float]

  init(
    _ tape: BlockTape, _ mixture: Mixture, _ input: [Float], shared: [Float]
  ) throws(InferenceError) {
    let (hidden, tokens) = (tape.shape.hidden, tape.count)
    let experts = tape.shape.experts ?? .init(count: 1, used: 1, isNormalised: false)
    (self.mixture, self.experts, self.input, self.shared) = (mixture, experts, input, shared)
    let scores = try tape.product([mixture.router], input)
    let routes = scores.withUnsafeBufferPointer { scores in
      scores.baseAddress.map { Routes($0, tokens: tokens, experts) }
    }
    guard let routes else { throw InferenceError(tape.model.checkpoint.path, "has no tokens to share out") }
    self.routes = routes
    slots = routes.slots(experts: experts.count)
    openings =
      try mixture.sharedGate.map { gate throws(InferenceError) in
        try tape.product([gate], input).map { 1 / (1 + expf(-$0)) }
      } ?? []
    var sum = shared.isEmpty ? [Float](repeating: 0, count: tokens * hidden) : shared
    var tapes: [FeedForwardTape] = []
    for (expert, slots) in slots.enumerated() {
      let rows = slots.map { $0 / routes.used }
      tapes.append(
        try FeedForwardTape(
          tape, mixture.experts[expert], Self.gathered(input, rows, hidden), rows: rows.count))
    }
    let (openings, all) = (openings, slots)
    sum.withUnsafeMutableBufferPointer { sum in
      guard let target = sum.baseAddress else { return }
      for (row, opening) in openings.enumerated() {
        let own = target + row * hidden
        lathe_scale_clip(own, opening, 0, -.infinity, .infinity, own, hidden)
      }
      for (slots, tape) in zip(all, tapes) {
        tape.made.withUnsafeBufferPointer { made in
          guard let made = made.baseAddress else { return }
          for (row, slot) in slots.enumerated() {
            lathe_accumulate_scaled(
              target + slot / routes.used * hidden, made + row * hidden, routes.shares[slot], hidden)
          }
        }
      }
    }
    (self.tapes, made) = (tapes, sum)
  }

  /// The gradients of the input and of what the shared expert made from that of the whole, all (tokens, hidden); those of
  /// the matrices go to `found`.
  ///
  /// - Parameter places: the run's rows, one of each token.
  func back(
    _ tape: BlockTape, _ gradient: [Float], _ places: [Int], _ found: inout [LayerRows]
  ) throws(InferenceError) -> (input: [Float], shared: [Float]) {
    let hidden = tape.shape.hidden
    var input = [Float](repeating: 0, count: gradient.count)
    var slopes = [Float](repeating: 0, count: routes.shares.count)
    for (expert, slots) in slots.enumerated().reversed() {
      let rows = slots.map { $0 / routes.used }
      var own = Self.gathered(gradient, rows, hidden)
      for (row, slot) in slots.enumerated() {
        slopes[slot] = Self.dot(own, row * hidden, tapes[expert].made, row * hidden, hidden)
        for index in row * hidden..<(row + 1) * hidden { own[index] *= routes.shares[slot] }
      }
      let back = try tapes[expert].back(tape, own, rows.map { places[$0] }, &found)
      Self.add(back, to: &input, rows, hidden)
    }
    let scores = scoreGradients(slopes, tokens: places.count)
    found += LayerRows.of([mixture.router], places, self.input, scores)
    input = BlockTape.sum(input, try tape.back([mixture.router], scores))
    guard let gate = mixture.sharedGate else { return (input, gradient) }
    var (shared, gates) = (gradient, [Float](repeating: 0, count: places.count))
    for row in places.indices {
      let opening = openings[row]
      gates[row] =
        opening * (1 - opening) * Self.dot(gradient, row * hidden, self.shared, row * hidden, hidden)
      for index in row * hidden..<(row + 1) * hidden { shared[index] *= opening }
    }
    // A vector is no layer's matrix, and nobody asks for its gradient.
    if !gate.isVector { found += LayerRows.of([gate], places, self.input, gates) }
    return (BlockTape.sum(input, try tape.back([gate], gates)), shared)
  }

  /// The gradients of the router's scores, (tokens, experts), from those of the shares.
  private func scoreGradients(_ slopes: [Float], tokens: Int) -> [Float] {
    let (count, used) = (experts.count, routes.used)
    var result = [Float](repeating: 0, count: tokens * count)
    for token in 0..<tokens {
      let slots = token * used..<(token + 1) * used
      let start = token * count
      func chance(_ slot: Int) -> Float { routes.chances[start + Int(routes.chosen[slot])] }
      let sum = experts.isNormalised ? slots.reduce(Float(0)) { $0 + chance($1) } : 1
      let mean =
        experts.isNormalised ? slots.reduce(Float(0)) { $0 + slopes[$1] * chance($1) } / sum : 0
      for slot in slots {
        result[start + Int(routes.chosen[slot])] = experts.scale * (slopes[slot] - mean) / sum
      }
      let whole = (0..<count).reduce(Float(0)) { $0 + result[start + $1] * routes.chances[start + $1] }
      for expert in 0..<count {
        let own = routes.chances[start + expert]
        result[start + expert] =
          experts.usesSigmoid
          ? result[start + expert] * own * (1 - own) : own * (result[start + expert] - whole)
      }
    }
    return result
  }

  private static func gathered(_ x: [Float], _ rows: [Int], _ width: Int) -> [Float] {
    Kernels.filled(rows.count * width) { target in
      x.withUnsafeBufferPointer { x in
        guard let x = x.baseAddress else { return }
        for (place, row) in rows.enumerated() { (target + place * width).update(from: x + row * width, count: width) }
      }
    }
  }

  private static func add(_ x: [Float], to sum: inout [Float], _ rows: [Int], _ width: Int) {
    x.withUnsafeBufferPointer { x in
      sum.withUnsafeMutableBufferPointer { sum in
        guard let x = x.baseAddress, let sum = sum.baseAddress else { return }
        for (place, row) in rows.enumerated() { lathe_accumulate(sum + row * width, x + place * width, width) }
      }
    }
  }

  private static func dot(_ a: [Float], _ from: Int, _ b: [Float], _ start: Int, _ count: Int) -> Float {
    var sum = 0.0
    for index in 0..<count { sum += Double(a[from + index]) * Double(b[start + index]) }
    return Float(sum)
  }
}
