/// Einsum: sums of products along axes that are named by letters, as in `bij,bjk->bik`; `...` stands for axes without
/// a name.
struct Einsum {
  let operands: [Value]
  /// A label an axis: letters by their own code, the axes of `...` from −1 on downwards, the last axis −1.
  let labels: [[Int]]
  let output: [Int]
  private let extents: [Int: Int]
  let call: Call

  init(_ call: Call) throws(InferenceError) {
    guard let equation = call.string("equation")?.filter({ $0 != " " }) else { throw call.fail("has no equation") }
    let sides = equation.components(arrow: "->")
    let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard sides.count <= 2, terms.count == call.inputs.count else {
      throw call.fail("has the equation '\(equation)' for \(call.inputs.count) inputs")
    }
    var operands: [Value] = []
    var labels: [[Int]] = []
    var extents: [Int: Int] = [:]
    for (index, term) in terms.enumerated() {
      let value = try call.value(index)
      let own = try Self.labels(term, rank: value.shape.count, call)
      guard own.count == value.shape.count else {
        throw call.fail("names the axes of shape \(value.shape) '\(term)'")
      }
      for (label, extent) in zip(own, value.shape) {
        let known = extents[label] ?? 1
        guard known == extent || known == 1 || extent == 1 else {
          throw call.fail("has extents \(known) and \(extent) for one axis of '\(equation)'")
        }
        extents[label] = known == 1 ? extent : known
      }
      operands.append(value)
      labels.append(own)
    }
    let unnamed = extents.keys.filter { $0 < 0 }.sorted()
    if sides.count == 2 {
      output = try Self.labels(sides[1], rank: sides[1].filter { $0.isLetter }.count + unnamed.count, call)
    } else {
      // Without an arrow: the letters that occur once, in their order.
      let all = labels.flatMap { $0 }
      output = unnamed + extents.keys.filter { label in label > 0 && all.count { $0 == label } == 1 }.sorted()
    }
    guard output.allSatisfy({ extents[$0] != nil }), Set(output).count == output.count else {
      throw call.fail("has the equation '\(equation)'")
    }
    (self.operands, self.labels, self.extents, self.call) = (operands, labels, extents, call)
  }

  private static func labels(_ term: String, rank: Int, _ call: Call) throws(InferenceError) -> [Int] {
    var labels: [Int] = []
    let letters = term.filter { $0 != "." }
    guard letters.allSatisfy({ $0.isASCII && $0.isLetter }) else { throw call.fail("has the term '\(term)'") }
    var hasDots = false
    for character in term {
      if character == "." {
        if !hasDots { labels += (0..<max(0, rank - letters.count)).reversed().map { -1 - $0 } }
        hasDots = true
      } else {
        labels.append(Int(character.asciiValue!))
      }
    }
    return labels
  }

  /// Operands are multiplied from left to right; labels that nothing after needs are summed at once, by a matrix
  /// product.
  func run() throws(InferenceError) -> [Value] {
    var (left, leftLabels) = try reduced(
      Value(operands[0].shape, operands[0].asFloats), labels[0], keeping: needed(after: 0))
    for index in 1..<max(1, operands.count) {
      let later = needed(after: index)
      let (right, rightLabels) = try reduced(
        Value(operands[index].shape, operands[index].asFloats), labels[index], keeping: later.union(leftLabels))
      (left, leftLabels) = try product(left, leftLabels, right, rightLabels, keeping: later)
    }
    let turned = try permuted(left, leftLabels, to: output)
    return [Operators.cast(turned, to: operands[0].type)]
  }

  private func needed(after index: Int) -> Set<Int> { Set(output).union(labels[(index + 1)...].flatMap { $0 }) }

  /// The diagonal of labels that occur twice, and sums over labels that are not kept.
  private func reduced(_ value: Value, _ own: [Int], keeping: Set<Int>) throws(InferenceError) -> (Value, [Int]) {
    var seen: [Int] = []
    var steps: [Int] = []
    for (label, step) in zip(own, Shape.strides(value.shape)) {
      if let place = seen.firstIndex(of: label) {
        steps[place] += step
      } else {
        seen.append(label)
        steps.append(step)
      }
    }
    let shape = seen.map { label in own.indices.filter { own[$0] == label }.map { value.shape[$0] }.min() ?? 1 }
    let diagonal = Operators.gathered(value, shape, steps)
    let kept = seen.filter { keeping.contains($0) }
    guard kept.count < seen.count else { return (diagonal, seen) }
    let gone = seen.filter { !keeping.contains($0) }
    let order = try permuted(diagonal, seen, to: kept + gone)
    let width = Shape.product(order.shape[kept.count...])
    let x = order.asFloats
    let sums = (0..<Shape.product(order.shape[..<kept.count])).map { x[$0 * width..<($0 + 1) * width].reduce(0, +) }
    return (Value(Array(order.shape[..<kept.count]), sums), kept)
  }

  /// The axes in another order; labels that are missing have extent 1.
  private func permuted(_ value: Value, _ own: [Int], to wanted: [Int]) throws(InferenceError) -> Value {
    let strides = Shape.strides(value.shape)
    let places = wanted.map { own.firstIndex(of: $0) }
    return Operators.gathered(
      value, places.map { $0.map { value.shape[$0] } ?? 1 }, places.map { $0.map { strides[$0] } ?? 0 })
  }

  private func product(
    _ a: Value, _ aLabels: [Int], _ b: Value, _ bLabels: [Int], keeping: Set<Int>
  ) throws(InferenceError) -> (Value, [Int]) {
    let shared = aLabels.filter { bLabels.contains($0) }
    let batch = shared.filter { keeping.contains($0) }
    let summed = shared.filter { !keeping.contains($0) }
    let rows = aLabels.filter { !shared.contains($0) }
    let columns = bLabels.filter { !shared.contains($0) }
    func size(_ labels: [Int]) -> Int { labels.reduce(1) { $0 * extents[$1]! } }
    func expanded(_ value: Value, _ own: [Int], _ order: [Int]) throws(InferenceError) -> Value {
      let turned = try permuted(value, own, to: order)
      let shape = order.map { extents[$0]! }
      try call.check(size: shape)
      return Operators.gathered(turned, shape, Shape.broadcastStrides(turned.shape, to: shape))
    }
    let left = try expanded(a, aLabels, batch + rows + summed).reshaped([size(batch), size(rows), size(summed)])
    let right = try expanded(b, bLabels, batch + summed + columns).reshaped([size(batch), size(summed), size(columns)])
    let result = try Operators.matMul(call.with([left, right]))[0]
    let order = batch + rows + columns
    return (result.reshaped(order.map { extents[$0]! }), order)
  }
}

extension String {
  /// The parts before and after an arrow.
  fileprivate func components(arrow: String) -> [String] {
    guard let range = firstRange(of: arrow) else { return [self] }
    return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
  }
}
