import Compression

/// Choices and numbers out of a fuzzer's bytes; after the last one come zeros.
struct HostileBytes {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func byte() -> Int {
    defer { at += 1 }
    return at < bytes.count ? Int(bytes[at]) : 0
  }

  mutating func word() -> UInt32 {
    (0..<4).reduce(0) { word, _ in word << 8 | UInt32(byte()) }
  }

  mutating func one<Choice>(of choices: [Choice]) -> Choice { choices[byte() % choices.count] }

  mutating func text(_ limit: Int) -> String {
    let taken = bytes[min(at, bytes.count)...].prefix(limit)
    at += taken.count
    return String(decoding: taken, as: UTF8.self)
  }

  mutating func rest() -> [UInt8] {
    defer { at = bytes.count }
    return Array(bytes[min(at, bytes.count)...])
  }

  /// `count` numbers: a pattern of those that follow, again and again.
  mutating func numbers(_ count: Int) -> [Float] {
    let left = max(1, bytes.count - at)
    let pattern = (0..<min(count, left)).map { _ in number() }
    guard !pattern.isEmpty else { return [] }
    var all = [Float]()
    all.reserveCapacity(count)
    while all.count < count { all += pattern.prefix(count - all.count) }
    return all
  }

  private static let odd: [Float] = [
    .nan, .signalingNaN, -.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
    .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, -0.0, 0, 1, -1, 65_504, 65_520, 1e-8,
    0x1p-14, 0x1p-24, 0x1p-126, 1e30, -1e30, 1e15, 1e-12, 0x1.fffffep-1, 0x1.000002p0, 3e38, -3e38, 448, 6, 127, 0.5,
  ]

  /// Odd ones, ordinary ones and any bits.
  private mutating func number() -> Float {
    let kind = byte()
    switch kind {
    case ..<32: return Self.odd[kind]
    case 32..<40: return Float(bitPattern: word())
    case 40..<72: return Float(sign: .plus, exponent: (kind - 56) * 8, significand: 1)
    default: return (Float(kind) - 164) / 512
    }
  }

  /// Half of the words are ordinary numbers' bits.
  mutating func halves(_ count: Int) -> [UInt16] {
    let pattern = (0..<max(1, min(count, bytes.count - at))).map { _ -> UInt16 in
      let (low, high) = (byte(), byte())
      return UInt16(high << 8 | low)
    }
    return (0..<count).map { pattern[$0 % pattern.count] }
  }
}
