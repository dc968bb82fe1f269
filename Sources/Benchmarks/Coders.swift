import Coding
import Compression

/// How fast the entropy coders are on one-byte symbols: the codes of Gaussian weights.
struct Coders {
  static let count = 16 << 20

  func run() throws {
    Table.title(
      "coders over \(Self.count >> 20) Mi one-byte codes of Gaussian weights; GB/s of codes in a core's own time, median of 9"
    )
    let target = Target(Self.count)
    for (name, deviation) in [("int4, 3.4 bits a code", 2.5), ("int8, 6.4 bits a code", 20.0)] {
      let symbols = Self.symbols(deviation)
      for coder in EntropyCoder.allCases {
        let bytes = coder.encode(symbols)
        let gigabytes = Double(symbols.count) / 1e9
        let encoding = try median { _ = coder.encode(symbols) }
        let decoding = try median {
          try coder.decode(bytes, into: target.bytes)
        }
        guard try coder.decode(bytes, count: symbols.count) == symbols else {
          throw Failure("\(coder.rawValue) does not give back what it took")
        }
        Table.row(
          "\(coder.rawValue), \(name)",
          "\(fixed(gigabytes / encoding, 2)) encode, \(fixed(gigabytes / decoding, 2)) decode",
          "\(fixed(8 * Double(bytes.count) / Double(symbols.count), 3)) bits a code; encoding counts first")
      }
    }
  }

  private func median(_ body: @escaping @Sendable () throws -> Void) throws -> Double {
    try Machine.pinned(threads: 1) { _ in try body() }
    let times = Times()
    for _ in 0..<9 {
      try Machine.pinned(threads: 1) { _ in
        let start = threadSeconds()
        try body()
        times.all.append(threadSeconds() - start)
      }
    }
    return times.all.median
  }

  /// What one thread after another writes down.
  private final class Times: @unchecked Sendable {
    var all: [Double] = []
  }

  /// Where decoded codes go: memory that was touched before.
  private final class Target: @unchecked Sendable {
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ count: Int) {
      bytes = .allocate(capacity: count)
      bytes.initialize(repeating: 0)
    }

    deinit { bytes.deallocate() }
  }

  /// Sums of twelve uniform numbers, rounded: close enough to a Gaussian.
  private static func symbols(_ deviation: Double) -> [UInt8] {
    var state: UInt64 = 1
    return (0..<count).map { _ in
      var sum = 0.0
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Double(state >> 40) / 0x1p24
      }
      return UInt8(truncatingIfNeeded: Int(((sum - 6) * deviation).rounded()))
    }
  }
}
