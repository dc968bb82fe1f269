public import Numerics

/// A named array in a checkpoint: what it is and where its bytes lie. It holds none of them.
public struct Tensor: Sendable, Hashable {
  /// The name as the file has it, verbatim; for the screen see `printable`.
  public let name: String
  public let type: ElementType
  /// As numpy prints it: outermost first, scalars `[]` (GGUF's dimensions reversed).
  public let shape: [Int]
  /// Product of `shape`.
  public let count: Int
  /// Bytes of the values as stored (before a container's compression).
  public let byteCount: Int
  public let location: Location
  public let layout: Layout

  /// Where the bytes are.
  public enum Location: Sendable, Hashable {
    /// In the checkpoint's file number `file`, from byte `offset`.
    case file(Int, offset: Int)
    /// Decoded from a field that has no plain byte range (ONNX's typed fields): bytes of `type`, little-endian.
    case inline([UInt8])
    /// In file number `file`, deflated (RFC 1951): `length` bytes from `offset` on, and the values begin after
    /// the first `skip` bytes that come out.
    case deflated(Int, offset: Int, length: Int, skip: Int)
  }

  /// How the values lie in their bytes; `plain` everywhere but in NumPy's files.
  public struct Layout: Sendable, Hashable {
    public let isBigEndian: Bool
    /// Whether the first index runs fastest (Fortran order).
    public let isColumnMajor: Bool

    public init(isBigEndian: Bool, isColumnMajor: Bool) {
      self.isBigEndian = isBigEndian
      self.isColumnMajor = isColumnMajor
    }

    public static let plain = Layout(isBigEndian: false, isColumnMajor: false)
  }

  public init(
    name: String, type: ElementType, shape: [Int], count: Int, byteCount: Int, location: Location,
    layout: Layout = .plain
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.count = count
    self.byteCount = byteCount
    self.location = location
    self.layout = layout
  }
}
