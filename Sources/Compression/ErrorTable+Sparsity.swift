import CKernels

extension ErrorTable {
  /// The table with a sparsity applied first: the weight is read two to four times.
  ///
  /// Ranges are those of the pruned weights; the error is still that against the weights as they were.
  /// - Throws: `Cancelled`, or what the source throws.
  public static func of(_ source: some WeightSource, sparsity: Sparsity, control: PassControl = .silent)
    throws -> ErrorTable
  {
    let pruning = try Pruning(sparsity, of: source, control: control)
    var range = lathe_range_sums()
    (range.minimum, range.maximum) = (.infinity, -.infinity)
    var norm = lathe_range_sums()
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      lathe_add_range_sums(pruned, chunk.count, &range)
      lathe_add_range_sums(chunk.base, chunk.count, &norm)
    }
    guard source.count > 0 else { return ErrorTable(rows: granularities.map { _ in nil }) }
    var sums = ErrorTableSums(source, range: range.minimum...range.maximum, whole: norm.minimum...norm.maximum)
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in sums.add(chunk, pruned: pruned) }
    return sums.table(squaredNorm: total(norm.squares))
  }
}
