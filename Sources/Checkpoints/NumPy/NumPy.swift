internal import FileAccess
internal import Numerics

/// One array of NumPy's (numpy.lib.format):
///
///     "\x93NUMPY"  u8 major  u8 minor  header length (u16, from version 2 on u32)
///     a Python dictionary as text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
///     the values
enum NumPy: CheckpointFormat {
  static let signature: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool { head.starts(with: signature) }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let header = try Header(file, name: nil) { offset, count throws(CheckpointError) in
      try file.copy(offset: offset, count: count)
    }
    let base = file.path.split(separator: "/").last.map(String.init) ?? file.path
    let name = base.hasSuffix(".npy") ? String(base.dropLast(4)) : base
    let tensor = try header.tensor(
      file, name, room: file.size - header.size, location: .file(0, offset: header.size))
    return Checkpoint(
      path: file.path, format: .npy, files: [file], metadata: [], tensors: [tensor],
      layers: Layer.grouped([tensor], .npy), graph: nil)
  }
}

extension NumPy {
  /// What stands before an array's values.
  struct Header {
    /// `nil` for text, objects and records, which are no numbers.
    let type: ElementType?
    /// What the array holds where it is none of numbers.
    let kind: String
    let shape: [Int]
    let layout: Tensor.Layout
    /// Bytes before the values.
    let size: Int

    /// NumPy itself refuses longer ones.
    private static let maximumSize = 10_000 + 64

    /// Reads the header of the array `name` (`nil`: the file's only one) through `copy(offset, count)`, which
    /// counts from the array's first byte.
    init(
      _ file: MappedFile, name: String?, copy: (Int, Int) throws(CheckpointError) -> [UInt8]
    ) throws(CheckpointError) {
      func fail(_ reason: String) -> CheckpointError {
        CheckpointError(file: file.path, tensor: name, reason)
      }
      let prefix = try copy(0, 12)
      guard prefix.starts(with: NumPy.signature) else {
        throw fail("is no NumPy array: its signature is missing")
      }
      guard (1...3).contains(prefix[6]) else {
        throw fail("is of NumPy format version \(prefix[6]); 1 to 3 are read")
      }
      var length = Int(prefix[8]) | Int(prefix[9]) << 8
      if prefix[6] > 1 { length |= Int(prefix[10]) << 16 | Int(prefix[11]) << 24 }
      let start = prefix[6] > 1 ? 12 : 10
      guard length <= Self.maximumSize else {
        throw fail("claims a header of \(bytes(length)); NumPy allows 10000")
      }
      var scanner = PythonLiteral(try copy(start, length), file: file.path, name: name)
      let (description, isColumnMajor, shape) = try scanner.header()
      let found = Self.elementType(description)
      let isBigEndian = found?.1 ?? false
      type = found?.0
      kind = "\(Self.kind(description)) ('\(shortened(description))')"
      self.shape = shape
      layout = Tensor.Layout(
        isBigEndian: isBigEndian,
        strides: isColumnMajor && shape.count > 1 ? Tensor.Layout.columnMajor(shape) : nil)
      size = start + length
    }

    /// The tensor of this header, whose values have `room` bytes.
    func tensor(
      _ file: MappedFile, _ name: String, room: Int, location: Tensor.Location
    ) throws(CheckpointError) -> Tensor {
      guard let type else {
        throw CheckpointError(file: file.path, tensor: name, "holds \(kind); numbers and booleans are read")
      }
      guard let count = Tensor.count(of: shape), let byteCount = type.byteCount(of: count) else {
        throw CheckpointError(
          file: file.path, tensor: name, "has the shape \(shape), whose product overflows")
      }
      guard byteCount <= room else {
        throw CheckpointError(
          file: file.path, tensor: name,
          "takes \(bytes(byteCount)) as \(type) \(shape), but has \(room): cut short?")
      }
      return Tensor(
        name: name, type: type, shape: shape, count: count, byteCount: byteCount, location: location,
        layout: layout)
    }

    /// The type that an array-protocol description such as `<f4` names, and whether it is big-endian.
    static func elementType(_ description: String) -> (ElementType, Bool)? {
      let isBigEndian = description.hasPrefix(">")
      let bare = description.drop { "<>|=".contains($0) }
      let types: [String: ElementType] = [
        "f2": .f16, "f4": .f32, "f8": .f64, "i1": .i8, "i2": .i16, "i4": .i32, "i8": .i64, "u1": .u8,
        "u2": .u16,
        "u4": .u32, "u8": .u64, "b1": .bool, "c8": .complex64, "c16": .complex128,
      ]
      guard let type = types[String(bare)], !isBigEndian || !"\(bare)".hasPrefix("c") else { return nil }
      return (type, isBigEndian)
    }

    /// What other descriptions stand for, in words.
    static func kind(_ description: String) -> String {
      switch description.first(where: { !"<>|=".contains($0) }) {
      case "O": "Python objects"
      case "S", "a", "U": "text"
      case "V": "raw or structured records"
      case "M", "m": "times"
      case "[": "structured records"
      default: "an unknown type"
      }
    }
  }
}
