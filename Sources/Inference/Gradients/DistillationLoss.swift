#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What a changed model's outputs lose against those of the original, its teacher, and against what is known to be right:
/// the mean over units, with t the teacher's outputs and s the changed model's.
///
/// - A classifier's sample, a position of a text: α·T²·KL(softmax(t/T) ‖ softmax(s/T)) + (1 − α)·CE(softmax(s), y) with y
///   the label or the next token (G. Hinton et al., arXiv:1503.02531); in nats.
/// - An encoder's text: 1 − cos(t, s) of what is pooled of its states.
/// - A sample of real numbers: α·mean (s − t)² + (1 − α)·mean (s − y)² with y its targets.
///
/// Where there is no y, or none is to be looked at, α is 1.
public struct DistillationLoss: Sendable, Hashable {
  /// T: above 1 unlikely classes have a greater part.
  public var temperature: Double
  /// α, 0 to 1: the teacher's part.
  public var alpha: Double
  public var usesLabels: Bool

  /// - Precondition: the temperature is above 0, α in 0...1.
  public init(temperature: Double = 1, alpha: Double = 1, usesLabels: Bool = true) {
    precondition(temperature > 0 && (0...1).contains(alpha))
    (self.temperature, self.alpha, self.usesLabels) = (temperature, alpha, usesLabels)
  }
}

/// A loss and how it changes with weights.
public struct LossGradients: Sendable {
  /// The mean over units; NaN or infinite where an output is.
  public var loss: Double
  /// How many units: samples, positions, texts.
  public var units: Int
  /// By the checkpoint's layer: ∂loss/∂W, (outputs, inputs), as `Checkpoint.readMatrix` gives the weight.
  public var gradients: [Int: [Float]]
}

/// The loss of one unit, and its gradients by the changed model's outputs.
extension DistillationLoss {
  /// Of scores before softmax: α·T·(softmax(s/T) − softmax(t/T)) + (1 − α)·(softmax(s) − y).
  ///
  /// - Parameters:
  ///   - label: the right class, less than there are scores.
  ///   - gradient: gets `scale` times the gradient; `nil` where it is not wanted.
  func ofLogits(
    _ s: UnsafeBufferPointer<Float>, teacher t: UnsafeBufferPointer<Float>, label: Int?, scale: Double = 1,
    into gradient: UnsafeMutablePointer<Float>?
  ) -> Double {
    let label = usesLabels && alpha < 1 ? label : nil
    let alpha = label == nil ? 1 : alpha
    let count = s.count
    // exp(s/T), exp(t/T), and exp(s) where T is another than 1.
    let parts = UnsafeMutablePointer<Double>.allocate(capacity: 3 * max(1, count))
    defer { parts.deallocate() }
    let student = Self.exponentials(s, temperature, into: parts)
    let teacher = Self.exponentials(t, temperature, into: parts + count)
    var divergence = student.offset - teacher.offset
    for index in 0..<count {
      let p = parts[count + index] / teacher.sum
      if p > 0 { divergence += p * (Double(t[index]) - Double(s[index])) / temperature }
    }
    // Rounding may leave less than nothing; NaN stays.
    if divergence < 0 { divergence = 0 }
    var loss = alpha * temperature * temperature * divergence
    var plain = student
    if let label {
      if temperature != 1 { plain = Self.exponentials(s, 1, into: parts + 2 * count) }
      loss += (1 - alpha) * (plain.offset - Double(s[label]))
    }
    guard let gradient else { return loss }
    let own = parts + (temperature != 1 ? 2 * count : 0)
    for index in 0..<count {
      var slope =
        alpha * temperature * (parts[index] / student.sum - parts[count + index] / teacher.sum)
      if let label { slope += (1 - alpha) * (own[index] / plain.sum - (index == label ? 1 : 0)) }
      gradient[index] = Float(scale * slope)
    }
    return loss
  }

  /// Fills `e` with exp((x − max x)/T). Gives their sum, and ln Σ exp(x/T).
  private static func exponentials(
    _ x: UnsafeBufferPointer<Float>, _ temperature: Double, into e: UnsafeMutablePointer<Double>
  ) -> (sum: Double, offset: Double) {
    var largest = -Float.infinity
    for number in x where number > largest { largest = number }
    var sum = 0.0
    for index in 0..<x.count {
      e[index] = exp((Double(x[index]) - Double(largest)) / temperature)
      sum += e[index]
    }
    return (sum, Double(largest) / temperature + log(sum))
  }

  /// Of probabilities q: as of the scores ln q, whose gradients go by 1/q to them.
  func ofProbabilities(
    _ q: UnsafeBufferPointer<Float>, teacher p: UnsafeBufferPointer<Float>, label: Int?, scale: Double = 1,
    into gradient: UnsafeMutablePointer<Float>?
  ) -> Double {
    // What can no longer be told from nothing.
    let least: Float = 1e-30
    func scores(_ x: UnsafeBufferPointer<Float>) -> [Float] { x.map { $0.isNaN ? $0 : logf(max($0, least)) } }
    let (s, t) = (scores(q), scores(p))
    let loss = s.withUnsafeBufferPointer { s in
      t.withUnsafeBufferPointer { t in ofLogits(s, teacher: t, label: label, scale: scale, into: gradient) }
    }
    if let gradient { for index in 0..<q.count { gradient[index] /= max(q[index], least) } }
    return loss
  }

  /// Of real numbers: 2·(s − α·t − (1 − α)·y) / their count.
  func ofNumbers(
    _ s: UnsafeBufferPointer<Float>, teacher t: UnsafeBufferPointer<Float>, targets: ArraySlice<Float>?,
    scale: Double = 1, into gradient: UnsafeMutablePointer<Float>?
  ) -> Double {
    let targets = usesLabels && alpha < 1 ? targets : nil
    let alpha = targets == nil ? 1 : alpha
    let count = Double(max(1, s.count))
    var loss = 0.0
    for index in 0..<s.count {
      let own = Double(s[index])
      let away = own - Double(t[index])
      var (square, slope) = (alpha * away * away, alpha * away)
      if let targets {
        let error = own - Double(targets[targets.startIndex + index])
        square += (1 - alpha) * error * error
        slope += (1 - alpha) * error
      }
      loss += square / count
      gradient?[index] = Float(scale * 2 * slope / count)
    }
    return loss
  }

  /// Of embeddings: (ŝ (ŝ·t̂) − t̂) / ‖s‖ with ŝ and t̂ of length 1.
  static func ofEmbedding(_ s: [Float], teacher t: [Float]) -> (loss: Double, gradient: [Float]) {
    var (dot, own, other) = (0.0, 0.0, 0.0)
    for index in s.indices {
      dot += Double(s[index]) * Double(t[index])
      own += Double(s[index]) * Double(s[index])
      other += Double(t[index]) * Double(t[index])
    }
    let (length, lengths) = (own.squareRoot(), (own * other).squareRoot())
    if own.isNaN || other.isNaN { return (.nan, s) }
    guard lengths > 0 else { return (own == other ? 0 : 1, .init(repeating: 0, count: s.count)) }
    let cosine = dot / lengths
    return (
      1 - cosine,
      s.indices.map { Float((Double(s[$0]) / length * cosine - Double(t[$0]) / other.squareRoot()) / length) }
    )
  }
}
