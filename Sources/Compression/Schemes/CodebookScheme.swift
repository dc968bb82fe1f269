/// Weights that are indices into a table of values.
public struct CodebookScheme: Sendable, Hashable {
  public var table: Table
  public var granularity: Granularity

  public init(_ table: Table, _ granularity: Granularity) {
    self.table = table
    self.granularity = granularity
  }

  public enum Table: Sendable, Hashable {
    /// QLoRA's sixteen quantiles of a normal distribution under the greatest magnitude, in fp32, of each run (Dettmers
    /// et al., arXiv 2305.14314, appendix E): as bitsandbytes has it.
    case nf4
    /// So many values in fp16, 2 to 256, found for each run by k-means: weight sharing (Deep Compression, Han et al.,
    /// arXiv 1510.00149). Where weights are pruned, one of the values is zero, and the others are those of the weights
    /// that stay.
    case kMeans(entries: Int)
  }

  /// Sixteen values in blocks of 64.
  public static let nf4 = CodebookScheme(.nf4, .group(64))

  public static func kMeans(bits: Int, _ granularity: Granularity = .tensor) -> CodebookScheme {
    CodebookScheme(.kMeans(entries: 1 << bits), granularity)
  }

  public static let entryLimits = 2...256
}

extension CodebookScheme {
  /// The values that NF4's codes stand for, zero among them.
  public static let normalFloats: [Float] = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
  ]

  public var entries: Int {
    switch table {
    case .nf4: 16
    case .kMeans(let entries): entries
    }
  }

  /// ⌈log₂ entries⌉.
  public var bits: Int { placeBits(entries) }

  /// `nf4`, `kmeans4`, or `kmeans` where the entries are no power of two.
  public var word: String {
    switch table {
    case .nf4: "nf4"
    case .kMeans(let entries): entries == 1 << bits ? "kmeans\(bits)" : "kmeans"
    }
  }

  /// The granularity where nothing is said.
  var defaultGranularity: Granularity { table == .nf4 ? .group(64) : .tensor }

  /// Bytes of all scales or tables of a weight.
  func scaleBytes(of form: WeightForm) -> Int {
    let count = granularity.scaleCount(rows: form.rows, columns: form.columns, shape: form.shape)
    return table == .nf4 ? 4 * count : 2 * entries * count
  }
}
