internal import CKernels

extension ElementType {
  /// Whether `decode` knows the type: all but complex numbers.
  public var isDecodable: Bool {
    switch self {
    case .complex64, .complex128: false
    default: true
    }
  }

  /// Decodes `values.count` numbers from the start of `bytes`, as fast as the processor allows.
  ///
  /// Integers become the nearest Float, booleans 0 or 1. Sub-byte plain types take the low bits of a byte first
  /// (ONNX, OCP MX); their last byte may be filled in part. Both regions may have any alignment.
  ///
  /// - Precondition: the type is decodable, `values.count` is a multiple of the block for ggml's types, and
  ///   `bytes` holds at least `byteCount(of: values.count)` bytes.
  public func decode(_ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>) {
    guard let (from, to) = checked(bytes, values) else { return }
    let count = values.count
    switch self {
    case .f32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: 4 * count)
    case .f16: lathe_decode_f16(from, to, count)
    case .bf16: lathe_decode_bf16(from, to, count)
    case .f64: lathe_decode_f64(from, to, count)
    case .ggml(let type): type.traits.kernel(from, to, count / type.blockWeights)
    default: decodeByReference(from, to, count)
    }
  }

  /// `decode` in plain Swift for every type: what the fast forms are tested against.
  public func decodeReference(
    _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>
  ) {
    guard let (from, to) = checked(bytes, values) else { return }
    decodeByReference(from, to, values.count)
  }

  /// `decode` of an array of bytes to a new array of `count` numbers; preconditions as there.
  public func decode(_ bytes: [UInt8], count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      let values = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
      bytes.withUnsafeBytes { decode($0, into: values) }
      initialised = count
    }
  }

  /// The regions' starts, `nil` where there is nothing to decode; traps where the preconditions do not hold.
  private func checked(
    _ bytes: UnsafeRawBufferPointer, _ values: UnsafeMutableBufferPointer<Float>
  ) -> (UnsafePointer<UInt8>, UnsafeMutablePointer<Float>)? {
    precondition(isDecodable, "\(self) cannot be decoded")
    if case .ggml(let type) = self {
      precondition(values.count % type.blockWeights == 0, "\(self) is decoded in whole blocks")
    }
    precondition(byteCount(of: values.count).map { $0 <= bytes.count } == true, "too few bytes of \(self)")
    guard let from = bytes.baseAddress, let to = values.baseAddress, values.count > 0 else { return nil }
    return (from.assumingMemoryBound(to: UInt8.self), to)
  }
}

extension ElementType {
  /// Decodes integers and booleans exactly, without a way through Float.
  ///
  /// - Returns: `nil` where the type is no integer type or a value does not fit an `Int64`.
  public func decodeIntegers(_ bytes: [UInt8], count: Int) -> [Int64]? {
    guard let needed = byteCount(of: count), needed <= bytes.count else { return nil }
    func all<Stored: FixedWidthInteger>(_ type: Stored.Type) -> [Int64]? {
      bytes.withUnsafeBytes { raw in
        var integers: [Int64] = []
        integers.reserveCapacity(count)
        for index in 0..<count {
          let stored = raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
          guard let integer = Int64(exactly: Stored(littleEndian: stored)) else { return nil }
          integers.append(integer)
        }
        return integers
      }
    }
    switch self {
    case .i64: return all(Int64.self)
    case .i32: return all(Int32.self)
    case .i16: return all(Int16.self)
    case .i8: return all(Int8.self)
    case .u64: return all(UInt64.self)
    case .u32: return all(UInt32.self)
    case .u16: return all(UInt16.self)
    case .u8: return all(UInt8.self)
    case .bool: return all(UInt8.self)?.map { $0 == 0 ? 0 : 1 }
    case .i4, .u4, .i2, .u2: return decode(bytes, count: count).map { Int64($0) }
    default: return nil
    }
  }
}
