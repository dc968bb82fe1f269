public import FileAccess
internal import Numerics

extension Checkpoint {
  /// The most bytes that a read holds besides its result.
  static let scratchSize = 1 << 17

  /// Decodes a range of a tensor's elements, in the order of its shape (C order), to Float.
  ///
  /// Memory besides `into` is bounded, whatever the range. A range may begin and end inside a block.
  ///
  /// - Throws: where the type cannot be decoded, or the file was cut short since it was opened.
  /// - Precondition: `elements` lies in 0..<count of the tensor, and `into` has room for them.
  public func read(
    tensor index: Int, elements: Range<Int>, into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    try read(tensors[index], elements: elements, into: into)
  }

  /// All of a tensor as Floats; 4 bytes an element. For small tensors and tests.
  public func floats(tensor index: Int) throws(CheckpointError) -> [Float] { try floats(tensors[index]) }

  /// The same of a tensor that stands in the graph only.
  public func floats(_ tensor: Tensor) throws(CheckpointError) -> [Float] {
    try floats(tensor, elements: 0..<tensor.count)
  }

  /// All of an integer or boolean tensor.
  ///
  /// - Throws: where it holds other numbers, or one that an Int64 cannot hold.
  public func integers(_ tensor: Tensor) throws(CheckpointError) -> [Int64] {
    try integers(tensor, elements: 0..<tensor.count)
  }

  /// Copies a range of a tensor's stored bytes, in C order and little-endian: as they are in the file (inflated
  /// where the file deflates them) unless its layout says that they lie otherwise there.
  ///
  /// - Throws: where the file was cut short since it was opened.
  /// - Precondition: the range lies in 0..<byteCount of the tensor, and `into` has room for it.
  public func readBytes(
    tensor index: Int, range: Range<Int>, into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let tensor = tensors[index]
    precondition(range.lowerBound >= 0 && range.upperBound <= tensor.byteCount && into.count >= range.count)
    let source = ElementSource(
      self, tensor, from: range.lowerBound / tensor.type.block.bytes * tensor.type.block.weights)
    if tensor.layout == .plain {
      try source.copyStored(offset: range.lowerBound, count: range.count, into: into)
      return
    }
    let size = tensor.type.block.bytes
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.scratchSize, alignment: 16)
    defer { scratch.deallocate() }
    var at = range.lowerBound
    while at < range.upperBound {
      let first = at / size
      let last = min((range.upperBound + size - 1) / size, first + Self.scratchSize / size)
      try source.copy(blocks: first..<last, into: scratch)
      let count = min(last * size, range.upperBound) - at
      UnsafeMutableRawBufferPointer(rebasing: into[(at - range.lowerBound)...])
        .copyMemory(from: .init(rebasing: scratch[(at - first * size)..<(at - first * size + count)]))
      at += count
    }
  }

  /// `read` for any tensor of the checkpoint's files, those of the graph's attributes included.
  public func read(
    _ tensor: Tensor, elements: Range<Int>, into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    precondition(
      elements.lowerBound >= 0 && elements.upperBound <= tensor.count && into.count >= elements.count)
    guard tensor.type.isDecodable else {
      throw fail(tensor, "is stored as \(tensor.type), which Lathe can size and copy but not decode yet")
    }
    guard let start = into.baseAddress, !elements.isEmpty else { return }
    let source = ElementSource(self, tensor, from: elements.lowerBound)
    let raw = UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(start), count: 4 * elements.count)
    if tensor.type == .f32 {
      try source.copy(blocks: elements, into: raw)
      return
    }
    let block = tensor.type.block
    let needed = (elements.count / block.weights + 1) * block.bytes
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(Self.scratchSize, needed), alignment: 16)
    let partial = UnsafeMutableBufferPointer<Float>.allocate(capacity: block.weights)
    defer {
      scratch.deallocate()
      partial.deallocate()
    }
    var at = elements.lowerBound
    while at < elements.upperBound {
      let first = at / block.weights
      let within = at - first * block.weights
      let left = elements.upperBound - at
      let target = start + (at - elements.lowerBound)
      if within > 0 || left < block.weights {
        let taken = min(left, block.weights - within)
        try source.copy(blocks: first..<first + 1, into: scratch)
        tensor.type.decode(UnsafeRawBufferPointer(scratch), into: partial)
        target.update(from: partial.baseAddress! + within, count: taken)
        at += taken
      } else {
        let blocks = min(left / block.weights, Self.scratchSize / block.bytes)
        try source.copy(blocks: first..<first + blocks, into: scratch)
        let values = UnsafeMutableBufferPointer(start: target, count: blocks * block.weights)
        tensor.type.decode(UnsafeRawBufferPointer(scratch), into: values)
        at += blocks * block.weights
      }
    }
  }

  func fail(_ tensor: Tensor, _ reason: String) -> CheckpointError {
    CheckpointError(file: path, tensor: tensor.name, reason)
  }
}
