internal import FileAccess
internal import Numerics

/// Reads TensorProto and collects a model's tensors and the files that hold them:
///
///     1 dims  2 data_type  4 float_data  5 int32_data  7 int64_data  8 name  9 raw_data  10 double_data
///     11 uint64_data  13 external_data {1 key, 2 value}  14 data_location (1: external)
///
/// raw_data is little-endian and stays in the file; of the typed fields, those of fixed width stay there too,
/// varints are unpacked.
final class ONNXTensorReader {
  var reader: FileReader
  private(set) var files: [MappedFile]
  private(set) var tensors: [Tensor] = []
  /// Names of tensors of text, which have no numbers to list.
  private(set) var textTensors: [String] = []
  /// The names in use, which share their texts with the graph's.
  private var taken = Set<String>()
  let texts = ONNXTexts()
  let names = NameWriter()
  private var forms = SharedForms()
  private var fileNumbers: [String: Int] = [:]

  init(_ reader: FileReader) {
    self.reader = reader
    files = [reader.file]
  }

  /// TensorProto.DataType.
  enum Kind {
    case numbers(ElementType)
    case text

    init?(number: Int) {
      let types: [Int: ElementType] = [
        1: .f32, 2: .u8, 3: .i8, 4: .u16, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 12: .u32,
        13: .u64,
        14: .complex64, 15: .complex128, 16: .bf16, 17: .f8e4m3, 18: .f8e4m3fnuz, 19: .f8e5m2,
        20: .f8e5m2fnuz,
        21: .u4, 22: .i4, 23: .f4e2m1, 24: .f8e8m0, 25: .u2, 26: .i2, 27: .f6e2m3, 28: .f6e3m2,
      ]
      if number == 8 {
        self = .text
      } else if let type = types[number] {
        self = .numbers(type)
      } else {
        return nil
      }
    }

    var elementType: ElementType? {
      if case .numbers(let type) = self { type } else { nil }
    }
  }

  /// Adds a tensor to the model's list; returns its index.
  ///
  /// - Parameter own: the tensor's name as the graph has it.
  func list(_ tensor: Tensor, _ own: String, path: String) -> Int {
    let name = Layer.unique(taken.contains(own) ? path + own : own, &taken)
    tensors.append(name == tensor.name ? tensor : tensor.renamed(names.write(name)))
    return tensors.count - 1
  }

  /// Lists a SparseTensorProto (1 values, a TensorProto; 2 indices; 3 dims) by its parts: the values that are not
  /// zero under its name, and where they stand under `NAME.indices`.
  func readSparse(_ field: ProtobufField, path: String) throws(CheckpointError) {
    var (values, indices): (Tensor?, Tensor?) = (nil, nil)
    let outer = try reader.beginMessage(field)
    while let field = try reader.nextField() {
      switch field.number {
      case 1: values = try read(field)
      case 2: indices = try read(field)
      default: try reader.skip(field)
      }
    }
    reader.leave(outer)
    guard let values else { return }
    _ = list(values, values.name, path: path)
    if let indices { _ = list(indices, "\(values.name).indices", path: path) }
  }

  /// What a TensorProto holds before it is checked.
  private struct Fields {
    var name = ""
    var type = 0
    var shape: [Int] = []
    /// Where its bytes lie in the file.
    var range: Range<Int>?
    /// Values of typed fields that came as varints or in pieces.
    var unpacked: [UInt8] = []
    var external: [(key: String, value: String)] = []
    var isExternal = false
  }

  /// The tensor that is the field's value; `nil` where it holds text.
  func read(_ field: ProtobufField) throws(CheckpointError) -> Tensor? {
    var fields = Fields()
    let outer = try reader.beginMessage(field)
    let start = reader.position
    // The type says how varints are stored, and may come after them: hence two passes.
    while let field = try reader.nextField() {
      switch field.number {
      case 1: try reader.ints(field, into: &fields.shape)
      case 2: fields.type = try reader.int(field)
      case 8: fields.name = try reader.text(field)
      case 9:
        let length = try reader.fieldLength(field)
        fields.range = reader.position..<reader.position + length
        try reader.skip(length)
      case 13: fields.external.append(try ONNX.property(reader, field))
      case 14: fields.isExternal = try reader.int(field) == 1
      default: try reader.skip(field)
      }
    }
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(file: reader.file.path, tensor: fields.name, reason)
    }
    guard let kind = Kind(number: fields.type) else { throw fail("has the unknown ONNX type \(fields.type)") }
    guard case .numbers(let type) = kind else {
      textTensors.append(fields.name)
      reader.leave(outer)
      return nil
    }
    guard let count = Tensor.count(of: fields.shape), let byteCount = type.byteCount(of: count) else {
      throw fail("has the shape \(fields.shape), which has a negative extent or overflows")
    }
    if fields.range == nil, !fields.isExternal {
      reader.seek(to: start..<reader.end)
      try readTyped(type, isSix(type) ? count : byteCount, &fields)
      if isSix(type), fields.unpacked.count == count { fields.unpacked = packedSixes(fields.unpacked) }
    }
    reader.leave(outer)
    let location: Tensor.Location
    if fields.isExternal {
      location = try externalLocation(fields, byteCount)
    } else if let range = fields.range {
      guard range.count == byteCount else {
        throw fail("has \(bytes(range.count)), but \(type) \(fields.shape) takes \(byteCount)")
      }
      location = .file(0, offset: range.lowerBound)
    } else {
      guard fields.unpacked.count == byteCount else {
        throw fail(
          "has values of \(bytes(fields.unpacked.count)), but \(type) \(fields.shape) takes \(byteCount)")
      }
      location = .inline(fields.unpacked)
    }
    let form =
      forms.recent(type, fields.shape)
      ?? forms.shared(TensorForm(type: type, shape: fields.shape, count: count, byteCount: byteCount))
    return Tensor(names.write(fields.name), form, at: location)
  }

  /// Numbers of six bits come as one code an int32, where smaller ones come as whole bytes.
  private func isSix(_ type: ElementType) -> Bool { type == .f6e2m3 || type == .f6e3m2 }

  private func packedSixes(_ codes: [UInt8]) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: (codes.count * 6 + 7) / 8)
    for (index, code) in codes.enumerated() {
      let bits = UInt16(code & 63) << UInt16(index * 6 % 8)
      packed[index * 6 / 8] |= UInt8(truncatingIfNeeded: bits)
      if bits > 255 { packed[index * 6 / 8 + 1] |= UInt8(bits >> 8) }
    }
    return packed
  }

  /// Reads the typed fields of a tensor of `byteCount` bytes; no more than that is ever held.
  private func readTyped(_ type: ElementType, _ byteCount: Int, _ fields: inout Fields)
    throws(CheckpointError)
  {
    while let field = try reader.nextField() {
      switch (field.number, field.wire) {
      case (4, .bytes), (10, .bytes):
        let length = try reader.fieldLength(field)
        let range = reader.position..<reader.position + length
        if length == byteCount, fields.unpacked.isEmpty {
          fields.range = range
          try reader.skip(length)
        } else {
          guard length <= byteCount - fields.unpacked.count else { throw tooMany(fields, byteCount) }
          fields.unpacked += try reader.bytesCopied(length)
        }
      case (4, .fixed32), (10, .fixed64):
        let width = field.number == 4 ? 4 : 8
        guard fields.unpacked.count <= byteCount - width else { throw tooMany(fields, byteCount) }
        fields.unpacked += try reader.bytesCopied(width)
      case (5, _), (7, _), (11, _):
        var more: [UInt8] = []
        swap(&more, &fields.unpacked)
        try unpack(field, width: isSix(type) ? 1 : type.block.bytes, limit: byteCount, fields, into: &more)
        fields.unpacked = more
      default: try reader.skip(field)
      }
    }
  }

  /// Varints, packed or single, each to `width` little-endian bytes (sub-byte types hold a whole byte each).
  private func unpack(
    _ field: ProtobufField, width: Int, limit: Int, _ fields: Fields, into list: inout [UInt8]
  ) throws(CheckpointError) {
    let outer = field.wire == .bytes ? try reader.beginMessage(field) : reader.end
    repeat {
      if field.wire == .bytes, reader.remaining == 0 { break }
      let value =
        field.wire == .bytes ? try reader.varint() : UInt64(bitPattern: Int64(try reader.int(field)))
      guard list.count <= limit - width else { throw tooMany(fields, limit) }
      for byte in 0..<width { list.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * min(byte, 7)))) }
    } while field.wire == .bytes
    if field.wire == .bytes { reader.leave(outer) }
  }

  private func tooMany(_ fields: Fields, _ byteCount: Int) -> CheckpointError {
    CheckpointError(
      file: reader.file.path, tensor: fields.name,
      "has more values than its shape \(fields.shape) (\(bytes(byteCount)))")
  }

  /// Where a tensor in another file lies: `location` (a file in the model's folder), `offset`, `length`, of which 0 means
  /// all that is left, as onnxruntime has it.
  private func externalLocation(_ fields: Fields, _ byteCount: Int) throws(CheckpointError) -> Tensor.Location {
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(file: reader.file.path, tensor: fields.name, reason)
    }
    func value(_ key: String) -> String? { fields.external.first { $0.key == key }?.value }
    guard let name = value("location"), !name.isEmpty else {
      throw fail("has external data without a location")
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.hasPrefix("/"), !parts.contains(".."), !name.utf8.contains(0) else {
      throw fail("has its data in '\(name)'; only files in the model's folder are read")
    }
    let offset =
      try value("offset").map { text throws(CheckpointError) in
        guard let offset = Int(text), offset >= 0 else { throw fail("has the external offset '\(text)'") }
        return offset
      } ?? 0
    if let text = value("length"), let length = Int(text), length != 0, length != byteCount {
      throw fail("has \(bytes(length)) in '\(name)', but its type and shape take \(byteCount)")
    }
    let number: Int
    if let known = fileNumbers[name] {
      number = known
    } else {
      files.append(try MappedFile("\(folder(of: reader.file.path))/\(name)"))
      number = files.count - 1
      fileNumbers[name] = number
    }
    let size = files[number].size
    guard offset <= size, byteCount <= size - offset else {
      throw fail("takes \(bytes(byteCount)) from byte \(offset) of '\(name)' on, which has only \(size)")
    }
    return .file(number, offset: offset)
  }
}

extension Tensor {
  /// The same under another name.
  func renamed(_ name: Name) -> Tensor { Tensor(name, form, at: location) }

  /// The same with its bytes read in another way.
  func laidOut(_ layout: Layout) -> Tensor {
    Tensor(
      storedName, type: type, shape: shape, count: count, byteCount: byteCount, location: location, layout: layout)
  }
}
