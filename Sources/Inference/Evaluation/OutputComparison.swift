#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// How far the outputs of one network lie from those of another on the same samples, a figure a sample.
public struct OutputComparison: Sendable, Hashable {
  /// KL(p ‖ q) in nats, p the other's class probabilities and q this one's; empty where outputs are no scores of classes.
  public internal(set) var divergences: [Double] = []
  /// The cosine of the angle between the outputs; 1 where both are zero.
  public internal(set) var cosines: [Double] = []
  /// The mean of squared differences over a sample's outputs.
  public internal(set) var squaredErrors: [Double] = []
  /// Whether both give the highest score to the same class; empty where outputs are no scores of classes.
  public internal(set) var isSame: [Bool] = []

  /// Adds a sample.
  ///
  /// - Parameters:
  ///   - output: this network's; `other`: the other's, as many numbers.
  ///   - kind: what the numbers are.
  mutating func add(_ output: ArraySlice<Float>, _ other: ArraySlice<Float>, _ kind: OutputKind) {
    var (dot, own, others, squares) = (0.0, 0.0, 0.0, 0.0)
    for (a, b) in zip(output, other) {
      let (a, b) = (Double(a), Double(b))
      dot += a * b
      own += a * a
      others += b * b
      squares += (a - b) * (a - b)
    }
    let norms = (own * others).squareRoot()
    cosines.append(norms > 0 ? max(-1, min(1, dot / norms)) : own == others ? 1 : 0)
    squaredErrors.append(squares / Double(max(1, output.count)))
    guard kind != .numbers else { return }
    let (q, p) = (kind.logProbabilities(output), kind.logProbabilities(other))
    divergences.append(max(0, zip(p, q).reduce(0) { $0 + (exp($1.0) > 0 ? exp($1.0) * ($1.0 - $1.1) : 0) }))
    isSame.append(highest(output) == highest(other))
  }
}

/// What a network's outputs are, a sample.
enum OutputKind: Sendable {
  /// Scores of classes before softmax.
  case logits
  /// Probabilities of classes.
  case probabilities
  /// Anything else.
  case numbers

  /// The natural logarithms of the classes' probabilities.
  func logProbabilities(_ row: ArraySlice<Float>) -> [Double] {
    switch self {
    case .probabilities:
      let sum = max(row.reduce(0) { $0 + Double(max(0, $1)) }, 1e-30)
      return row.map { log(max(Double($0) / sum, 1e-30)) }
    case .logits, .numbers:
      let largest = Double(row.max() ?? 0)
      let sum = log(row.reduce(0) { $0 + exp(Double($1) - largest) }) + largest
      return row.map { Double($0) - sum }
    }
  }
}

/// The class of the highest score; of equal ones the first.
func highest(_ row: ArraySlice<Float>) -> Int {
  var best = row.startIndex
  for index in row.indices where row[index] > row[best] { best = index }
  return best - row.startIndex
}
