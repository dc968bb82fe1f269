internal import Checkpoints
internal import Numerics

extension Value {
  /// A batch's output with its samples along the first axis: the one that the network's description says, where it has so
  /// many, else the only one that has.
  ///
  /// - Throws: where no axis counts them.
  func bySample(_ count: Int, _ output: Graph.Value, _ path: String) throws(InferenceError) -> Value {
    var axis = output.batchAxis
    let fitting = shape.indices.filter { shape[$0] == count }
    if !fitting.contains(axis), fitting.count == 1 { axis = fitting[0] }
    if axis < shape.count, shape[axis] == count {
      guard axis > 0 else { return self }
      var order = Array(shape.indices)
      order.remove(at: axis)
      order.insert(axis, at: 0)
      let strides = Shape.strides(shape)
      return Operators.gathered(self, order.map { shape[$0] }, order.map { strides[$0] })
    }
    if count == 1 { return reshaped([1] + shape) }
    throw InferenceError(
      path,
      "the output '\(output.name)' has the shape \(shape); numbers of \(count) samples along axis \(axis) expected: run them one at a time, in batches of 1"
    )
  }
}

/// A batch's outputs, a row of numbers a sample.
struct Scores {
  let numbers: [Float]
  let width: Int
  let kind: OutputKind
  private let name: String
  /// Of a sample.
  private let shape: [Int]

  init(
    _ value: Value?, _ output: Graph.Value, _ samples: Range<Int>, _ data: Dataset, isSoftmax: Bool
  ) throws(InferenceError) {
    let count = samples.count
    guard let value, value.count > 0 else {
      throw InferenceError(
        data.path,
        "the output '\(output.name)' has the shape \(value?.shape ?? []); numbers of \(count) samples expected")
    }
    let rows = try value.bySample(count, output, data.path)
    (name, shape) = (output.name, Array(rows.shape.dropFirst()))
    numbers = rows.asFloats
    width = numbers.count / count
    if let bad = numbers.firstIndex(where: { $0.isNaN }) {
      throw InferenceError(
        data.path, "sample \(samples.lowerBound + bad / width) makes NaN in the output '\(output.name)'")
    }
    kind =
      value.floats == nil
      ? .numbers : Self.kind(shape, width, hasLabels: !data.labels.isEmpty, isSoftmax: isSoftmax)
  }

  /// What floating-point outputs are: scores of classes lie along one axis.
  ///
  /// - Parameter shape: of a sample.
  static func kind(_ shape: [Int], _ width: Int, hasLabels: Bool, isSoftmax: Bool) -> OutputKind {
    let isList = shape.count { $0 != 1 } <= 1 && (width > 1 && shape.count == 1 || hasLabels)
    return !isList ? .numbers : isSoftmax ? .probabilities : .logits
  }

  /// Why labels say nothing here, or may say something else than they seem to.
  func note(_ data: Dataset) -> String? {
    guard !data.labels.isEmpty else { return nil }
    if kind == .numbers {
      return
        "the labels are left out: the output '\(name)' has the shape \(shape) a sample, and scores of classes lie along one axis"
    }
    guard !data.classNames.isEmpty, data.classNames.count != width else { return nil }
    return
      "\(data.path) has \(data.classNames.count) classes, but the network \(width): its first are taken for \(data.classNames.prefix(3).joined(separator: ", ")) …"
  }
}

extension Evaluation {
  mutating func add(_ scores: Scores, _ row: Int, _ sample: Int, _ data: Dataset) throws(InferenceError) {
    let row = scores.numbers[row * scores.width..<(row + 1) * scores.width]
    samples += 1
    classes = scores.width
    if let targets = data.targets {
      guard targets.width == scores.width else {
        throw InferenceError(
          data.path, "has \(targets.width) targets a sample, but the network's output has \(scores.width) numbers")
      }
      let wanted = targets.numbers[sample * scores.width..<(sample + 1) * scores.width]
      targetErrors.append(
        zip(row, wanted).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) } / Double(scores.width))
    }
    guard scores.kind != .numbers else { return }
    predictions.append(highest(row))
    guard !data.labels.isEmpty else { return }
    let label = data.labels[sample]
    guard label < scores.width else {
      throw InferenceError(
        data.path, "sample \(sample) has the label \(label), but the network has \(scores.width) classes")
    }
    let own = row[row.startIndex + label]
    isAmongFive.append(row.count { $0 > own } < 5)
    losses.append(-scores.kind.logProbabilities(row)[label])
  }
}
