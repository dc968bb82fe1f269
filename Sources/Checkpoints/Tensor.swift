internal import FileAccess
public import Numerics

/// A named array in a checkpoint: what it is and where its bytes lie. It holds none of them.
public struct Tensor: Sendable, Hashable {
  /// The name as the file has it, verbatim; for the screen see `printable`. Put together anew each time that it is asked
  /// for: what looks at many names looks at `storedName`.
  public var name: String { String(storedName) }
  let storedName: Name
  let form: TensorForm
  private let place: Place

  /// As numpy prints it: outermost first, scalars `[]` (GGUF's dimensions reversed).
  public var shape: [Int] { form.shape }
  /// Product of `shape`.
  public var count: Int { form.count }
  /// Bytes of the values as stored (before a container's compression); of a view, those of all its elements.
  public var byteCount: Int { form.byteCount }
  public var type: ElementType { form.type }
  public var layout: Layout { form.layout }
  public var location: Location { place.location }

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
    self.init(
      name, TensorForm(type: type, shape: shape, count: count, byteCount: byteCount, layout: layout), at: location)
  }

  init(_ name: Name, _ form: TensorForm, at location: Location) {
    storedName = name
    self.form = form
    place = Place(location)
  }

  /// Whether its name is that of a bias.
  package var isNamedBias: Bool {
    storedName.withLentBytes { name in
      name.isWord("bias") || name.ends(with: ".bias") || name.ends(with: "_bias") || name.ends(with: "/bias")
    }
  }
}

/// A location as a checkpoint of many tensors keeps it: what is no plain run of bytes stands apart.
private enum Place: Sendable, Hashable {
  case file(offset: Int, Int32)
  case apart(Boxed<Tensor.Location>)

  init(_ location: Tensor.Location) {
    if case .file(let file, let offset) = location, let number = Int32(exactly: file) {
      self = .file(offset: offset, number)
    } else {
      self = .apart(Boxed(location))
    }
  }

  var location: Tensor.Location {
    switch self {
    case .file(let offset, let file): .file(Int(file), offset: offset)
    case .apart(let box): box.value
    }
  }
}
