internal import FileAccess
public import Numerics

/// A named array in a checkpoint: what it is and where its bytes lie. It holds none of them.
public struct Tensor: Sendable, Hashable {
  /// The name as the file has it, verbatim; for the screen see `printable`. Put together anew each time that it is asked
  /// for: what looks at many names looks at `storedName`.
  public var name: String { String(storedName) }
  let storedName: Name
  /// As numpy prints it: outermost first, scalars `[]` (GGUF's dimensions reversed).
  public let shape: [Int]
  /// Product of `shape`.
  public let count: Int
  /// Bytes of the values as stored (before a container's compression); of a view, those of all its elements.
  public let byteCount: Int
  /// Of few tensors, and so apart.
  private let laidOut: LayoutBox?
  public let location: Location
  // Last, where it takes the room that is left.
  public let type: ElementType

  public var layout: Layout { laidOut?.layout ?? .plain }

  /// Where the bytes are.
  public enum Location: Sendable, Hashable {
    /// In the checkpoint's file number `file`, from byte `offset`.
    case file(Int, offset: Int)
    /// Decoded from a field that has no plain byte range (ONNX's typed fields): bytes of `type`, little-endian.
    case inline([UInt8])
    /// In file number `file`, deflated (RFC 1951): `length` bytes from `offset` on, and the values begin after
    /// the first `skip` bytes that come out.
    indirect case deflated(Int, offset: Int, length: Int, skip: Int)
  }

  /// How the values lie in their bytes; `plain` in most files.
  public struct Layout: Sendable, Hashable {
    public let isBigEndian: Bool
    /// How many numbers lie between neighbours along each axis of the shape: NumPy's Fortran order, PyTorch's
    /// views. An axis of stride 0 repeats the same numbers. `nil` where all lie one after another in C order.
    public let strides: [Int]?
    /// What a view of PyTorch's changes of its storage's numbers.
    public let view: View

    public enum View: Sendable, Hashable {
      case plain
      /// Every number with the other sign (`torch._neg_view`).
      case negative
      /// Complex numbers with the imaginary part's other sign (`conj`).
      case conjugate
    }

    public init(isBigEndian: Bool = false, strides: [Int]? = nil, view: View = .plain) {
      self.isBigEndian = isBigEndian
      self.strides = strides
      self.view = view
    }

    public static let plain = Layout()

    /// The strides of Fortran order, in which the first index runs fastest.
    static func columnMajor(_ shape: [Int]) -> [Int] {
      var step = 1
      return shape.map { extent in
        defer { step = step.multipliedReportingOverflow(by: max(1, extent)).partialValue }
        return step
      }
    }
  }

  public init(
    name: String, type: ElementType, shape: [Int], count: Int, byteCount: Int, location: Location,
    layout: Layout = .plain
  ) {
    self.init(
      Name(name), type: type, shape: shape, count: count, byteCount: byteCount, location: location, layout: layout)
  }

  init(
    _ name: Name, type: ElementType, shape: [Int], count: Int, byteCount: Int, location: Location,
    layout: Layout = .plain
  ) {
    storedName = name
    self.type = type
    self.shape = shape
    self.count = count
    self.byteCount = byteCount
    self.location = location
    laidOut = layout == .plain ? nil : layout == LayoutBox.bigEndian.layout ? .bigEndian : LayoutBox(layout)
  }
}

/// A layout in a place of its own: a checkpoint has many tensors, and nearly all are plain.
private final class LayoutBox: Sendable, Hashable {
  let layout: Tensor.Layout
  static let bigEndian = LayoutBox(Tensor.Layout(isBigEndian: true))

  init(_ layout: Tensor.Layout) { self.layout = layout }

  static func == (a: LayoutBox, b: LayoutBox) -> Bool { a.layout == b.layout }
  func hash(into hasher: inout Hasher) { hasher.combine(layout) }
}
