internal import Numerics

/// A tensor's stored bytes in the order of its elements, wherever and however the file holds them.
struct ElementSource {
  private let checkpoint: Checkpoint
  private let tensor: Tensor
  private let stream: InflateStream?

  init(_ checkpoint: Checkpoint, _ tensor: Tensor) {
    self.checkpoint = checkpoint
    self.tensor = tensor
    // One stream for all reads of a source, so that reading on from where it stands costs no new start.
    if case .deflated(let file, let offset, let length, let skip) = tensor.location {
      stream = InflateStream(checkpoint.files[file], offset: offset, length: length, skip: skip)
    } else {
      stream = nil
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
      guard let stream else { return }
      try stream.copy(offset: offset, count: count, into: into)
    }
  }

  /// Copies the tensor's blocks (single numbers in plain types) in element order, little-endian.
  func copy(blocks: Range<Int>, into: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let size = tensor.type.block.bytes
    if tensor.layout.isColumnMajor, tensor.shape.count > 1 {
      try gather(blocks, size, into)
    } else {
      try copyStored(offset: blocks.lowerBound * size, count: blocks.count * size, into: into)
    }
    if tensor.layout.isBigEndian { reverseBytes(.init(rebasing: into[..<(blocks.count * size)])) }
  }

  /// Column-major storage (NumPy's Fortran order): element (i₀, i₁, …) lies at i₀ + n₀·(i₁ + n₁·(…)). A run
  /// along the last axis lies `stride` apart, and is gathered at once.
  private func gather(_ elements: Range<Int>, _ size: Int, _ into: UnsafeMutableRawBufferPointer)
    throws(CheckpointError)
  {
    let shape = tensor.shape
    let last = shape[shape.count - 1]
    let stride = tensor.count / last
    var at = elements.lowerBound
    while at < elements.upperBound {
      let within = at % last
      let run = min(last - within, elements.upperBound - at)
      var row = at / last
      var place = within * stride
      var step = 1
      // The indices of the other axes, innermost first, and their strides, outermost first.
      var indices: [Int] = []
      for extent in shape.dropLast().reversed() {
        indices.append(row % extent)
        row /= extent
      }
      for (index, extent) in zip(indices.reversed(), shape) {
        place += index * step
        step *= extent
      }
      let target = UnsafeMutableRawBufferPointer(rebasing: into[((at - elements.lowerBound) * size)...])
      try gatherRun(from: place * size, stride: stride * size, count: run, size, target)
      at += run
    }
  }

  private func gatherRun(
    from offset: Int, stride: Int, count: Int, _ size: Int, _ into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    if case .file(let file, let start) = tensor.location {
      try checkpoint.files[file].gather(
        offset: start + offset, size: size, stride: stride, count: count, into: into)
    } else if let stream {
      try gather(stream.all(tensor.byteCount), offset, stride, count, size, into)
    } else if case .inline(let stored) = tensor.location {
      gather(stored, offset, stride, count, size, into)
    }
  }

  private func gather(
    _ stored: [UInt8], _ offset: Int, _ stride: Int, _ count: Int, _ size: Int,
    _ into: UnsafeMutableRawBufferPointer
  ) {
    for index in 0..<count {
      let from = offset + index * stride
      for byte in 0..<size { into[index * size + byte] = stored[from + byte] }
    }
  }

  private func reverseBytes(_ bytes: UnsafeMutableRawBufferPointer) {
    let size = tensor.type.block.bytes
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
