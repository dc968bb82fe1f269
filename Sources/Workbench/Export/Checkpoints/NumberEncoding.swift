import Checkpoints
import Compression
import Numerics

/// Numbers into the bytes of a type.
struct NumberEncoding {
  private let type: ElementType
  private let quantizer: BlockQuantizer?

  /// - Parameter type: F32, F16, BF16, F64, an integer type, or one that `BlockQuantizer` makes; others make no bytes.
  init(_ type: ElementType) {
    self.type = type
    if case .ggml(let block) = type { quantizer = BlockQuantizer(block) } else { quantizer = nil }
  }

  /// Larger numbers may have scales that FP16 does not hold: what is made of them is looked at.
  private static let largeMagnitude: Float = 60_000

  /// - Parameters:
  ///   - values: whole rows where there are importances, else whole blocks. What is no number becomes zero in blocks.
  ///   - row: the first row, of `rows`: experts have their own importances.
  /// - Returns: how many numbers were NaN or infinite and became zero.
  /// - Throws: where the type cannot hold the numbers, or is none that is made.
  func encode(
    _ values: UnsafeMutableBufferPointer<Float>, columns: Int, row: Int, of rows: Int, importances: Importances?,
    into bytes: UnsafeMutableRawBufferPointer
  ) throws(EncodingFailure) -> Int {
    guard let start = values.baseAddress, let target = bytes.baseAddress, !values.isEmpty else { return 0 }
    switch type {
    case .f32: bytes.copyMemory(from: UnsafeRawBufferPointer(values))
    case .f16:
      let largest = values.greatestMagnitude
      // Infinite and NaN themselves are kept; a finite number must not become one.
      if largest >= 65_520, let number = values.first(where: { $0.isFinite && abs($0) >= 65_520 }) {
        throw .tooLarge(number, type)
      }
      HalfType.f16.encode(values, into: target.assumingMemoryBound(to: UInt16.self))
    case .bf16: HalfType.bf16.encode(values, into: target.assumingMemoryBound(to: UInt16.self))
    case .f64:
      for index in values.indices {
        bytes.storeBytes(of: Double(values[index]), toByteOffset: 8 * index, as: Double.self)
      }
    case .i8: try put(values, as: Int8.self, bytes)
    case .i16: try put(values, as: Int16.self, bytes)
    case .i32: try put(values, as: Int32.self, bytes)
    case .i64: try put(values, as: Int64.self, bytes)
    default:
      guard let quantizer else { throw .notMade(type) }
      var (strange, largest) = (0, values.greatestMagnitude)
      if !largest.isFinite {
        strange = values.zeroNonFinite()
        largest = values.greatestMagnitude
      }
      encodeBlocks(quantizer, start, values.count, columns, row, rows, importances, target)
      if largest > Self.largeMagnitude { try check(values.count, bytes, largest) }
      return strange
    }
    return 0
  }

  /// Whole numbers, exactly.
  private func put<Stored: FixedWidthInteger>(
    _ values: UnsafeMutableBufferPointer<Float>, as stored: Stored.Type, _ bytes: UnsafeMutableRawBufferPointer
  ) throws(EncodingFailure) {
    for (index, value) in values.enumerated() {
      guard let whole = Stored(exactly: value) else { throw .notExact(value, type) }
      bytes.storeBytes(of: whole, toByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
    }
  }

  private func encodeBlocks(
    _ quantizer: BlockQuantizer, _ values: UnsafeMutablePointer<Float>, _ count: Int, _ columns: Int, _ row: Int,
    _ rows: Int, _ importances: Importances?, _ target: UnsafeMutableRawPointer
  ) {
    let bytes = target.assumingMemoryBound(to: UInt8.self)
    guard let importances else { return quantizer.encode(values, count: count, into: bytes) }
    let rowBytes = columns / quantizer.type.blockWeights * quantizer.type.blockBytes
    let experts = importances.squares.count
    var at = 0
    while at < count / columns {
      // Rows up to where the next expert's begin.
      let expert = experts > 1 ? min(experts - 1, (row + at) / max(1, rows / experts)) : 0
      let limit = experts > 1 && expert < experts - 1 ? (expert + 1) * (rows / experts) - row : count / columns
      let taken = min(count / columns, max(limit, at + 1)) - at
      importances.squares[expert].withUnsafeBufferPointer { squares in
        quantizer.encode(
          values + at * columns, rows: taken, columns: columns, importance: squares.baseAddress!,
          into: bytes + at * rowBytes)
      }
      at += taken
    }
  }

  private func check(_ count: Int, _ bytes: UnsafeMutableRawBufferPointer, _ largest: Float) throws(EncodingFailure) {
    let decoded = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { decoded.deallocate() }
    type.decode(UnsafeRawBufferPointer(bytes), into: decoded)
    guard decoded.allSatisfy(\.isFinite) else {
      throw .scalesTooLarge(largest, type)
    }
  }
}

/// Why numbers cannot be written in a type.
enum EncodingFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// A finite number that would become infinite.
  case tooLarge(Float, ElementType)
  /// Blocks of numbers up to this one would have an infinite scale.
  case scalesTooLarge(Float, ElementType)
  /// A number that an integer type does not have.
  case notExact(Float, ElementType)
  case notMade(ElementType)

  var description: String {
    switch self {
    case .tooLarge(let number, let type): "\(number) is too large for \(type.name)"
    case .scalesTooLarge(let largest, let type): "numbers up to \(largest) are too large for \(type.name)'s scales"
    case .notExact(let number, let type): "\(number) is no number of \(type.name)"
    case .notMade(let type): "GGUF has no \(type.name)"
    }
  }
}
