/// What a step of a block is given, summed over all texts: groups of matrices with the same inputs, of experts one each.
///
/// An expert to which fewer tokens go than its matrix has columns knows less than all directions of its inputs. What is
/// missing to that many is filled up with what all tokens of the block would give it on average (of a block with fewer
/// tokens than columns, up to all of them): rare experts are chosen with what they may be given in view, those that
/// nothing came to as if any token could.
final class BlockInputs {
  private let groups: [[Linear]]
  /// By the first matrix's layer; of a stack its parts are the experts.
  private var own: [Int: InputProducts] = [:]
  /// The same of what all tokens would give.
  private var widened: [Int: InputProducts] = [:]
  private var isWidened = false
  /// What was seen of some texts, by layer and part, until the original's stands beside it.
  private var pending: [Key: [Float]] = [:]

  private struct Key: Hashable {
    let layer: Int
    let part: Int
  }

  init(_ groups: [[Linear]]) {
    self.groups = groups
    for first in groups.compactMap(\.first) where own[first.layer] == nil {
      own[first.layer] = InputProducts(layer: first.layer, columns: first.inputs, parts: first.parts)
    }
  }

  /// Numbers of all moments.
  var matrixNumbers: Int {
    own.values.reduce(0) { sum, products in
      let one = products.columns.multipliedReportingOverflow(by: products.columns)
      let all = one.partialValue.multipliedReportingOverflow(by: products.parts.count)
      let next = sum.addingReportingOverflow(all.partialValue)
      return one.overflow || all.overflow || next.overflow ? .max : next.partialValue
    }
  }

  /// - Parameter isWidened: whether only what is shown besides is summed.
  func begin(widened isWidened: Bool) {
    self.isWidened = isWidened
    pending = [:]
  }

  /// Inputs that the changed weights make.
  func see(_ inputs: LinearInputs) {
    guard own[inputs.layer] != nil, inputs.isWidened == isWidened, inputs.rows > 0 else { return }
    pending[Key(layer: inputs.layer, part: inputs.part)] = Array(inputs.values)
  }

  /// Inputs that the original's make, of the same rows.
  func compare(_ inputs: LinearInputs) {
    guard inputs.isWidened == isWidened, inputs.rows > 0,
      let seen = pending.removeValue(forKey: Key(layer: inputs.layer, part: inputs.part))
    else { return }
    seen.withUnsafeBufferPointer { add($0, original: inputs.values, to: inputs.layer, inputs.part) }
  }

  /// What was not compared is summed as it was seen.
  func end() {
    for (key, values) in pending.sorted(by: { ($0.key.layer, $0.key.part) < ($1.key.layer, $1.key.part) }) {
      values.withUnsafeBufferPointer { add($0, original: nil, to: key.layer, key.part) }
    }
    pending = [:]
  }

  private func add(
    _ values: UnsafeBufferPointer<Float>, original: UnsafeBufferPointer<Float>?, to layer: Int, _ part: Int
  ) {
    guard isWidened else {
      own[layer]?.add(values, original: original, to: part)
      return
    }
    guard let like = own[layer] else { return }
    widened[layer, default: InputProducts(layer: layer, columns: like.columns, parts: like.parts.count)]
      .add(values, original: original, to: part)
  }

  /// The rows that an expert's moments should be of, where there are so many tokens.
  private func floor(_ linear: Linear, tokens: Int) -> Int { min(linear.inputs, tokens) }

  /// Experts of which a matrix here was given too few rows.
  func starved(among mixture: Mixture, tokens: Int) -> Set<Int> {
    Set(
      mixture.experts.indices.filter { expert in
        mixture.experts[expert].linears.contains { linear in
          guard let products = own[linear.layer] else { return false }
          return products.parts[linear.part].rows < floor(linear, tokens: tokens)
        }
      })
  }

  /// Fills the moments of starved experts up.
  func fillUp(_ mixture: Mixture, _ starved: Set<Int>, tokens: Int) {
    for linear in starved.flatMap({ mixture.experts[$0].linears }) {
      guard let other = widened[linear.layer]?.parts[linear.part] else { continue }
      own[linear.layer]?.fill(linear.part, upTo: floor(linear, tokens: tokens), with: other)
    }
    widened = [:]
  }

  /// The moments of a matrix's layer.
  func products(of linear: Linear) -> InputProducts? {
    guard let first = groups.first(where: { $0.contains { $0.layer == linear.layer } })?.first else { return nil }
    return own[first.layer]?.of(linear.layer)
  }
}

extension Block {
  /// Its products in the order of their use, those of one step together: groups with the same inputs.
  var steps: [[[Linear]]] {
    var steps = [[projections], [[output]]]
    if let mixture {
      steps.append([[mixture.router] + [mixture.sharedGate].compactMap { $0 } + (feedForward?.up ?? [])])
      if let feedForward { steps.append([[feedForward.down]]) }
      steps.append(mixture.experts.map(\.up))
      steps.append(mixture.experts.map { [$0.down] })
    } else if let feedForward {
      steps += [[feedForward.up], [[feedForward.down]]]
    }
    return steps
  }
}
