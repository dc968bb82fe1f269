/// Where the elements of a strided tensor lie: element (i₀, i₁, …) at Σ iₖ·strideₖ, counted in elements.
///
/// Axes that lie one inside the other without a gap are one axis here, and axes of one index none. The innermost
/// axes make up a *tile* as far as they lie close together: a tile's span is read at once and put in order in
/// memory (a convolution's filter in channels-last order), so that short runs do not cost a read each.
struct StridedOrder {
  /// Outermost first, without the tile's; then the tile's.
  private let outer: [(extent: Int, step: Int)]
  private let inner: [(extent: Int, step: Int)]
  /// Elements of a tile or, without tiles, of the last axis.
  private let pieceCount: Int
  /// Elements from a tile's first to its last; 0 without tiles.
  let tileSpan: Int
  /// Elements from the tensor's first to its last.
  let span: Int
  private let size: Int

  /// The most bytes that a tile spans, and the most of them for one that is wanted.
  private static let maximumTile = 1 << 18
  private static let maximumSparsity = 8

  var hasTiles: Bool { tileSpan > 0 }
  /// The last axis' stride, where there are no tiles.
  var step: Int { inner.last?.step ?? 1 }

  /// - Precondition: shape and strides are of one length and not negative, no product or sum of them overflows,
  ///   and the shape has elements.
  init(shape: [Int], strides: [Int], size: Int) {
    var axes: [(extent: Int, step: Int)] = []
    for (extent, step) in zip(shape, strides) where extent != 1 {
      if let last = axes.last, last.step == extent * step {
        axes[axes.count - 1] = (last.extent * extent, step)
      } else {
        axes.append((extent, step))
      }
    }
    self.size = size
    span = axes.reduce(1) { $0 + ($1.extent - 1) * $1.step }
    var (tileStart, tileCount, tileSpan) = (axes.count, 1, 0)
    var (wideCount, wideSpan) = (1, 1)
    for index in axes.indices.reversed() {
      wideCount *= axes[index].extent
      wideSpan += (axes[index].extent - 1) * axes[index].step
      guard wideSpan * size <= Self.maximumTile else { break }
      if wideSpan <= wideCount * Self.maximumSparsity {
        (tileStart, tileCount, tileSpan) = (index, wideCount, wideSpan)
      }
    }
    if tileSpan == 0, !axes.isEmpty {
      tileStart = axes.count - 1
      tileCount = axes[tileStart].extent
    }
    outer = Array(axes[..<tileStart])
    inner = Array(axes[tileStart...])
    pieceCount = tileCount
    self.tileSpan = tileSpan
  }

  /// The piece (tile, or run along the last axis) that element `index` lies in: of a tile where it begins and
  /// how many of its elements are passed over, of a run where the element itself lies; and how many elements of
  /// it are wanted up to `limit`.
  func piece(at index: Int, limit: Int) -> (offset: Int, within: Int, count: Int) {
    let within = index % pieceCount
    var rest = index / pieceCount
    var offset = hasTiles ? 0 : within * step
    for axis in outer.reversed() {
      offset += rest % axis.extent * axis.step
      rest /= axis.extent
    }
    return (offset, within, min(pieceCount - within, limit - index))
  }

  /// Puts `count` of a tile's elements, from number `first` on, one after another.
  func gather(
    _ tile: UnsafeMutableRawBufferPointer, from first: Int, count: Int,
    into: UnsafeMutableRawBufferPointer
  ) {
    switch size {
    case 1: gather(UInt8.self, tile, first, count, into)
    case 2: gather(UInt16.self, tile, first, count, into)
    case 4: gather(UInt32.self, tile, first, count, into)
    case 8: gather(UInt64.self, tile, first, count, into)
    default: gather(UInt128.self, tile, first, count, into)
    }
  }

  private func gather<Word: BitwiseCopyable>(
    _ type: Word.Type, _ tile: UnsafeMutableRawBufferPointer, _ first: Int, _ count: Int,
    _ into: UnsafeMutableRawBufferPointer
  ) {
    guard let last = inner.last else { return }
    var at = first
    var written = 0
    while written < count {
      let within = at % last.extent
      var rest = at / last.extent
      var offset = within * last.step
      for axis in inner.dropLast().reversed() {
        offset += rest % axis.extent * axis.step
        rest /= axis.extent
      }
      let run = min(last.extent - within, count - written)
      for index in 0..<run {
        let word = tile.loadUnaligned(fromByteOffset: (offset + index * last.step) * size, as: type)
        into.storeBytes(of: word, toByteOffset: (written + index) * size, as: type)
      }
      at += run
      written += run
    }
  }
}
