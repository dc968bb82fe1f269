internal import CZlib
public import FileAccess
internal import Numerics

extension Checkpoint {
  /// CRC-32 (zlib's) of a tensor's numbers as little-endian binary32 in the order of its shape: the same for the same
  /// values, whatever the format and the type that hold them. Streams in bounded memory.
  ///
  /// - Throws: as `read(tensor:elements:into:)`.
  public func checksum(tensor index: Int) throws(CheckpointError) -> UInt32 {
    let tensor = tensors[index]
    return try checksum(count: tensor.count) { range, into throws(CheckpointError) in
      try read(tensor, elements: range, into: into)
    }
  }

  /// CRC-32 of a tensor's stored bytes, in the order of its shape and little-endian, whatever the file's order: what
  /// numpy's `tobytes` gives.
  ///
  /// - Throws: where the file was cut short or rewritten since it was opened.
  public func storedChecksum(tensor index: Int) throws(CheckpointError) -> UInt32 {
    let tensor = tensors[index]
    let (weights, size) = tensor.type.block
    let source = ElementSource(self, tensor)
    let count = (tensor.count + weights - 1) / weights
    let chunk = max(1, (1 << 18) / size)
    var bytes = [UInt8](repeating: 0, count: min(chunk, count) * size)
    var sum: UInt32 = 0
    for first in stride(from: 0, to: count, by: chunk) {
      let blocks = first..<min(first + chunk, count)
      try bytes.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try source.copy(blocks: blocks, into: UnsafeMutableRawBufferPointer(into))
      }
      let held = min(blocks.count * size, tensor.byteCount - first * size)
      sum = bytes.withUnsafeBytes { Self.crc(sum, UnsafeRawBufferPointer(rebasing: $0[..<held])) }
    }
    return sum
  }

  /// The first of a layer's weight, row by row of its matrix: of a packed one, the numbers that it stands for.
  public func checksum(layer index: Int) throws(CheckpointError) -> UInt32 {
    guard let matrix = layers[index].matrix else { return try checksum(tensor: layers[index].weight) }
    var sum: UInt32 = 0
    let rows = max(1, (matrix.isRowMajor ? 1 << 16 : 1 << 22) / max(1, matrix.columns))
    for first in stride(from: 0, to: matrix.rows, by: rows) {
      let some = first..<min(first + rows, matrix.rows)
      var values = [Float](repeating: 0, count: some.count * matrix.columns)
      try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try readMatrix(layer: index, rows: some, columns: 0..<matrix.columns, into: into)
      }
      sum = values.withUnsafeBytes { Self.crc(sum, $0) }
    }
    return sum
  }

  private func checksum(
    count: Int,
    read: (Range<Int>, UnsafeMutableBufferPointer<Float>) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> UInt32 {
    // A multiple of every block.
    let chunk = 1 << 16
    var values = [Float](repeating: 0, count: min(chunk, count))
    var sum: UInt32 = 0
    for first in stride(from: 0, to: count, by: chunk) {
      let range = first..<min(first + chunk, count)
      try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in try read(range, into) }
      sum = values.withUnsafeBytes { Self.crc(sum, UnsafeRawBufferPointer(rebasing: $0[..<(4 * range.count)])) }
    }
    return sum
  }

  private static func crc(_ sum: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(
      truncatingIfNeeded: crc32_z(
        UInt(sum), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
