public import FileAccess

/// A typed value of GGUF's metadata as version 3 stores it, little-endian: what a file is written from, and what a
/// tokenizer is read from.
public struct GGUFField: Sendable, Hashable {
  /// The value's type; of a list `array`.
  public let kind: Kind
  /// The value as stored, without its type.
  public let bytes: [UInt8]

  /// GGUF's value types (`gguf_metadata_value_type`).
  public enum Kind: UInt32, Sendable, Hashable {
    case u8, i8, u16, i16, u32, i32, f32, bool, string, array, u64, i64, f64

    /// Bytes of a value; `nil` where the value says its length.
    public var size: Int? {
      switch self {
      case .u8, .i8, .bool: 1
      case .u16, .i16: 2
      case .u32, .i32, .f32: 4
      case .u64, .i64, .f64: 8
      case .string, .array: nil
      }
    }
  }

  public init(kind: Kind, bytes: [UInt8]) {
    self.kind = kind
    self.bytes = bytes
  }
}

// MARK: - Making values

extension GGUFField {
  public static func u32(_ value: Int) -> GGUFField {
    GGUFField(kind: .u32, bytes: littleEndian(UInt32(clamping: value)))
  }
  public static func i32(_ value: Int) -> GGUFField {
    GGUFField(kind: .i32, bytes: littleEndian(Int32(clamping: value)))
  }
  public static func f32(_ value: Float) -> GGUFField { GGUFField(kind: .f32, bytes: littleEndian(value.bitPattern)) }
  public static func bool(_ value: Bool) -> GGUFField { GGUFField(kind: .bool, bytes: [value ? 1 : 0]) }
  public static func string(_ value: String) -> GGUFField { GGUFField(kind: .string, bytes: text(Array(value.utf8))) }

  public static func strings(_ values: some Collection<String>) -> GGUFField {
    list(.string, values.count) { bytes in for value in values { bytes += text(Array(value.utf8)) } }
  }

  public static func i32s(_ values: some Collection<Int>) -> GGUFField {
    list(.i32, values.count) { bytes in for value in values { bytes += littleEndian(Int32(clamping: value)) } }
  }

  public static func f32s(_ values: some Collection<Float>) -> GGUFField {
    list(.f32, values.count) { bytes in for value in values { bytes += littleEndian(value.bitPattern) } }
  }

  public static func bools(_ values: some Collection<Bool>) -> GGUFField {
    list(.bool, values.count) { bytes in for value in values { bytes.append(value ? 1 : 0) } }
  }

  private static func list(_ kind: Kind, _ count: Int, _ fill: (inout [UInt8]) -> Void) -> GGUFField {
    var bytes = littleEndian(kind.rawValue) + littleEndian(UInt64(count))
    fill(&bytes)
    return GGUFField(kind: .array, bytes: bytes)
  }

  /// A text with its length before it.
  static func text(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

// MARK: - Reading values

extension GGUFField {
  /// A whole number; `nil` for other values.
  public var int: Int? {
    bytes.withUnsafeBytes { raw in
      switch kind {
      case .u8, .bool: Int(raw[0])
      case .i8: Int(raw.loadUnaligned(as: Int8.self))
      case .u16: Int(raw.loadUnaligned(as: UInt16.self).littleEndian)
      case .i16: Int(raw.loadUnaligned(as: Int16.self).littleEndian)
      case .u32: Int(raw.loadUnaligned(as: UInt32.self).littleEndian)
      case .i32: Int(raw.loadUnaligned(as: Int32.self).littleEndian)
      case .u64: Int(exactly: raw.loadUnaligned(as: UInt64.self).littleEndian)
      case .i64: Int(raw.loadUnaligned(as: Int64.self).littleEndian)
      default: nil
      }
    }
  }

  /// A real or whole number.
  public var double: Double? {
    bytes.withUnsafeBytes { raw in
      switch kind {
      case .f32: Double(Float(bitPattern: raw.loadUnaligned(as: UInt32.self).littleEndian))
      case .f64: Double(bitPattern: raw.loadUnaligned(as: UInt64.self).littleEndian)
      default: int.map(Double.init)
      }
    }
  }

  public var bool: Bool? { kind == .bool ? bytes[0] != 0 : nil }

  public var string: String? { kind == .string ? String(decoding: bytes[8...], as: UTF8.self) : nil }

  /// The texts of a list of texts, as bytes: tokens need not be UTF-8.
  public var strings: [[UInt8]]? {
    guard let (kind, count) = list, kind == .string else { return nil }
    var texts: [[UInt8]] = []
    texts.reserveCapacity(count)
    var at = 12
    for _ in 0..<count {
      let length = number(at: at)
      texts.append(Array(bytes[at + 8..<at + 8 + length]))
      at += 8 + length
    }
    return texts
  }

  /// The numbers of a list of numbers.
  public var doubles: [Double]? {
    guard let (kind, count) = list, let size = kind.size else { return nil }
    return (0..<count).compactMap { index in
      let at = 12 + index * size
      return GGUFField(kind: kind, bytes: Array(bytes[at..<at + size])).double
    }
  }

  /// What a list is of, and how many.
  private var list: (Kind, Int)? {
    guard kind == .array else { return nil }
    let type = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self).littleEndian }
    return Kind(rawValue: type).map { ($0, number(at: 4)) }
  }

  private func number(at: Int) -> Int {
    bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian) }
  }
}

// MARK: - From a file

extension GGUFReader {
  /// The most bytes that metadata may take: vocabularies have some millions.
  static let maximumMetadata = 1 << 30

  /// Reads the type and the value of `key`, whatever the file's version and byte order.
  ///
  /// - Parameter room: bytes that metadata may still take; lessened by those read.
  func field(_ key: String, room: inout Int) throws(CheckpointError) -> GGUFField {
    let kind = try self.kind(of: key)
    var bytes: [UInt8] = []
    try append(kind, of: key, depth: 0, to: &bytes, room: room)
    room -= bytes.count
    return GGUFField(kind: kind, bytes: bytes)
  }

  private func kind(of key: String) throws(CheckpointError) -> GGUFField.Kind {
    let number: UInt32 = try base.integer()
    guard let kind = GGUFField.Kind(rawValue: number) else {
      throw base.fail("the key '\(key)' has the unknown value type \(number)")
    }
    return kind
  }

  private func append(
    _ kind: GGUFField.Kind, of key: String, depth: Int, to bytes: inout [UInt8], room: Int
  ) throws(CheckpointError) {
    switch kind {
    case .u8, .i8, .bool: bytes.append(try base.u8())
    case .u16, .i16: bytes += littleEndian(try base.integer(UInt16.self))
    case .u32, .i32, .f32: bytes += littleEndian(try base.integer(UInt32.self))
    case .u64, .i64, .f64: bytes += littleEndian(try base.integer(UInt64.self))
    case .string:
      let count = try length(of: "the value of '\(key)'")
      guard bytes.count + count <= room else { throw tooLong(key) }
      bytes += littleEndian(UInt64(count))
      bytes += try base.bytesCopied(count)
    case .array:
      guard depth < GGUFValue.maximumDepth else { throw base.fail("the key '\(key)' has lists nested too deep") }
      let inner = try self.kind(of: key)
      let claimed = try count()
      let least = UInt64(inner.size ?? countSize)
      guard claimed <= UInt64(base.remaining) / least else {
        throw base.fail("the key '\(key)' claims a list of \(claimed), more than is left of the file")
      }
      let count = Int(claimed)
      bytes += littleEndian(inner.rawValue) + littleEndian(claimed)
      if let size = inner.size, size == 1 || !base.isBigEndian {
        guard bytes.count + count * size <= room else { throw tooLong(key) }
        bytes += try base.bytesCopied(count * size)
      } else {
        for _ in 0..<count {
          guard bytes.count < room else { throw tooLong(key) }
          try append(inner, of: key, depth: depth + 1, to: &bytes, room: room)
        }
      }
    }
  }

  private func tooLong(_ key: String) -> CheckpointError {
    base.fail("metadata up to '\(key)' takes more than \(Self.maximumMetadata >> 20) MiB")
  }
}

extension Checkpoint {
  /// The metadata of a GGUF file whole, in its order; of a split one its first part's.
  ///
  /// - Throws: where the file changed since it was opened.
  /// - Precondition: the checkpoint is GGUF.
  public func ggufFields() throws(CheckpointError) -> [(key: String, value: GGUFField)] {
    precondition(format == .gguf)
    let reader = try GGUFReader(files[0])
    _ = try reader.count()
    let keyCount = try reader.count()
    var fields: [(key: String, value: GGUFField)] = []
    var room = GGUFReader.maximumMetadata
    for _ in 0..<keyCount {
      let key = try reader.string(of: "a key")
      fields.append((key, try reader.field(key, room: &room)))
    }
    return fields
  }
}
