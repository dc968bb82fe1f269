import ArgumentParser
import Compression
import Workbench

/// `lathe schemes`: the words of a SPEC.
struct SchemesCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "schemes", abstract: "The words and options of a SPEC, with their bits per weight.",
    discussion: discussion)

  static let explanation = """
    Bits per weight are those of a matrix of 4096 × 4096, with scales and zero points.
    Integers of b bits: symmetric has the scale max|w|/(2^(b-1)-1); symmetric-full max|w|/(2^(b-1)-½), and the code -2^(b-1) \
    too; symmetric-signed the number of the greatest magnitude over -2^(b-1); affine a zero point, with zero in its range; \
    edge, MLX's affine, begins at the end of the range that is farther from zero. rounds= computes \
    in the scale's type, as tools do: product rounds w·(1/s) to it, quotient w/s, sum w/s and its sum with the zero point. \
    The power of two over a block whose greatest magnitude is m: exponent=below is OCP's, 2^(floor(log2 m)-floor(log2 greatest)); \
    rounded the same of m rounded to the element's mantissa, as compressed-tensors; above 2^ceil(log2(m/greatest)), as MLX. \
    With --to, what a tool makes of them \
    stands below.
    """
  static let examples = ["lathe schemes", "lathe schemes --to mlx-config"]

  @Option(
    name: .customLong("to"), help: ArgumentHelp("Only what this target's tool takes.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets))
  var target: String?

  func run() throws {
    if let target = try target.map({ try Target(argument: $0) }) { return try tell(target) }
    var table = TextTable(["scheme", "bits per weight", "error"], right: [1])
    for word in Scheme.words where word != "keep" && word != "fp16" {
      guard let scheme = try? Scheme(spec: word) else { continue }
      let weights = 4096
      let bytes = scheme.denseBytes(rows: weights, columns: weights, storedBytes: 0, storedBits: 0)
      let bits = (Double(8 * bytes) / Double(weights * weights) * 10_000).rounded() / 10_000
      table.add([word, "\(bits)", scheme.isComputed ? "exact" : "not yet computed"])
    }
    try emit(
      """
      SPEC is a scheme word and options, separated by commas: \(SpecGrammar.example)

      \(grammar)

      \(table.text)
      """)
  }

  /// What a tool takes, by the layers that it takes it for.
  private func tell(_ target: Target) throws {
    guard let config = target.config else {
      return try emit("\(target.name) takes \(target.takes)")
    }
    for (layers, specs) in config.accepted {
      try emit("\(config.tool), \(layers):")
      for spec in specs { try emit("  \(spec)") }
    }
    if !config.acceptedSparsity.isEmpty { try emit("zeros: \(config.acceptedSparsity.joined(separator: "; "))") }
    for line in config.madeNumbers { try emit("its own numbers: \(line)") }
    for text in config.notes { try emit("note: \(text)") }
  }

  /// The families, options beside short words and below long ones.
  private var grammar: String {
    let indent = String(repeating: " ", count: 16)
    return SpecGrammar.families.map { family in
      let isShort = family.words.count < indent.count - 1
      let first = isShort ? family.words + indent.dropFirst(family.words.count) : family.words + "\n" + indent
      let takes = family.words == "keep" || family.words == "any" ? "" : "with "
      return first + takes + family.options.joined(separator: ",\n" + indent)
    }.joined(separator: "\n")
  }
}
