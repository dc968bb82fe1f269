internal import CZlib

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

  /// The same of a layer's weight, row by row of its matrix: of a packed one, the numbers that it stands for.
  public func checksum(layer index: Int) throws(CheckpointError) -> UInt32 {
    guard let matrix = layers[index].matrix else { return try checksum(tensor: layers[index].weight) }
    var sum: UInt32 = 0
    let rows = max(1, (1 << 16) / max(1, matrix.columns))
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
