import Checkpoints
import Compression
import Numerics

/// How fast weights are analysed from a file in the page cache, as a share of the speed at which a core reads memory.
struct Throughput {
  let scratch: Scratch
  /// Bytes of weights in the file.
  static let size = 256 << 20

  func run() throws {
    Table.title("throughput over \(Self.size >> 20) MiB of stored weights in the page cache; GB/s of stored bytes")
    let limit = try Bandwidth.measure()
    Table.row("read bandwidth (sum of 1 GiB of floats)", rates(limit), "what memory gives")
    for number in GeneratedModel.Number.allCases {
      // Two tensors, so that two threads have a half each.
      let rows = Self.size / 2 / number.bytes / 4096
      let model = GeneratedModel(
        number: number,
        tensors: [("a.weight", [rows, 4096]), ("b.weight", [rows, 4096])])
      try model.write(to: scratch.model, .normal)
      defer { scratch.removeModel() }
      let checkpoint = try Checkpoint.open(scratch.model)
      let weights = checkpoint.layers.indices.compactMap { FileWeights(checkpoint, layer: $0) }
      for pass in Pass.allCases {
        let rate = try measure(pass, weights)
        Table.row(
          "\(number.rawValue) \(pass.rawValue)", rates(rate),
          "\(percent(rate.one / limit.one)) of read bandwidth on one core, \(percent(rate.two / limit.two)) on two")
      }
    }
  }

  private func rates(_ rate: Rate) -> String { "\(fixed(rate.one, 2)) one, \(fixed(rate.two, 2)) two" }

  /// GB/s of one thread and of two, each on a processor of its own.
  struct Rate {
    var one: Double
    var two: Double
  }

  private enum Pass: String, CaseIterable {
    case look = "first look: statistics, histogram"
    case table = "error table: 7 widths × 2 × 5 granularities"
    case all = "first look with the error table"
    case assessment = "one assessment: int4,group=32"
    case floats = "one assessment: fp8-e4m3"
    case blocks = "one assessment: ocp-mxfp4"
    case tables = "one assessment: kmeans4"

    func run(_ weights: FileWeights) throws {
      switch self {
      case .look: _ = try Survey.of(weights, withErrors: false)
      case .all: _ = try Survey.of(weights, withErrors: true)
      case .table: _ = try ErrorTable.of(weights, sparsity: .none)
      case .assessment:
        _ = try Assessment.of(weights, scheme: Scheme(.uniform(UniformScheme(bits: 4, granularity: .group(32)))))
      case .floats:
        _ = try Assessment.of(weights, scheme: Scheme(.smallFloat(SmallFloatScheme(.e4m3, .scaled(.channel)))))
      case .blocks:
        _ = try Assessment.of(weights, scheme: Scheme(.smallFloat(SmallFloatScheme(.e2m1, .microscaling(.below)))))
      case .tables: _ = try Assessment.of(weights, scheme: Scheme(.codebook(.kMeans(bits: 4))))
      }
    }
  }

  private func measure(_ pass: Pass, _ weights: [FileWeights]) throws -> Rate {
    let gigabytes = Double(Self.size) / 1e9
    // Once before, so that the file is in the page cache and mapped.
    try Machine.pinned(threads: 1) { _ in for part in weights { try pass.run(part) } }
    let one = try (0..<3).map { _ in
      try seconds { try Machine.pinned(threads: 1) { _ in for part in weights { try pass.run(part) } } }
    }
    let two = try (0..<3).map { _ in
      try seconds { try Machine.pinned(threads: 2) { try pass.run(weights[$0]) } }
    }
    return Rate(one: gigabytes / one.median, two: gigabytes / two.median)
  }
}

/// A layer's weight, read from its file piece by piece.
struct FileWeights: WeightSource {
  private let checkpoint: Checkpoint
  private let layer: Int
  let rows: Int
  let columns: Int
  let storedBytes: Int
  var storedBits: Double { 8 * Double(storedBytes) / Double(count) }

  init?(_ checkpoint: Checkpoint, layer: Int) {
    guard let matrix = checkpoint.layers[layer].matrix else { return nil }
    self.checkpoint = checkpoint
    self.layer = layer
    (rows, columns) = (matrix.rows, matrix.columns)
    storedBytes = checkpoint.tensors[checkpoint.layers[layer].weight].byteCount
  }

  var halfType: HalfType? {
    switch checkpoint.tensors[checkpoint.layers[layer].weight].type {
    case .f16: .f16
    case .bf16: .bf16
    default: nil
    }
  }

  func readHalves(from start: Int, into halves: UnsafeMutableBufferPointer<UInt16>) throws {
    try checkpoint.readBytes(
      tensor: checkpoint.layers[layer].weight, range: 2 * start..<2 * (start + halves.count),
      into: UnsafeMutableRawBufferPointer(halves))
  }

  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) throws {
    try checkpoint.readMatrix(
      layer: layer, rows: row..<row + weights.count / columns, columns: 0..<columns, into: weights)
  }
}

/// The speed at which this machine reads memory: the limit of any pass over weights.
enum Bandwidth {
  /// GB/s of a sum of 1 GiB of floats by one thread, and of two halves of it by two.
  static func measure() throws -> Throughput.Rate {
    let count = 1 << 28
    let buffer = Buffer(count)
    func rate(_ threads: Int) throws -> Double {
      let part = count / threads
      let times = try (0..<5).map { _ in
        try seconds {
          try Machine.pinned(threads: threads) { index in
            let sum = buffer.sum(index * part..<(index + 1) * part)
            guard sum == Float(part) else { throw Failure("the sum over memory came out as \(sum)") }
          }
        }
      }
      return 4 * Double(count) / 1e9 / times.median
    }
    return Throughput.Rate(one: try rate(1), two: try rate(2))
  }

  /// Memory that threads only read once it is filled.
  private final class Buffer: @unchecked Sendable {
    private let floats: UnsafeMutableBufferPointer<Float>

    init(_ count: Int) {
      floats = .allocate(capacity: count)
      floats.initialize(repeating: 1)
    }

    deinit { floats.deallocate() }

    /// Eight chains of sixteen lanes, so that additions never wait for each other; exact for ones.
    func sum(_ range: Range<Int>) -> Float {
      let start = UnsafeRawPointer(floats.baseAddress! + range.lowerBound)
      var sums = (
        SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero,
        SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero
      )
      for offset in stride(from: 0, to: 4 * range.count, by: 512) {
        let at = start + offset
        sums.0 += at.loadUnaligned(as: SIMD16<Float>.self)
        sums.1 += at.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self)
        sums.2 += at.loadUnaligned(fromByteOffset: 128, as: SIMD16<Float>.self)
        sums.3 += at.loadUnaligned(fromByteOffset: 192, as: SIMD16<Float>.self)
        sums.4 += at.loadUnaligned(fromByteOffset: 256, as: SIMD16<Float>.self)
        sums.5 += at.loadUnaligned(fromByteOffset: 320, as: SIMD16<Float>.self)
        sums.6 += at.loadUnaligned(fromByteOffset: 384, as: SIMD16<Float>.self)
        sums.7 += at.loadUnaligned(fromByteOffset: 448, as: SIMD16<Float>.self)
      }
      let total = ((sums.0 + sums.1) + (sums.2 + sums.3)) + ((sums.4 + sums.5) + (sums.6 + sums.7))
      return total.sum()
    }
  }
}
