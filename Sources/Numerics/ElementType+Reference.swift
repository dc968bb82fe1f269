extension ElementType {
  /// The plain form of `decode`; both regions as checked there.
  func decodeByReference(_ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int) {
    switch self {
    case .f64: each(bytes, values, count) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    case .f32: each(bytes, values, count) { (bits: UInt32) in Float(bitPattern: bits) }
    case .f16: each(bytes, values, count) { (bits: UInt16) in SmallFloat.f16.value(of: bits) }
    case .bf16: each(bytes, values, count) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .i64: each(bytes, values, count) { (stored: Int64) in Float(stored) }
    case .i32: each(bytes, values, count) { (stored: Int32) in Float(stored) }
    case .i16: each(bytes, values, count) { (stored: Int16) in Float(stored) }
    case .i8: each(bytes, values, count) { (stored: Int8) in Float(stored) }
    case .u64: each(bytes, values, count) { (stored: UInt64) in Float(stored) }
    case .u32: each(bytes, values, count) { (stored: UInt32) in Float(stored) }
    case .u16: each(bytes, values, count) { (stored: UInt16) in Float(stored) }
    case .u8: each(bytes, values, count) { (stored: UInt8) in Float(stored) }
    case .bool: each(bytes, values, count) { (stored: UInt8) in stored == 0 ? 0 : 1 }
    case .f8e8m0: each(bytes, values, count, ScaleFormat.e8m0)
    case .f8e4m3: look(up: .e4m3, bytes, values, count)
    case .f8e5m2: look(up: .e5m2, bytes, values, count)
    case .f8e4m3fnuz: look(up: .e4m3fnuz, bytes, values, count)
    case .f8e5m2fnuz: look(up: .e5m2fnuz, bytes, values, count)
    case .f4e2m1: nibbles(bytes, values, count, SmallFloat.e2m1.table())
    case .u4: nibbles(bytes, values, count, (0..<16).map { Float($0) })
    case .i4: nibbles(bytes, values, count, (0..<16).map { Float($0 < 8 ? $0 : $0 - 16) })
    case .u2: pairs(bytes, values, count, [0, 1, 2, 3])
    case .i2: pairs(bytes, values, count, [0, 1, -2, -1])
    case .f6e3m2: sixes(bytes, values, count, SmallFloat.e3m2.table())
    case .f6e2m3: sixes(bytes, values, count, SmallFloat.e2m3.table())
    case .ggml(let type):
      for block in 0..<count / type.blockWeights {
        type.decodeBlock(bytes + block * type.blockBytes, values + block * type.blockWeights)
      }
    case .complex64, .complex128: preconditionFailure("\(self) has no Float value")
    }
  }

  /// One little-endian `Stored` a number.
  @inline(__always)
  private func each<Stored: FixedWidthInteger>(
    _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int,
    _ value: (Stored) -> Float
  ) {
    let raw = UnsafeRawPointer(bytes)
    for index in 0..<count {
      let stored = raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
      values[index] = value(Stored(littleEndian: stored))
    }
  }

  /// One byte a number, through the table of the format's 256 values.
  private func look(
    up format: SmallFloat, _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let table = format.table()
    for index in 0..<count { values[index] = table[Int(bytes[index])] }
  }

  /// Two numbers a byte, the low nibble first.
  private func nibbles(
    _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int, _ table: [Float]
  ) {
    for index in 0..<count { values[index] = table[Int(bytes[index / 2] >> UInt8(index % 2 * 4) & 15)] }
  }

  /// Four numbers a byte, the lowest bits first.
  private func pairs(
    _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int, _ table: [Float]
  ) {
    for index in 0..<count { values[index] = table[Int(bytes[index / 4] >> UInt8(index % 4 * 2) & 3)] }
  }

  /// Four numbers in three bytes, the lowest bits first.
  private func sixes(
    _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>, _ count: Int, _ table: [Float]
  ) {
    for index in 0..<count {
      let bit = index * 6
      // The second byte only where the six bits reach into it: the last one may not be there.
      let high = bit % 8 > 2 ? Int(bytes[bit / 8 + 1]) << 8 : 0
      values[index] = table[(Int(bytes[bit / 8]) | high) >> (bit % 8) & 63]
    }
  }
}
