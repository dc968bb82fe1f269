internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension BlockRun {
  /// added · σ(shared gate) + Σ share · expert(x) over each token's experts, into `added`; x (N, hidden).
  ///
  /// Each expert is run once, on all tokens that go to it.
  func mix(
    _ number: Int, _ mixture: Mixture, _ x: UnsafePointer<Float>, _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    guard let experts = shape.experts else { return }
    let hidden = shape.hidden
    let scores = Scratch(count * experts.count)
    observe?(LinearInputs(mixture.router, x, rows: count))
    try model.multiply(
      mixture.router, weights, x, count: count, into: scores.start, stride: experts.count, unless: isCancelled)
    if isCancelled() { throw .cancelled }
    let routes = Routes(scores.start, tokens: count, experts, given: routing?.given[number])
    routing?.found[number] = routes
    if let gate = mixture.sharedGate {
      observe?(LinearInputs(gate, x, rows: count))
      try model.multiply(gate, weights, x, count: count, into: scores.start, stride: 1, unless: isCancelled)
      for row in 0..<count {
        let own = added.start + row * hidden
        lathe_scale_clip(own, 1 / (1 + expf(-scores.start[row])), 0, -.infinity, .infinity, own, hidden)
      }
    }
    let (gathered, made) = (Scratch(count * hidden), Scratch(count * hidden))
    for (expert, slots) in routes.slots(experts: experts.count).enumerated() {
      if isCancelled() { throw .cancelled }
      if routing?.widened[number]?.contains(expert) == true {
        try run(mixture.experts[expert], x, count, into: made.start, isWidened: true, isCancelled)
      }
      // An expert is shown that nothing came to it, too.
      guard !slots.isEmpty else {
        for linear in mixture.experts[expert].linears { observe?(LinearInputs(linear, gathered.start, rows: 0)) }
        continue
      }
      for (row, slot) in slots.enumerated() {
        (gathered.start + row * hidden).update(from: x + slot / routes.used * hidden, count: hidden)
      }
      try run(mixture.experts[expert], gathered.start, slots.count, into: made.start, isCancelled)
      for (row, slot) in slots.enumerated() {
        lathe_accumulate_scaled(
          added.start + slot / routes.used * hidden, made.start + row * hidden, routes.shares[slot], hidden)
      }
    }
  }
}
