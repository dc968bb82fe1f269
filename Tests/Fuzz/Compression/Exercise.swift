import Coding
import Compression
import Numerics

/// One question about one weight. Whatever the numbers are, nothing may trap, be written outside of a buffer, or be
/// out of the bounds that its figure has.
func exercise(_ bytes: inout HostileBytes) {
  let question = bytes.byte()
  (question & 128 == 0 ? KernelLevel.vector : .baseline).force()
  switch question & 31 {
  case 0..<17: assess(&bytes, detailed: false)
  case 17, 18: assess(&bytes, detailed: true)
  case 19..<22: survey(&bytes)
  case 22: table(&bytes)
  case 23: reconstruct(&bytes)
  case 24: pack(&bytes)
  case 25: tiles(&bytes)
  case 26: encodeBlocks(&bytes)
  case 27: decodeStream(&bytes)
  case 28: roundTrip(&bytes)
  case 29: parse(&bytes)
  case 30: histogram(&bytes)
  default: halfSurvey(&bytes)
  }
}

private func weights(_ bytes: inout HostileBytes) -> ArrayWeights {
  let size = bytes.byte()
  let rows = [1, 1, 2, 3][size & 3]
  let inner = size & 12 == 12 ? [3, 9][size >> 4 & 1] : 1
  let columns = bytes.one(of: [1, 2, 3, 7, 8, 16, 31, 32, 33, 64, 64, 100, 128, 256, 256]) * inner
  let importances = bytes.byte() % 4 == 0 ? bytes.numbers(columns).map { abs($0) } : nil
  let shape = inner == 1 ? [rows, columns] : [rows, columns / inner, inner]
  return ArrayWeights(
    rows: rows, columns: columns, values: bytes.numbers(rows * columns), shape: shape, importances: importances)
}

private func assess(_ bytes: inout HostileBytes, detailed: Bool) {
  let scheme = Scheme(&bytes)
  let source = weights(&bytes)
  guard scheme.obstacle(to: source.form) == nil else { return }
  var detail: ClosedRange<Double>?
  if detailed {
    let finite = source.values.map { $0.isFinite ? Double($0) : 0 }
    detail = (finite.min() ?? 0)...(finite.max() ?? 0)
  }
  guard let found = try? Assessment.of(source, scheme: scheme, detail: detail) else { return }
  if let error = found.relativeError { precondition(error.isFinite && error >= 0) }
  if let error = found.weightedError { precondition(error.isFinite && error >= 0) }
  if let zeros = found.sparsity { precondition((0...1).contains(zeros)) }
  precondition(found.size.forms.allSatisfy { $0.bytes >= 0 } && found.squaredNorm.isFinite)
  for histogram in [found.reconstruction, found.error].compactMap({ $0 }) { draw(histogram, found.levels) }
}

private func draw(_ histogram: Histogram, _ levels: Levels?) {
  precondition(histogram.minimum.isFinite && histogram.maximum.isFinite)
  let (low, high) = (histogram.value(at: 0.0005), histogram.value(at: 0.9995))
  let bars = histogram.rebinned(from: low, to: high, columns: 40).bars
  precondition(bars.allSatisfy { $0.isFinite })
  guard low < high else { return }
  _ = levels?.positions(in: low...high, spacing: (high - low) / 40)
}

private func survey(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  // Enough for bins with moments now and then.
  let isLong = bytes.byte() % 8 == 0
  let source = isLong ? ArrayWeights(rows: 2, columns: 1024, values: bytes.numbers(2048)) : weights(&bytes)
  let withErrors = bytes.byte() % 2 == 0
  guard let survey = try? Survey.of(source, withErrors: withErrors) else { return }
  check(survey, of: source.count, scheme)
}

private func halfSurvey(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  let type = bytes.one(of: [HalfType.f16, .bf16])
  let source = ArrayWeights(rows: 64, columns: 256, halves: bytes.halves(16_384), type: type)
  guard let survey = try? Survey.of(source, withErrors: true) else { return }
  check(survey, of: source.count, scheme)
}

private func check(_ survey: Survey, of count: Int, _ scheme: Scheme) {
  let s = survey.statistics
  precondition(
    [Double(s.minimum), Double(s.maximum), s.mean, s.deviation, s.skewness, s.kurtosis, s.squaredNorm]
      .allSatisfy { $0.isFinite })
  precondition(Int(survey.histogram.total) + s.nans + s.infinities == count)
  precondition((0...count).contains(s.zeros) && (0...count).contains(s.outliers))
  draw(survey.histogram, nil)
  for row in survey.errors?.rows ?? [] {
    for error in row ?? [] { precondition(error.isFinite && error >= 0) }
  }
  if let answer = survey.summary?.answer(scheme) {
    precondition(answer.relativeError.lowerBound >= 0 && answer.sparsity.lowerBound >= 0)
  }
}

private func table(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  let source = weights(&bytes)
  guard scheme.obstacle(to: source.form) == nil else { return }
  let table = try? ErrorTable.of(source, sparsity: scheme.sparsity)
  for row in table?.rows ?? [] { for error in row ?? [] { precondition(error.isFinite && error >= 0) } }
}

private func reconstruct(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  let source = weights(&bytes)
  guard scheme.obstacle(to: source.form) == nil else { return }
  var values = [Float](repeating: 0, count: source.count)
  _ = values.withUnsafeMutableBufferPointer { try? Assessment.reconstruct(source, scheme: scheme, into: $0) }
}

private func pack(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  let form = bytes.one(of: [Size.Form.dense, .bitmask, .index, .csr, .pattern, .huffman, .rans])
  let source = weights(&bytes)
  guard scheme.obstacle(to: source.form) == nil else { return }
  _ = try? Packed(source, scheme: scheme, form: form)
}

private func tiles(_ bytes: inout HostileBytes) {
  let scheme = Scheme(&bytes)
  let source = weights(&bytes)
  if case .structured(let structure) = scheme.sparsity, scheme.obstacle(to: source.form) == nil {
    _ = (try? TileNorms(structure, of: source))?.least(structure.ratio)
  }
  _ = try? MagnitudeRank.find(bytes.byte(), among: [source, source])
  _ = try? source.forEachPruned(.threshold(0.1), .silent) { _, _ in }
}

private func encodeBlocks(_ bytes: inout HostileBytes) {
  let type = bytes.one(of: BlockQuantizer.available)
  guard let quantizer = BlockQuantizer(type) else { return }
  let columns = type.blockWeights * (1 + bytes.byte() % 4)
  let weighted = bytes.byte() % 2 == 0
  let importance = bytes.numbers(columns)
  // As they are: not finite ones among them.
  let values = bytes.numbers(2 * columns)
  var blocks = [UInt8](repeating: 0, count: 2 * columns / type.blockWeights * type.blockBytes)
  if weighted {
    quantizer.encode(values, rows: 2, columns: columns, importance: importance, into: &blocks)
  } else {
    quantizer.encode(values, count: 2 * columns, into: &blocks)
  }
  _ = ElementType.ggml(type).decode(blocks, count: 2 * columns)
}

private func decodeStream(_ bytes: inout HostileBytes) {
  let coder = bytes.one(of: EntropyCoder.allCases)
  let count = bytes.byte() * 8
  _ = try? coder.decode(bytes.rest(), count: count)
}

private func roundTrip(_ bytes: inout HostileBytes) {
  let coder = bytes.one(of: EntropyCoder.allCases)
  let symbols = bytes.rest()
  do {
    let decoded = try coder.decode(coder.encode(symbols), count: symbols.count)
    precondition(decoded == symbols)
  } catch {
    preconditionFailure("\(error)")
  }
}

private func parse(_ bytes: inout HostileBytes) {
  do throws(SpecError) {
    let scheme = try Scheme(spec: bytes.text(200))
    let again = try Scheme(spec: scheme.description)
    precondition(again == scheme)
    _ = scheme.obstacle(to: WeightForm(rows: 64, columns: 256))
    _ = scheme.denseBytes(rows: 1 << 31, columns: 1 << 28, storedBytes: 1 << 60, storedBits: 16)
  } catch {
    precondition(!error.description.isEmpty)
  }
}

private func histogram(_ bytes: inout HostileBytes) {
  let numbers = bytes.numbers(4).map { $0.isFinite ? Double($0) : 0 }
  let (low, high) = (min(numbers[0], numbers[1]), max(numbers[0], numbers[1]))
  var histogram = Histogram(minimum: low, maximum: high, counts: [UInt64](repeating: 0, count: 64))
  for index in histogram.counts.indices { histogram.counts[index] = UInt64(bytes.byte()) }
  _ = histogram.rebinned(from: numbers[2], to: numbers[3], columns: bytes.byte())
  draw(histogram, nil)
}
