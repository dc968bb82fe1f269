internal import FileAccess
internal import Numerics

/// safetensors (github.com/huggingface/safetensors, format description).
///
///     u64 little-endian   length n of the header, at most 100 MB
///     n bytes of JSON     {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets": [from, to]}, …}
///     the rest            tensors, row by row, little-endian; offsets count from here, no holes, no overlap
enum Safetensors: CheckpointFormat {
  /// The limit of the reference implementation.
  static let maximumHeader = 100_000_000

  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool {
    // Byte 8 opens the JSON object. Text may have a brace there too: its "length" is that of no file.
    guard head.count > 8, head[8] == UInt8(ascii: "{") else { return false }
    return !head[..<8].allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
  }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let header = try Header(file, number: 0)
    return Checkpoint(
      path: file.path, format: .safetensors, files: [file], metadata: header.metadata,
      tensors: header.tensors,
      layers: Layer.grouped(header.tensors, .safetensors, header.names), graph: nil, ties: [:])
  }

  /// The names of the format's types.
  static let types: [String: ElementType] = [
    "BOOL": .bool, "F4": .f4e2m1, "F6_E2M3": .f6e2m3, "F6_E3M2": .f6e3m2, "U8": .u8, "I8": .i8,
    "F8_E5M2": .f8e5m2, "F8_E4M3": .f8e4m3, "F8_E8M0": .f8e8m0, "F8_E4M3FNUZ": .f8e4m3fnuz,
    "F8_E5M2FNUZ": .f8e5m2fnuz, "I16": .i16, "U16": .u16, "F16": .f16, "BF16": .bf16, "I32": .i32,
    "U32": .u32,
    "F32": .f32, "C64": .complex64, "F64": .f64, "I64": .i64, "U64": .u64,
  ]
}

extension Safetensors {
  /// The header of one file, checked.
  struct Header {
    var metadata: [(key: String, value: String)] = []
    var tensors: [Tensor] = []
    /// The tensors by their names.
    private(set) var names = TensorNames([])
    private let file: MappedFile
    /// Where the tensors begin.
    private let dataStart: Int
    private let number: Int
    private var forms = SharedForms()
    /// The entry that is read, and the type of the last one's.
    private var entry = JSONScanner.TensorEntry()
    private var lastType: (dtype: String, type: ElementType)?

    /// Reads the header of file number `number` of a checkpoint.
    init(_ file: MappedFile, number: Int) throws(CheckpointError) {
      self.file = file
      self.number = number
      func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }
      guard file.size >= 10 else {
        throw fail("is \(bytes(file.size)) long: too short for a safetensors header")
      }
      let prefix = try file.copy(offset: 0, count: 8)
      let claimed = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard claimed <= Safetensors.maximumHeader else {
        throw fail(
          "claims a header of \(bytes(claimed)); a safetensors header has at most \(Safetensors.maximumHeader)"
        )
      }
      guard Int(claimed) <= file.size - 8 else {
        throw fail(
          "is cut short: its header is \(bytes(claimed)) long, but the file only \(bytes(file.size))")
      }
      dataStart = 8 + Int(claimed)
      let text = try file.copy(offset: 8, count: Int(claimed))
      var json = JSONScanner(text, file: file.path, part: "safetensors header", base: 8)
      // An entry has some hundred bytes.
      tensors.reserveCapacity(text.count / 128)
      try json.beginObject()
      let list = NameWriter()
      var key: [UInt8] = []
      while try json.nextKey(into: &key) {
        if key.withUnsafeBufferPointer({ $0.isWord("__metadata__") }) {
          try readMetadata(&json)
        } else {
          tensors.append(try readTensor(key.withUnsafeBufferPointer { list.write($0) }, &json))
        }
      }
      try json.finish()
      names = try TensorList.checkNames(tensors, file.path)
      try checkLayout()
    }

    private mutating func readMetadata(_ json: inout JSONScanner) throws(CheckpointError) {
      try json.beginObject()
      while let key = try json.nextKey() { metadata.append((key, try json.printed())) }
    }

    private mutating func readTensor(_ name: Name, _ json: inout JSONScanner) throws(CheckpointError) -> Tensor {
      let file = file
      func fail(_ reason: String) -> CheckpointError {
        CheckpointError(file: file.path, tensor: String(name), reason)
      }
      if !json.plainEntry(&entry) { try readMembers(&json, fail) }
      if lastType?.dtype != entry.dtype {
        guard let type = Safetensors.types[entry.dtype] else {
          throw fail("has the unknown dtype '\(shortened(entry.dtype))'")
        }
        lastType = (entry.dtype, type)
      }
      guard let type = lastType?.type else { throw fail("has no dtype in the header") }
      guard entry.offsets.count == 2, entry.offsets[0] <= entry.offsets[1] else {
        throw fail("has data_offsets \(entry.offsets.prefix(8)); two offsets expected, the lower one first")
      }
      let known = forms.recent(type, entry.shape)
      let form = if let known { known } else { try newForm(type, entry.shape, fail) }
      let (from, to) = (entry.offsets[0], entry.offsets[1])
      guard to - from == form.byteCount else {
        throw fail("has \(bytes(to - from)), but \(type) \(form.shape) takes \(form.byteCount)")
      }
      guard to <= file.size - dataStart else {
        throw fail(
          "ends \(bytes(to)) after the header, but the file has only \(file.size - dataStart) there: cut short?"
        )
      }
      return Tensor(name, form, at: .file(number, offset: dataStart + from))
    }

    private mutating func newForm(
      _ type: ElementType, _ shape: [Int], _ fail: (String) -> CheckpointError
    ) throws(CheckpointError) -> TensorForm {
      guard let count = Tensor.count(of: shape), let needed = type.byteCount(of: count) else {
        throw fail("has the shape \(shape), whose product overflows")
      }
      guard count % type.block.weights == 0 else {
        throw fail("has \(count) elements of \(type), which fill no whole number of bytes")
      }
      return forms.shared(TensorForm(type: type, shape: shape, count: count, byteCount: needed))
    }

    /// Reads an entry with whatever members it has, in any order; of equal ones the last counts.
    private mutating func readMembers(
      _ json: inout JSONScanner, _ fail: (String) -> CheckpointError
    ) throws(CheckpointError) {
      var dtype: String?
      var shape: [Int]?
      var offsets: [Int] = []
      try json.beginObject()
      while let key = try json.nextKey() {
        switch key {
        case "dtype": dtype = try json.string()
        case "shape": shape = try sizes(&json)
        case "data_offsets": offsets = try sizes(&json)
        default: try json.skip()
        }
      }
      guard let dtype, let shape else { throw fail("has no dtype or no shape in the header") }
      entry = JSONScanner.TensorEntry(dtype: dtype, shape: shape, offsets: offsets)
    }

    private func sizes(_ json: inout JSONScanner) throws(CheckpointError) -> [Int] {
      var sizes: [Int] = []
      try json.beginArray()
      while try json.nextElement() { sizes.append(try json.size()) }
      return sizes
    }

    /// The tensors fill the file, without holes and without overlap.
    private func checkLayout() throws(CheckpointError) {
      try TensorList.checkOverlap(tensors, in: number, file.path)
      let held = tensors.reduce(0) { $0 + $1.byteCount }
      // Without overlap and within the file, so no sum can overflow.
      guard held == file.size - dataStart else {
        throw CheckpointError(
          file: file.path,
          "has \(bytes(file.size - dataStart)) after its header, but its tensors account for \(held): incomplete or damaged"
        )
      }
    }
  }
}
