public import FileAccess
internal import Numerics

extension Checkpoint {
  /// The array called `name`: data sets are opened as checkpoints too (`.npz`, `.safetensors`).
  public func tensor(named name: String) -> Tensor? { tensors.first { $0.name == name } }

  /// A range of a tensor's elements as Floats; see `read(tensor:elements:into:)`.
  public func floats(_ tensor: Tensor, elements: Range<Int>) throws(CheckpointError) -> [Float] {
    var values = [Float](repeating: 0, count: elements.count)
    try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try read(tensor, elements: elements, into: into)
    }
    return values
  }

  /// A range of an integer or boolean tensor's elements, exactly.
  ///
  /// - Throws: where it holds other numbers, or one that an Int64 cannot hold.
  /// - Precondition: the range lies in the tensor.
  public func integers(_ tensor: Tensor, elements: Range<Int>) throws(CheckpointError) -> [Int64] {
    let (weights, size) = tensor.type.block
    let blocks = elements.lowerBound / weights..<(elements.upperBound + weights - 1) / weights
    var raw = [UInt8](repeating: 0, count: blocks.count * size)
    let source = ElementSource(self, tensor, from: elements.lowerBound)
    try raw.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try source.copy(blocks: blocks, into: UnsafeMutableRawBufferPointer(into))
    }
    guard
      let integers = tensor.type.decodeIntegers(raw, count: elements.upperBound - blocks.lowerBound * weights)
    else {
      throw fail(tensor, "holds \(tensor.type); whole numbers up to 64 bits expected")
    }
    return Array(integers.dropFirst(elements.lowerBound - blocks.lowerBound * weights))
  }
}
