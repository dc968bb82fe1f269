import Compression

// Assessments as they are kept: everything but the histograms of ŵ and of w − ŵ.

extension KeptWriter {
  mutating func put(_ assessment: Assessment) {
    put(assessment.relativeError) { $0.put($1) }
    put(assessment.weightedError) { $0.put($1) }
    put(assessment.squaredNorm)
    put(assessment.nonFinite)
    put(assessment.sparsity) { $0.put($1) }
    put(assessment.size)
    put(assessment.levels) { $0.put($1) }
    put(assessment.pruneLimit) { $0.put($1) }
  }

  private mutating func put(_ size: Size) {
    put(size.bytes)
    put(size.form.rawValue)
    put(size.scaleBytes)
    put(size.dense)
    for number in [size.bitmask, size.index, size.indexBits, size.csr, size.pattern, size.huffman, size.rans] {
      put(number) { $0.put($1) }
    }
    put(size.entropy) { $0.put($1) }
  }

  private mutating func put(_ levels: Levels) {
    put(levels.step)
    put(levels.lowest)
    put(levels.highest)
    put(levels.scales)
    put(levels.multiples) { writer, multiples in writer.put(each: multiples) { $0.put($1) } }
  }
}

extension KeptReader {
  /// - Parameter count: the weights that it must be of.
  mutating func assessment(of count: Int) throws(NotKept) -> Assessment {
    let (relativeError, weightedError) = (try optionalDouble(), try optionalDouble())
    let squaredNorm = try double()
    let nonFinite = try self.count()
    guard nonFinite <= count else { throw NotKept() }
    let sparsity = try optionalDouble()
    let size = try size()
    let levels = try optional { reader throws(NotKept) in try reader.levels() }
    let pruneLimit = try optional { reader throws(NotKept) in try reader.float() }
    try finish()
    return Assessment(
      relativeError: relativeError, weightedError: weightedError, squaredNorm: squaredNorm, nonFinite: nonFinite,
      sparsity: sparsity, size: size, levels: levels, pruneLimit: pruneLimit)
  }

  mutating func optionalDouble() throws(NotKept) -> Double? {
    try optional { reader throws(NotKept) in try reader.double() }
  }

  private mutating func optionalCount() throws(NotKept) -> Int? {
    try optional { reader throws(NotKept) in try reader.count() }
  }

  private mutating func size() throws(NotKept) -> Size {
    let bytes = try count()
    guard let form = Size.Form(rawValue: try string()) else { throw NotKept() }
    var size = Size(bytes: bytes, form: form, scaleBytes: try count(), dense: try count())
    size.bitmask = try optionalCount()
    size.index = try optionalCount()
    size.indexBits = try optionalCount()
    size.csr = try optionalCount()
    size.pattern = try optionalCount()
    size.huffman = try optionalCount()
    size.rans = try optionalCount()
    size.entropy = try optionalDouble()
    return size
  }

  private mutating func levels() throws(NotKept) -> Levels {
    let step = try double()
    let (lowest, highest) = (try int(), try int())
    let scales = try count()
    let multiples = try optional { reader throws(NotKept) in
      try reader.each(least: 8) { reader throws(NotKept) in try reader.double() }
    }
    guard let levels = Levels(kept: step, lowest: lowest, highest: highest, multiples: multiples, scales: scales) else {
      throw NotKept()
    }
    return levels
  }
}
