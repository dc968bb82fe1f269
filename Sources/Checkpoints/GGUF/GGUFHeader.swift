public import Numerics

/// The header of a GGUF file to be written: version 3, little-endian (ggml's docs/gguf.md).
///
/// Its size, the tensors' places and the file's size follow from it before any weight is read.
public struct GGUFHeader: Sendable {
  public private(set) var fields: [(key: String, value: GGUFField)]
  public private(set) var tensors: [Entry]
  /// What the data and each tensor begin at a multiple of.
  public let alignment: Int

  public struct Entry: Sendable, Hashable {
    public var name: String
    /// Outermost first; the last is ggml's first dimension.
    public var shape: [Int]
    public var type: ElementType
    public var byteCount: Int

    public init(name: String, shape: [Int], type: ElementType, byteCount: Int) {
      self.name = name
      self.shape = shape
      self.type = type
      self.byteCount = byteCount
    }
  }

  /// - Parameter fields: `general.alignment` among them, where it is there, says the alignment.
  public init(fields: [(key: String, value: GGUFField)], tensors: [Entry]) {
    self.fields = fields
    self.tensors = tensors
    alignment = fields.first { $0.key == "general.alignment" }?.value.int ?? 32
  }

  /// Where each tensor begins, in bytes from the data's start; and where the data end, the last padding included.
  private var places: (starts: [Int], end: Int) {
    var starts: [Int] = []
    var at = 0
    for tensor in tensors {
      starts.append(at)
      at = aligned(at + tensor.byteCount)
    }
    return (starts, at)
  }

  private func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  /// The header's bytes, padded to the alignment; where each tensor begins in the file; the file's size.
  public func encoded() -> (bytes: [UInt8], starts: [Int], fileSize: Int) {
    let places = places
    var bytes = Array("GGUF".utf8) + littleEndian(UInt32(3))
    bytes += littleEndian(UInt64(tensors.count)) + littleEndian(UInt64(fields.count))
    for (key, value) in fields {
      bytes += GGUFField.text(Array(key.utf8)) + littleEndian(value.kind.rawValue)
      bytes += value.bytes
    }
    for (tensor, start) in zip(tensors, places.starts) {
      bytes += GGUFField.text(Array(tensor.name.utf8)) + littleEndian(UInt32(tensor.shape.count))
      for extent in tensor.shape.reversed() { bytes += littleEndian(UInt64(extent)) }
      bytes += littleEndian(GGUF.number(of: tensor.type) ?? 0) + littleEndian(UInt64(start))
    }
    bytes += [UInt8](repeating: 0, count: aligned(bytes.count) - bytes.count)
    return (bytes, places.starts.map { $0 + bytes.count }, bytes.count + places.end)
  }
}

extension GGUF {
  /// ggml's number of a type; `nil` for a type that it does not have.
  static func number(of type: ElementType) -> UInt32? {
    switch type {
    case .f32: 0
    case .f16: 1
    case .i8: 24
    case .i16: 25
    case .i32: 26
    case .i64: 27
    case .f64: 28
    case .bf16: 30
    case .ggml(let type): type.rawValue
    default: nil
    }
  }
}

extension ElementType {
  /// Whether a GGUF file can hold numbers of this type.
  public var isInGGUF: Bool { GGUF.number(of: self) != nil }
}
