internal import Checkpoints

/// One node's turn: its inputs' values and its attributes, with what its operator asks of them.
struct Call {
  let node: Graph.Node
  let inputs: [Value?]
  /// The version of ONNX's operator set that the model is written for.
  let operatorSet: Int
  /// The one number of the node's attribute `value`, where it has one (ConstantOfShape).
  var filler: Value?
  /// What the run may still take.
  let budget: RunBudget

  /// The same node's turn with other inputs.
  func with(_ inputs: [Value?]) -> Call {
    Call(node: node, inputs: inputs, operatorSet: operatorSet, filler: filler, budget: budget)
  }

  func fail(_ reason: String) -> InferenceError { Network.failure(node, reason) }

  // MARK: Inputs

  func value(_ index: Int) throws(InferenceError) -> Value {
    guard let value = optional(index) else { throw fail("has no input \(index)") }
    return value
  }

  func optional(_ index: Int) -> Value? { index < inputs.count ? inputs[index] : nil }

  /// An input that must hold Floats: shape and elements.
  func floats(_ index: Int) throws(InferenceError) -> (shape: [Int], elements: [Float]) {
    let value = try value(index)
    guard let floats = value.floats else {
      throw fail("has integers as input \(index); floating-point numbers expected")
    }
    return (value.shape, floats)
  }

  /// An input of Floats with at least so many axes.
  func floats(_ index: Int, rank: Int) throws(InferenceError) -> (shape: [Int], elements: [Float]) {
    let (shape, elements) = try floats(index)
    guard shape.count >= rank else {
      throw fail("has an input of shape \(shape); at least \(rank) axes expected")
    }
    return (shape, elements)
  }

  /// A vector of so many Floats.
  func vector(_ index: Int, count: Int) throws(InferenceError) -> [Float] {
    let (shape, elements) = try floats(index)
    guard elements.count == count else {
      throw fail("has an input \(index) of shape \(shape); \(count) numbers expected")
    }
    return elements
  }

  /// An input that must hold integers.
  func integers(_ index: Int) throws(InferenceError) -> [Int] {
    guard let integers = try value(index).integers else {
      throw fail("has floating-point numbers as input \(index); integers expected")
    }
    return integers.map { Int($0) }
  }

  /// The one number of an input, a Float or an integer; `nil` where the input is left out.
  func scalar(_ index: Int) throws(InferenceError) -> Float? {
    guard let value = optional(index) else { return nil }
    guard value.count == 1 else { throw fail("has an input \(index) of shape \(value.shape); one number expected") }
    return value.asFloats[0]
  }

  /// The one integer of an input; `nil` where the input is left out.
  func integer(_ index: Int) throws(InferenceError) -> Int? {
    guard optional(index) != nil else { return nil }
    let integers = try integers(index)
    guard integers.count == 1 else { throw fail("has \(integers.count) integers as input \(index); one expected") }
    return integers[0]
  }

  /// Whether an output is used by the model.
  func wants(_ output: Int) -> Bool { output < node.outputs.count && !node.outputs[output].isEmpty }

  // MARK: Attributes

  func flag(_ name: String) -> Bool { int(name) ?? 0 != 0 }

  func floats(_ name: String) -> [Float]? {
    if case .floats(let values)? = node.attributes[name] { values } else { nil }
  }

  func strings(_ name: String) -> [String]? {
    if case .strings(let values)? = node.attributes[name] { values } else { nil }
  }

  func int(_ name: String) -> Int? {
    if case .int(let value)? = node.attributes[name] { value } else { nil }
  }

  func ints(_ name: String) -> [Int]? {
    if case .ints(let values)? = node.attributes[name] { values } else { nil }
  }

  func float(_ name: String) -> Float? {
    if case .float(let value)? = node.attributes[name] { value } else { nil }
  }

  func string(_ name: String) -> String? {
    if case .string(let value)? = node.attributes[name] { value } else { nil }
  }

  /// Integers that newer operator sets give as an input and older ones as an attribute.
  func ints(_ name: String, orInput index: Int) throws(InferenceError) -> [Int]? {
    if optional(index) != nil { return try integers(index) }
    return ints(name)
  }

  // MARK: Axes

  /// An axis counted from the front; negative ones count from the end.
  func axis(_ axis: Int, of rank: Int, allowingEnd: Bool = false) throws(InferenceError) -> Int {
    let positive = axis < 0 ? axis + rank : axis
    guard positive >= 0, positive < rank || (allowingEnd && positive == rank) else {
      throw fail("has the axis \(axis), but its input has \(rank)")
    }
    return positive
  }

  func axes(_ axes: [Int], of rank: Int) throws(InferenceError) -> [Int] {
    var found: [Int] = []
    for one in axes { found.append(try axis(one, of: rank)) }
    guard Set(found).count == found.count else { throw fail("names an axis twice: \(axes)") }
    return found
  }

  // MARK: What a run may take

  /// Refuses arrays that the run's memory has no room for, before they are made.
  ///
  /// Of an empty array the other extents are bounded as if it were not: loops go over them.
  ///
  /// - Parameter bytes: of an element, with what is needed beside it on the way.
  func check(size shape: [Int], bytes: Int = 4) throws(InferenceError) {
    guard let count = Shape.sizeIfBounded(shape) else { throw fail("would make an array of shape \(shape)") }
    guard count > budget.left / bytes else { return }
    throw fail(
      "would make an array of shape \(shape): \((count * bytes) >> 20) MiB, where \(budget.left >> 20) MiB are left of the "
        + "\(budget.limit >> 20) that the run may take"
    ).forLackOfMemory
  }

  /// - Throws: `InferenceError.cancelled` where the run was asked to stop: asked in loops that may take long.
  func pause() throws(InferenceError) {
    if budget.isCancelled { throw .cancelled }
  }
}
