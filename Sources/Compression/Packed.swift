import CKernels
import Coding

/// A weight as bytes in one of the forms that `Size` counts: what says how many bytes a form takes is that it can be
/// written and read back.
///
///     scales, zero points     scales in their type, then zero points in as many bits as codes have, or edges as scales
///     or of small floats      a block's scale after the other, then NVFP4's of the tensor (fp32)
///     or tables               the values of each in fp16, in rising order
///     codes                   modulo 2^b, b bits each, the first in the lowest bits
///
/// A small float's code is its bits; NF4's is its index less seven; that of a table found by k-means is its index, less
/// the index of zero where weights are pruned.
///
/// - `dense`: all codes.
/// - `bitmask`: a bit a weight, then the codes that are not zero.
/// - `index`: as `RelativeIndex`.
/// - `csr`: rows + 1 starts of 4 bytes, column numbers of 2 or 4, the codes that are not zero.
/// - `pattern`: the codes kept of every m, then their places in ⌈log₂ m⌉ bits.
/// - `huffman`, `rans`: streams of `EntropyCoder` over the codes modulo 256; of 16 bits the length of the first stream
///   (4 bytes), then one stream of the lower bytes and one of the upper.
public struct Packed: Sendable {
  public let bytes: [UInt8]
  public let form: Size.Form

  /// Packs the whole weight; it is held in memory.
  ///
  /// - Returns: `nil` where the scheme has no codes of whole bits, or not in this form.
  /// - Throws: what the source throws.
  public init?(_ source: some WeightSource, scheme: Scheme, form: Size.Form) throws {
    guard let content = try PackedContent(source, scheme) else { return nil }
    guard let codes = content.bytes(form) else { return nil }
    bytes = content.scaleBytes + codes
    self.form = form
  }
}

/// The codes of a weight and the bytes of its scales.
struct PackedContent {
  let rows: Int
  let columns: Int
  let codes: [Int32]
  /// Bits of a code with and without zero among the codes.
  let bits: Int
  let nonZeroBits: Int
  let zeroMask: UInt32
  let keptPattern: (keep: Int, of: Int)?
  let scaleBytes: [UInt8]
  private let hasSparseForm: Bool

  init?(_ source: some WeightSource, _ scheme: Scheme) throws {
    let pruning = try Pruning(scheme.sparsity, of: source, control: .silent)
    guard var method = try Reconstruction(scheme, of: source, pruning: pruning, control: .silent) else { return nil }
    defer { method.free() }
    method.keepsScales()
    if case .block = scheme.format { return nil }
    let layout = scheme.layout(of: source.form, storedBits: source.storedBits)
    guard layout.bits == layout.bits.rounded(), layout.bits <= 32 else { return nil }
    (rows, columns) = (source.rows, source.columns)
    (bits, nonZeroBits) = (Int(layout.bits), Int(layout.nonZeroBits))
    let capacity = min(source.rowsPerChunk, source.rows) * source.columns
    var all: [Int32] = []
    var values = [Float](repeating: 0, count: capacity)
    var codes = [Int32](repeating: 0, count: capacity)
    let half = source.halfType
    let isKept = scheme.format == .keep
    guard !isKept || half != nil || bits == 32 else { return nil }
    try source.forEachPrunedChunk(pruning, .silent) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: &values, codes: &codes)
      if !isKept {
        all += codes[..<chunk.count]
      } else if let half {
        all += values[..<chunk.count].map { Int32(half.bits($0)) }
      } else {
        all += values[..<chunk.count].map { Int32(bitPattern: $0.bitPattern) }
      }
    }
    self.codes = all
    keptPattern = scheme.sparsity.keptPattern
    switch method.codes {
    case .none: zeroMask = bits == 32 ? 0x7fff_ffff : 0x7fff
    case .bytes(let mask), .wide(let mask): zeroMask = mask
    }
    scaleBytes = method.scaleBytes(of: scheme)
    hasSparseForm = scheme.hasSparseForm
  }

  /// Scales in their type, then zero points in as many bits as codes have.
  static func pack(_ grids: [lathe_grid], _ scheme: Scheme) -> [UInt8] {
    var writer = BitWriter()
    var (type, zeroBits) = (ScaleType.fp16, 0)
    if case .uniform(let uniform) = scheme.format {
      type = uniform.scale
      if uniform.symmetry == .affine { zeroBits = uniform.bits }
    }
    func put(_ number: Float) {
      switch type {
      case .fp16: writer.put(Int(lathe_half_from_float(number)), 16)
      case .bf16: writer.put(Int(lathe_bfloat_from_float(number)), 16)
      case .fp32: writer.put(Int(number.bitPattern), 32)
      case .pow2: writer.put(Int(number.bitPattern >> 23), 8)
      }
    }
    for grid in grids { put(grid.scale) }
    if case .uniform(let uniform) = scheme.format, uniform.symmetry == .edge { for grid in grids { put(grid.bias) } }
    if zeroBits > 0 { for grid in grids { writer.put(Int(-grid.low), zeroBits) } }
    return writer.finish()
  }

  private func isZero(_ code: Int32) -> Bool { UInt32(bitPattern: code) & zeroMask == 0 }

  /// A sign of one bit is set where it is positive; every other code stands modulo 2^b.
  private func put(_ code: Int32, _ width: Int, _ writer: inout BitWriter) {
    writer.put(width == 1 ? (code > 0 ? 1 : 0) : Int(code), width)
  }

  private func nonZeroCodes() -> [UInt8] {
    var writer = BitWriter()
    for code in codes where !isZero(code) { put(code, nonZeroBits, &writer) }
    return writer.finish()
  }

  func bytes(_ form: Size.Form) -> [UInt8]? {
    guard hasSparseForm || [.dense, .huffman, .rans].contains(form) else { return nil }
    switch form {
    case .dense:
      var writer = BitWriter()
      for code in codes { put(code, bits, &writer) }
      return writer.finish()
    case .bitmask:
      var mask = BitWriter()
      for code in codes { mask.put(isZero(code) ? 0 : 1, 1) }
      return mask.finish() + nonZeroCodes()
    case .index:
      let widths = 1...RelativeIndex.widths
      return widths.map { RelativeIndex(codes.map { isZero($0) ? 0 : $0 }, bits: bits, distanceBits: $0).bytes }
        .min { $0.count < $1.count }
    case .csr: return csr
    case .pattern: return pattern
    case .huffman, .rans:
      return coded(form == .huffman ? .huffman : .rans)
    }
  }

  private var csr: [UInt8] {
    var (starts, places) = (BitWriter(), BitWriter())
    var found = 0
    for row in 0..<rows {
      starts.put(found, 32)
      for column in 0..<columns where !isZero(codes[row * columns + column]) {
        places.put(column, columns > 65_536 ? 32 : 16)
        found += 1
      }
    }
    starts.put(found, 32)
    return starts.finish() + places.finish() + nonZeroCodes()
  }

  private var pattern: [UInt8]? {
    guard let (keep, of) = keptPattern else { return nil }
    var (kept, places) = (BitWriter(), BitWriter())
    for start in stride(from: 0, to: codes.count, by: of) {
      // What is not zero, then zeros, in the order of their places.
      let places0 = (0..<of).filter { !isZero(codes[start + $0]) } + (0..<of).filter { isZero(codes[start + $0]) }
      for place in places0.prefix(keep).sorted() {
        put(codes[start + place], bits, &kept)
        places.put(place, placeBits(of))
      }
    }
    return kept.finish() + places.finish()
  }

  private func coded(_ coder: EntropyCoder) -> [UInt8]? {
    guard bits <= 16 else { return nil }
    let low = coder.encode(codes.map { UInt8(truncatingIfNeeded: $0) })
    guard bits > 8 else { return low }
    let high = coder.encode(codes.map { UInt8(truncatingIfNeeded: $0 >> 8) })
    return (0..<4).map { UInt8(truncatingIfNeeded: low.count >> (8 * $0)) } + low + high
  }
}

extension HalfType {
  public func float(_ bits: UInt16) -> Float {
    self == .f16 ? lathe_float_from_half(bits) : lathe_float_from_bfloat(bits)
  }

  public func bits(_ value: Float) -> UInt16 {
    self == .f16 ? lathe_half_from_float(value) : lathe_bfloat_from_float(value)
  }

  /// Numbers in this type, halves to even, little-endian.
  public func encode(_ values: UnsafeMutableBufferPointer<Float>, into halves: UnsafeMutablePointer<UInt16>) {
    let bytes = UnsafeMutableRawPointer(halves).assumingMemoryBound(to: UInt8.self)
    switch self {
    case .f16: lathe_quantize_f16(values.baseAddress, values.count, bytes)
    case .bf16: lathe_quantize_bf16(values.baseAddress, values.count, bytes)
    }
  }
}
