import CKernels
import Coding

/// How often each code occurs, and what a coder makes of them.
struct CodeCounts {
  private let kind: CodeKind
  /// Of the lower bytes, and of the upper ones where codes have two.
  private var planes: [[UInt64]]
  private var wide: [UInt64] = []
  private var scratch: [UInt8]

  init(_ kind: CodeKind, capacity: Int) {
    self.kind = kind
    scratch = [UInt8](repeating: 0, count: capacity)
    switch kind {
    case .none: planes = []
    case .bytes: planes = [[UInt64](repeating: 0, count: 256)]
    case .wide:
      planes = Array(repeating: [UInt64](repeating: 0, count: 256), count: 2)
      wide = [UInt64](repeating: 0, count: 65_536)
    }
  }

  var isEmpty: Bool { planes.isEmpty }

  mutating func add(_ codes: UnsafePointer<Int32>, _ count: Int) {
    guard !planes.isEmpty else { return }
    lathe_count_codes(codes, count, &scratch, &planes[0])
    guard planes.count > 1 else { return }
    lathe_count_high_bytes(codes, count, &scratch, &planes[1])
    lathe_count_wide_codes(codes, count, &wide)
  }

  /// Bits a code; `nil` where the format has none.
  var entropy: Double? {
    guard let first = planes.first else { return nil }
    return Coding.entropy(of: (planes.count > 1 ? wide : first).lazy.map { Int($0) })
  }

  /// Encoders for what was counted, a plane each.
  func encoders(_ coder: EntropyCoder, keeping: Bool = false) -> PlaneEncoders {
    PlaneEncoders(coder, planes.map { $0.map { Int($0) } }, capacity: scratch.count, keeping: keeping)
  }
}

/// A weight's codes under a coder: one stream of one-byte codes, or two of codes of 16 bits, the lower bytes first.
final class PlaneEncoders {
  private let low: EncoderBox
  private let high: EncoderBox?
  private var scratch: [UInt8]

  private final class EncoderBox {
    var encoder: EntropyEncoder
    init(_ encoder: consuming EntropyEncoder) { self.encoder = encoder }
  }

  init(_ coder: EntropyCoder, _ planes: [[Int]], capacity: Int, keeping: Bool) {
    low = EncoderBox(EntropyEncoder(coder, counts: planes[0], keeping: keeping))
    high = planes.count > 1 ? EncoderBox(EntropyEncoder(coder, counts: planes[1], keeping: keeping)) : nil
    scratch = [UInt8](repeating: 0, count: capacity)
  }

  func append(_ codes: UnsafePointer<Int32>, _ count: Int) {
    var unused = [UInt64](repeating: 0, count: 256)
    lathe_count_codes(codes, count, &scratch, &unused)
    scratch.withUnsafeBufferPointer { low.encoder.append(UnsafeBufferPointer(rebasing: $0[..<count])) }
    guard let high else { return }
    lathe_count_high_bytes(codes, count, &scratch, &unused)
    scratch.withUnsafeBufferPointer { high.encoder.append(UnsafeBufferPointer(rebasing: $0[..<count])) }
  }

  func finish() -> (count: Int, streams: [[UInt8]]) {
    let first = low.encoder.finish()
    guard let second = high?.encoder.finish() else { return (first.count, [first.bytes]) }
    // Where the second begins is written before them.
    return (4 + first.count + second.count, [first.bytes, second.bytes])
  }
}
