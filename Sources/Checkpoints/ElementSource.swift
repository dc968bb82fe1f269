internal import FileAccess
internal import Numerics

/// A tensor's stored bytes in the order of its elements, wherever and however the file holds them.
struct ElementSource {
  private let checkpoint: Checkpoint
  private let tensor: Tensor
  private let loan: InflateStreams.Loan?
  private let strides: StridedOrder?

  /// - Parameter first: the element that is read first; reading on from there is cheapest.
  init(_ checkpoint: Checkpoint, _ tensor: Tensor, from first: Int = 0) {
    self.checkpoint = checkpoint
    self.tensor = tensor
    let (weights, size) = tensor.type.block
    loan = checkpoint.streams.lend(tensor.location, of: checkpoint.files, at: first / weights * size)
    strides =
      tensor.count == 0
      ? nil
      : tensor.layout.strides.map {
        StridedOrder(shape: tensor.shape, strides: $0, size: tensor.type.block.bytes)
      }
  }

  /// Copies stored bytes, whatever their order means.
  func copyStored(offset: Int, count: Int, into: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    switch tensor.location {
    case .file(let file, let start):
      try checkpoint.files[file].copy(offset: start + offset, count: count, into: into)
    case .inline(let bytes):
      bytes.withUnsafeBytes { into.copyMemory(from: .init(rebasing: $0[offset..<offset + count])) }
    case .deflated:
      guard let stream = loan?.stream else { return }
      guard let strides else { return try stream.copy(offset: offset, count: count, into: into) }
      // Strides jump back and forth, which a stream cannot.
      let whole = try stream.all(strides.span * tensor.type.block.bytes, of: tensor.name)
      whole.withUnsafeBytes { into.copyMemory(from: .init(rebasing: $0[offset..<offset + count])) }
    }
  }

  /// Copies the tensor's blocks (single numbers in plain types) in element order, little-endian.
  func copy(blocks: Range<Int>, into: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let size = tensor.type.block.bytes
    if let strides {
      try copy(elements: blocks, strides, into)
    } else {
      // The last block of a plain type may be there in part.
      let offset = blocks.lowerBound * size
      try copyStored(offset: offset, count: min(blocks.count * size, tensor.byteCount - offset), into: into)
    }
    if tensor.layout.isBigEndian { reverseBytes(.init(rebasing: into[..<(blocks.count * size)])) }
    turnSigns(.init(rebasing: into[..<(blocks.count * size)]))
  }

  /// Turns the signs that a view turns: of floats, little-endian, the last byte's highest bit.
  private func turnSigns(_ bytes: UnsafeMutableRawBufferPointer) {
    let size = tensor.type.block.bytes
    let isComplex = tensor.type == .complex64 || tensor.type == .complex128
    let step: Int
    switch tensor.layout.view {
    case .plain: return
    // Both parts of a complex number are negative; the imaginary one alone is conjugate.
    case .negative: step = isComplex ? size / 2 : size
    case .conjugate: step = size
    }
    for last in stride(from: step - 1, to: bytes.count, by: step) { bytes[last] ^= 0x80 }
  }

  /// Copies elements that lie at strides: tile by tile where the innermost axes lie close together, else run by
  /// run along the last axis.
  private func copy(
    elements: Range<Int>, _ order: StridedOrder, _ into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let size = tensor.type.block.bytes
    let tile = UnsafeMutableRawBufferPointer.allocate(byteCount: order.tileSpan * size, alignment: 16)
    defer { tile.deallocate() }
    var at = elements.lowerBound
    while at < elements.upperBound {
      let target = UnsafeMutableRawBufferPointer(rebasing: into[((at - elements.lowerBound) * size)...])
      let place = order.piece(at: at, limit: elements.upperBound)
      if order.hasTiles {
        try copyStored(offset: place.offset * size, count: order.tileSpan * size, into: tile)
        order.gather(tile, from: place.within, count: place.count, into: target)
      } else if order.step == 1 {
        try copyStored(offset: place.offset * size, count: place.count * size, into: target)
      } else {
        try gatherRun(from: place.offset * size, stride: order.step * size, count: place.count, target)
      }
      at += place.count
    }
  }

  private func gatherRun(
    from offset: Int, stride: Int, count: Int, _ into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let size = tensor.type.block.bytes
    if case .file(let file, let start) = tensor.location {
      try checkpoint.files[file].gather(
        offset: start + offset, size: size, stride: stride, count: count, into: into)
    } else {
      for index in 0..<count {
        try copyStored(
          offset: offset + index * stride, count: size, into: .init(rebasing: into[(index * size)...]))
      }
    }
  }

  private func reverseBytes(_ bytes: UnsafeMutableRawBufferPointer) {
    let isComplex = tensor.type == .complex64 || tensor.type == .complex128
    let size = isComplex ? tensor.type.block.bytes / 2 : tensor.type.block.bytes
    var fields = [(offset: 0, width: size, count: 1)]
    if case .ggml(let type) = tensor.type { fields = type.wideFields }
    guard size > 1 else { return }
    for start in stride(from: 0, to: bytes.count, by: size) {
      for field in fields {
        for number in 0..<field.count {
          let first = start + field.offset + number * field.width
          for index in 0..<field.width / 2 { bytes.swapAt(first + index, first + field.width - 1 - index) }
        }
      }
    }
  }
}
