#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  static let recurrent: Table = [
    "LSTM": { call throws(InferenceError) in try Recurrence(call, .lstm).run() },
    "GRU": { call throws(InferenceError) in try Recurrence(call, .gru).run() },
    "RNN": { call throws(InferenceError) in try Recurrence(call, .rnn).run() },
  ]
}

/// LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014) and Elman's RNN, forwards, backwards or both.
///
/// x (steps, batch, inputs), w (directions, gates · hidden, inputs), r (directions, gates · hidden, hidden),
/// b (directions, 2 · gates · hidden) → y (steps, directions, batch, hidden), the last h (directions, batch, hidden)
/// and, of LSTM, the last cells. `layout` 1 puts the batch first. Gates: LSTM i o f c, GRU z r h.
struct Recurrence {
  enum Kind: Int {
    case rnn = 1
    case gru = 3
    case lstm = 4
  }

  private let kind: Kind
  private let call: Call
  private let x: [Float]
  private let w: [Float]
  private let r: [Float]
  private let bias: [Float]
  private let peepholes: [Float]
  private let steps: Int
  private let batch: Int
  private let width: Int
  private let hidden: Int
  private let directions: Int
  private let lengths: [Int]
  private let batchIsFirst: Bool
  /// Three functions a direction at most, in the order of the attribute `activations`.
  private let functions: [(Float) -> Float]
  private let clip: Float
  private var gates: Int { kind.rawValue }

  /// Whether products take the input, and at each step the state, rounded to 8 bits over its own range.
  private let quantises: Bool

  init(_ call: Call, _ kind: Kind, quantises: Bool = false) throws(InferenceError) {
    self.kind = kind
    self.quantises = quantises
    self.call = call
    batchIsFirst = call.flag("layout")
    let given = try call.value(0)
    guard given.shape.count == 3, given.floats != nil else {
      throw call.fail("has an input of shape \(given.shape); steps, batch and inputs expected")
    }
    x = batchIsFirst ? Self.swapped(given).asFloats : given.asFloats
    let stepCount = given.shape[batchIsFirst ? 1 : 0]
    (steps, batch) = (stepCount, given.shape[batchIsFirst ? 0 : 1])
    width = given.shape[2]
    let (wShape, w) = try call.floats(1, rank: 3)
    let (rShape, r) = try call.floats(2, rank: 3)
    let hidden = rShape[2]
    let direction = call.string("direction") ?? "forward"
    directions = direction == "bidirectional" ? 2 : 1
    guard ["forward", "reverse", "bidirectional"].contains(direction),
      wShape == [directions, kind.rawValue * hidden, width], rShape == [directions, kind.rawValue * hidden, hidden],
      call.int("hidden_size") ?? hidden == hidden
    else { throw call.fail("has weights of shapes \(wShape) and \(rShape) for \(width) inputs, \(direction)") }
    (self.w, self.r, self.hidden) = (w, r, hidden)
    let biasCount = directions * 2 * kind.rawValue * hidden
    bias = call.optional(3) == nil ? .init(repeating: 0, count: biasCount) : try call.vector(3, count: biasCount)
    peepholes =
      kind == .lstm && call.optional(7) != nil ? try call.vector(7, count: directions * 3 * hidden) : []
    lengths = call.optional(4) == nil ? .init(repeating: steps, count: batch) : try call.integers(4)
    guard lengths.count == batch, lengths.allSatisfy({ (0...stepCount).contains($0) }) else {
      throw call.fail("has the lengths \(lengths) for \(batch) sequences of \(steps) steps")
    }
    let standard = kind == .lstm ? ["Sigmoid", "Tanh", "Tanh"] : kind == .gru ? ["Sigmoid", "Tanh"] : ["Tanh"]
    let names = call.strings("activations") ?? (directions == 2 ? standard + standard : standard)
    let expected = standard.count * directions
    guard names.count == expected else { throw call.fail("has the activations \(names)") }
    functions = try Self.functions(names, call)
    clip = call.float("clip") ?? .infinity
  }

  private static func functions(_ names: [String], _ call: Call) throws(InferenceError) -> [(Float) -> Float] {
    var functions: [(Float) -> Float] = []
    for (index, name) in names.enumerated() { functions.append(try function(name, index, call)) }
    return functions
  }

  private static func function(_ name: String, _ index: Int, _ call: Call) throws(InferenceError) -> (Float) -> Float {
    func given(_ list: [Float]?, _ standard: Float) -> Float {
      list.flatMap { index < $0.count ? $0[index] : nil } ?? standard
    }
    let (alphas, betas) = (call.floats("activation_alpha"), call.floats("activation_beta"))
    switch name.lowercased() {
    case "sigmoid": return Operators.sigmoid
    case "tanh": return { tanhf($0) }
    case "relu": return { max(0, $0) }
    case "affine":
      let (a, b) = (given(alphas, 1), given(betas, 0))
      return { a * $0 + b }
    case "leakyrelu":
      let a = given(alphas, 0.01)
      return { $0 < 0 ? a * $0 : $0 }
    case "thresholdedrelu":
      let a = given(alphas, 1)
      return { $0 > a ? $0 : 0 }
    case "scaledtanh":
      let (a, b) = (given(alphas, 1), given(betas, 1))
      return { a * tanhf(b * $0) }
    case "hardsigmoid":
      let (a, b) = (given(alphas, 0.2), given(betas, 0.5))
      return { max(0, min(1, a * $0 + b)) }
    case "elu":
      let a = given(alphas, 1)
      return { $0 < 0 ? a * expm1f($0) : $0 }
    case "softsign": return { $0 / (1 + abs($0)) }
    case "softplus": return { max($0, 0) + log1pf(expf(-abs($0))) }
    default: throw call.fail("has the activation \(name), which Lathe cannot run")
    }
  }

  /// The first two axes exchanged.
  private static func swapped(_ value: Value) -> Value {
    let strides = Shape.strides(value.shape)
    return Operators.gathered(
      value, [value.shape[1], value.shape[0]] + value.shape[2...], [strides[1], strides[0]] + strides[2...])
  }

  /// First states (directions, batch, hidden), zeros where they are left out.
  private func states(_ input: Int) throws(InferenceError) -> [Float] {
    let count = directions * batch * hidden
    guard let value = call.optional(input) else { return .init(repeating: 0, count: count) }
    guard value.count == count, value.shape.count == 3, value.floats != nil else {
      throw call.fail("has first states of shape \(value.shape)")
    }
    return batchIsFirst ? Self.swapped(value).asFloats : value.asFloats
  }

  func run() throws(InferenceError) -> [Value] {
    var h = try states(5)
    var cells = kind == .lstm ? try states(6) : []
    try call.check(size: [steps, directions, batch, hidden])
    try call.check(size: [steps, batch, gates * hidden])
    var y = [Float](repeating: 0, count: steps * directions * batch * hidden)
    let reverses = call.string("direction") == "reverse"
    for direction in 0..<directions { try pass(direction, reverses || direction == 1, &h, &cells, &y) }
    let last = Value([directions, batch, hidden], h)
    var outputs = [Value([steps, directions, batch, hidden], y), last]
    if kind == .lstm { outputs.append(Value([directions, batch, hidden], cells)) }
    guard batchIsFirst else { return outputs }
    let strides = Shape.strides(outputs[0].shape)
    let all = Operators.gathered(
      outputs[0], [batch, steps, directions, hidden], [strides[2], strides[0], strides[1], strides[3]])
    return [all] + outputs.dropFirst().map(Self.swapped)
  }

  private func pass(
    _ direction: Int, _ isReverse: Bool, _ h: inout [Float], _ cells: inout [Float], _ y: inout [Float]
  ) throws(InferenceError) {
    guard batch > 0, hidden > 0 else { return }
    let rows = gates * hidden
    let functions = Array(
      functions[direction * functions.count / directions..<(direction + 1) * functions.count / directions])
    let own = bias[direction * 2 * rows..<(direction + 1) * 2 * rows]
    let (inputBias, stateBias) = (Array(own.prefix(rows)), Array(own.suffix(rows)))
    // All steps' inputs in one product.
    var all = [Float](repeating: 0, count: steps * batch * rows)
    for row in 0..<steps * batch {
      for gate in 0..<rows { all[row * rows + gate] = inputBias[gate] }
    }
    multiply(
      quantises ? Operators.dynamicallyQuantised(x) : x, 0, w, direction * rows * width, &all, steps * batch, rows,
      width)
    var recurrent = [Float](repeating: 0, count: batch * rows)
    for number in 0..<steps {
      try call.pause()
      for row in 0..<batch {
        for gate in 0..<rows { recurrent[row * rows + gate] = stateBias[gate] }
      }
      let own = h[direction * batch * hidden..<(direction + 1) * batch * hidden]
      let state = quantises ? Operators.dynamicallyQuantised(Array(own)) : Array(own)
      multiply(state, 0, r, direction * rows * hidden, &recurrent, batch, rows, hidden)
      let resetsAfter = kind == .gru && call.flag("linear_before_reset")
      let inner =
        kind == .gru && !resetsAfter
        ? resetStates(direction, number, isReverse, all, recurrent, h, functions[0], stateBias) : []
      for sample in 0..<batch where number < lengths[sample] {
        // A reversed sequence begins at its own end.
        let step = isReverse ? lengths[sample] - 1 - number : number
        let a = (step * batch + sample) * rows
        let b = sample * rows
        let state = (direction * batch + sample) * hidden
        for unit in 0..<hidden {
          func gate(_ index: Int) -> Float {
            clipped(all[a + index * hidden + unit] + recurrent[b + index * hidden + unit])
          }
          let next: Float
          switch kind {
          case .rnn: next = functions[0](gate(0))
          case .gru:
            let z = functions[0](gate(0))
            let candidate: Float
            if resetsAfter {
              let reset = functions[0](gate(1))
              candidate = clipped(all[a + 2 * hidden + unit] + reset * recurrent[b + 2 * hidden + unit])
            } else {
              candidate = clipped(all[a + 2 * hidden + unit] + inner[sample * hidden + unit])
            }
            next = (1 - z) * functions[1](candidate) + z * h[state + unit]
          case .lstm:
            let hole = direction * 3 * hidden + unit
            let cell = cells[state + unit]
            let hasHoles = !peepholes.isEmpty
            let i = functions[0](hasHoles ? clipped(gate(0) + peepholes[hole] * cell) : gate(0))
            let keeps =
              call.flag("input_forget")
              ? 1 - i : functions[0](hasHoles ? clipped(gate(2) + peepholes[hole + 2 * hidden] * cell) : gate(2))
            let new = keeps * cell + i * functions[1](gate(3))
            let o = functions[0](hasHoles ? clipped(gate(1) + peepholes[hole + hidden] * new) : gate(1))
            cells[state + unit] = new
            next = o * functions[2](new)
          }
          h[state + unit] = next
          y[((step * directions + direction) * batch + sample) * hidden + unit] = next
        }
      }
    }
  }

  /// GRU's (r ⊙ h) · Rᵀ + b for its candidate: (batch, hidden).
  private func resetStates(
    _ direction: Int, _ number: Int, _ isReverse: Bool, _ all: [Float], _ recurrent: [Float], _ h: [Float],
    _ function: (Float) -> Float, _ stateBias: [Float]
  ) -> [Float] {
    let rows = gates * hidden
    var reset = [Float](repeating: 0, count: batch * hidden)
    var result = [Float](repeating: 0, count: batch * hidden)
    for sample in 0..<batch {
      let step = isReverse ? max(0, lengths[sample] - 1 - number) : number
      for unit in 0..<hidden {
        let gate = all[(step * batch + sample) * rows + hidden + unit] + recurrent[sample * rows + hidden + unit]
        reset[sample * hidden + unit] = function(clipped(gate)) * h[(direction * batch + sample) * hidden + unit]
        result[sample * hidden + unit] = stateBias[2 * hidden + unit]
      }
    }
    multiply(reset, 0, r, (direction * rows + 2 * hidden) * hidden, &result, batch, hidden, hidden)
    return result
  }

  private func clipped(_ x: Float) -> Float { clip == .infinity ? x : min(max(x, -clip), clip) }

  /// c += a · bᵀ with a (m, k) and b (n, k) from their offsets on.
  private func multiply(
    _ a: [Float], _ aOffset: Int, _ b: [Float], _ bOffset: Int, _ c: inout [Float], _ m: Int, _ n: Int, _ k: Int
  ) {
    guard m > 0, n > 0, k > 0 else { return }
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          BLAS.multiply(
            .init(start: a.baseAddress! + aOffset, stride: k),
            .init(start: b.baseAddress! + bOffset, stride: k, isTransposed: true), into: c.baseAddress!, m: m, n: n,
            k: k, beta: 1, unless: { call.budget.isCancelled })
        }
      }
    }
  }
}
