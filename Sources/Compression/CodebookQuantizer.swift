import CKernels
import Coding
import Numerics

/// A table of values at work on one weight.
final class CodebookQuantizer: ValueQuantizer {
  private let scheme: CodebookScheme
  /// Whether zeros are pruned weights: a table found by k-means has zero among its values then.
  private let isMasked: Bool
  /// The table of NF4, of the whole weight, or of the run that was last.
  private var table: lathe_levels
  /// NF4's scale of the whole weight.
  private(set) var tensorScale: Float = 0
  private let clusters: RunClusters?
  private var mean: MeanTable
  private var packed = BitWriter()
  var keepsScales = false
  /// Each run's of NF4, where they are kept.
  private(set) var keptScales: [Float] = []

  /// Reads the weight for a scale or a table that all share.
  init(
    _ scheme: CodebookScheme, of source: some WeightSource, _ pruning: Pruning, masked: Bool, _ control: PassControl
  ) throws {
    self.scheme = scheme
    isMasked = masked
    mean = MeanTable(entries: scheme.entries)
    let isWhole = scheme.granularity == .tensor
    switch scheme.table {
    case .nf4:
      table = lathe_levels(CodebookScheme.normalFloats, zero: 7)
      clusters = nil
      if isWhole { tensorScale = Self.scale(try source.greatestMagnitude(pruning, control)) }
    case .kMeans(let entries):
      if isWhole {
        let points = try BinnedPoints(source, pruning, nonZero: masked, control)
        table = Self.table(points.points, entries: entries, masked: masked, cells: 4096)
        points.free()
        clusters = nil
        mean.add(table)
      } else {
        table = lathe_levels([0], zero: 0)
        clusters = RunClusters(run: scheme.granularity.run(columns: source.columns))
      }
    }
  }

  func apply(
    _ chunk: Chunk, pruned: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>,
    codes: UnsafeMutablePointer<Int32>
  ) {
    let run = scheme.granularity == .tensor ? chunk.count : scheme.granularity.run(columns: chunk.columns)
    for start in stride(from: 0, to: chunk.count, by: max(1, run)) {
      var (inverse, scale): (Float, Float) = (1, 1)
      switch scheme.table {
      case .nf4:
        scale =
          scheme.granularity == .tensor ? tensorScale : Self.scale(lathe_greatest_magnitude(pruned + start, run))
        inverse = scale > 0 ? 1 / scale : 0
        if scheme.granularity != .tensor { add(scale: scale) }
      case .kMeans(let entries):
        if let clusters {
          clusters.read(pruned + start, nonZero: isMasked)
          table = Self.table(clusters.points, entries: entries, masked: isMasked, cells: max(512, 8 * entries))
          mean.add(table)
          if keepsScales { table.pack(entries: entries, into: &packed) }
        }
      }
      lathe_apply_levels(pruned + start, run, &table, inverse, scale, codes + start, values + start)
    }
  }

  private func add(scale: Float) {
    mean.add(scale: scale)
    guard keepsScales else { return }
    packed.put(Int(scale.bitPattern), 32)
    keptScales.append(scale)
  }

  var scaleBytes: [UInt8] {
    var writer = packed
    if scheme.granularity == .tensor {
      switch scheme.table {
      case .nf4: writer.put(Int(tensorScale.bitPattern), 32)
      case .kMeans(let entries): table.pack(entries: entries, into: &writer)
      }
    }
    return writer.finish()
  }

  var levels: Levels? {
    guard scheme.table == .nf4 else { return mean.levels }
    let step = scheme.granularity == .tensor ? Double(tensorScale) : mean.scale
    guard step > 0 else { return nil }
    return Levels(step: step, multiples: CodebookScheme.normalFloats.map(Double.init), scales: max(1, mean.count))
  }

  /// One over it is finite; weights below have none.
  private static func scale(_ magnitude: Float) -> Float { magnitude >= .leastNormalMagnitude ? magnitude : 0 }

  /// The table of points: centroids rounded to fp16, with zero among them where it stands for pruned weights.
  private static func table(
    _ points: lathe_points, entries: Int, masked: Bool, cells: Int
  ) -> lathe_levels {
    var points = points
    var centroids = [Double](repeating: 0, count: entries)
    let found = lathe_kmeans(&points, Int32(masked ? entries - 1 : entries), Int32(cells), &centroids)
    precondition(found >= 0, "there is no memory for k-means")
    var values = centroids[..<Int(found)].map { centroid -> Float in
      let half = HalfType.f16.float(HalfType.f16.bits(Float(max(-65_504, min(65_504, centroid)))))
      return half == 0 ? 0 : half
    }
    if masked || values.isEmpty { values.insert(0, at: values.firstIndex { $0 >= 0 } ?? values.count) }
    return lathe_levels(values, zero: masked ? values.firstIndex(of: 0)! : 0)
  }
}

extension lathe_levels {
  /// - Parameters:
  ///   - values: in rising order, at most 256.
  ///   - zero: the place of the level whose code is 0.
  init(_ values: [Float], zero: Int) {
    self.init()
    count = Int32(values.count)
    self.zero = Int32(zero)
    withUnsafeMutableBytes(of: &self.values) { values.withUnsafeBytes($0.copyMemory) }
    let bounds = zip(values, values.dropFirst()).map { low, high -> Float in
      // The float at the middle or next below it.
      let middle = Double(low) + (Double(high) - Double(low)) / 2
      return Double(Float(middle)) > middle ? Float(middle).nextDown : Float(middle)
    }
    withUnsafeMutableBytes(of: &self.bounds) { bounds.withUnsafeBytes($0.copyMemory) }
  }

  /// The values; what is not used repeats the last.
  func padded(to entries: Int) -> [Float] {
    let found = withUnsafeBytes(of: values) { Array($0.bindMemory(to: Float.self).prefix(Int(count))) }
    return found + [Float](repeating: found.last ?? 0, count: max(0, entries - found.count))
  }

  fileprivate func pack(entries: Int, into writer: inout BitWriter) {
    for value in padded(to: entries) { writer.put(Int(HalfType.f16.bits(value)), 16) }
  }
}

/// The numbers of one run, sorted and counted.
private final class RunClusters {
  private let run: Int
  private let scratch: UnsafeMutablePointer<UInt32>
  private(set) var points: lathe_points

  init(run: Int) {
    self.run = run
    scratch = .allocate(capacity: 2 * run)
    points = lathe_points(values: .allocate(capacity: run), counts: .allocate(capacity: run), count: 0)
  }

  deinit {
    scratch.deallocate()
    points.values.deallocate()
    points.counts.deallocate()
  }

  func read(_ weights: UnsafePointer<Float>, nonZero: Bool) {
    lathe_points_of(weights, run, nonZero ? 1 : 0, scratch, &points)
  }
}

/// The numbers of a whole weight in bins of 20 bits.
private struct BinnedPoints {
  private(set) var points: lathe_points

  init(_ source: some WeightSource, _ pruning: Pruning, nonZero: Bool, _ control: PassControl) throws {
    let bins = UnsafeMutablePointer<lathe_point_bin>.allocate(capacity: Int(LATHE_POINT_BINS))
    defer { bins.deallocate() }
    bins.initialize(repeating: lathe_point_bin(), count: Int(LATHE_POINT_BINS))
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      lathe_add_point_bins(pruned, chunk.count, bins)
    }
    let count = lathe_count_point_bins(bins)
    points = lathe_points(values: .allocate(capacity: count), counts: .allocate(capacity: count), count: 0)
    lathe_points_of_bins(bins, nonZero ? 1 : 0, &points)
  }

  func free() {
    points.values.deallocate()
    points.counts.deallocate()
  }
}

/// Means over the runs, for drawing.
private struct MeanTable {
  private var sums: [Double]
  private var scales = 0.0
  private(set) var count = 0

  init(entries: Int) { sums = [Double](repeating: 0, count: entries) }

  mutating func add(_ table: lathe_levels) {
    for (index, value) in table.padded(to: sums.count).enumerated() { sums[index] += Double(value) }
    count += 1
  }

  mutating func add(scale: Float) {
    scales += Double(scale)
    count += 1
  }

  var scale: Double { count > 0 ? scales / Double(count) : 0 }

  var levels: Levels? {
    count > 0 ? Levels(step: 1, multiples: sums.map { $0 / Double(count) }, scales: count) : nil
  }
}
