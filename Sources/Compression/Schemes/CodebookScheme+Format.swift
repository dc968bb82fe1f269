extension CodebookScheme: NumberFormat {
  /// `kmeans1` to `kmeans8`; `kmeans` alone has sixteen entries.
  static let words: [(word: String, format: Scheme.Format)] =
    [("nf4", .codebook(.nf4))] + (1...8).map { ("kmeans\($0)", .codebook(.kMeans(bits: $0))) }
    + [("kmeans", .codebook(.kMeans(bits: 4)))]

  static let grammar = [
    SchemeGrammar("nf4", ["tensor | channel | group=N (64)"]),
    SchemeGrammar(
      "kmeans1 … kmeans8, kmeans,entries=N (2 … 256)", ["tensor | channel | group=N (tensor)"],
      completions: [["entries=16"]]),
  ]

  static let menu: (place: Int, formats: [Scheme.Format]) = (
    3,
    [.codebook(.nf4)] + stride(from: 8, through: 1, by: -1).map { .codebook(.kMeans(bits: $0)) }
      + [4, 3, 2].map { .codebook(.kMeans(bits: $0, .channel)) }
  )

  static let compared: [Scheme.Format] =
    [.codebook(.nf4)] + stride(from: 6, through: 2, by: -1).map { .codebook(.kMeans(bits: $0)) }

  var meaning: String {
    switch table {
    case .nf4: "sixteen levels where a normal distribution has its weights (NF4)"
    case .kMeans(let entries): "\(entries) levels found by k-means, \(granularity) by \(granularity)"
    }
  }

  var spec: [String] {
    var words = [word]
    if word == "kmeans" { words.append("entries=\(entries)") }
    if granularity != defaultGranularity { words.append(granularity.description) }
    return words
  }

  func with(_ option: SpecOption) throws(SpecError) -> Scheme.Format {
    guard option.name == "entries", table != .nf4 else {
      let others = "\(option.word == "kmeans" ? "entries=N, " : "")tensor, channel, group=N"
      return with(try Granularity(option, others: others))
    }
    guard option.word == "kmeans" else {
      throw option.wrong("no entries with \(option.word), which has \(entries): write kmeans,entries=N")
    }
    guard let value = option.value, let entries = Int(value), Self.entryLimits.contains(entries) else {
      throw option.wrong("entries=N with N from 2 to 256")
    }
    return .codebook(CodebookScheme(.kMeans(entries: entries), granularity))
  }

  func needs(_ scheme: Scheme) -> [Scheme.Need] {
    guard case .group(let size) = granularity else { return [] }
    return [.columns(multipleOf: size, what: table == .nf4 ? "nf4's block of \(size)" : "the group of \(size)")]
  }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    CodeWidths(bits: Double(bits), nonZeroBits: Double(bits), scaleBytes: scaleBytes(of: form))
  }

  var codes: CodeKind { .bytes(zeroMask: ~0) }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    .values(try CodebookQuantizer(self, of: source, pruning, masked: isMasked, control))
  }

  /// A table without a zero has none.
  func hasSparseForm(isSparse: Bool) -> Bool { table == .nf4 || isSparse }
  var codeBits: Double? { Double(bits) }
  var scaleGranularity: Granularity? { granularity }

  func with(_ granularity: Granularity) -> Scheme.Format {
    .codebook(CodebookScheme(table, granularity))
  }

  func rungs(integers: UniformScheme) -> [Scheme.Format] {
    guard case .kMeans = table else { return [.codebook(self)] }
    return stride(from: 8, through: 1, by: -1).map { .codebook(.kMeans(bits: $0, granularity)) }
  }
}
