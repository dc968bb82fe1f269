internal import FileAccess
internal import Numerics

/// GGUF versions 1 to 3 (ggml's docs/gguf.md); the counts are those of versions 2 and 3, see `GGUFReader`.
///
///     "GGUF"  u32 version  u64 tensors  u64 keys
///     keys:     string key, u32 type, value          string: u64 length, UTF-8
///     tensors:  string name, u32 dimensions, u64 each (innermost first), u32 ggml type, u64 offset
///     padding to general.alignment (32), then the tensors, their offsets counted from here
///
/// A model may be split over files: see `GGUFSplit`.
enum GGUF: CheckpointFormat {
  /// The most dimensions that ggml's tensors have.
  private static let maximumDimensions = 4
  private static let defaultAlignment = 32

  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool { head.starts(with: "GGUF".utf8) }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    var part = try Part(file, number: 0)
    var files = [file]
    var names: TensorNames? = part.names
    if let split = try GGUFSplit(part, file) {
      names = nil
      (part, files) = try split.joined(part, file)
    }
    return Checkpoint(
      path: file.path, format: .gguf, files: files, metadata: part.metadata, tensors: part.tensors,
      layers: Layer.grouped(part.tensors, .gguf, names), graph: nil, ties: [:])
  }

  /// What one file holds.
  struct Part {
    var metadata: [(key: String, value: String)] = []
    var tensors: [Tensor] = []
    /// The tensors by their names.
    private(set) var names = TensorNames([])

    /// Reads the header of file number `number` of a checkpoint.
    init(_ file: MappedFile, number: Int) throws(CheckpointError) {
      let reader = try GGUFReader(file)
      let (tensorCount, keyCount) = try readCounts(reader)
      var alignment = defaultAlignment
      var seen = Set<String>()
      for _ in 0..<keyCount {
        let key = try reader.string(of: "a key")
        guard seen.insert(key).inserted else { throw reader.base.fail("the key '\(key)' occurs twice") }
        let value = try GGUFValue.read(reader, key: key)
        metadata.append((key, value.text))
        if key == "general.alignment" { alignment = try checkAlignment(value, reader.base) }
      }

      // Names are checked one by one: a hole in a sparse file reads as endless tensors of no name.
      var names = NameTable(minimumCapacity: 0)
      var isASCII = true
      var entry = Entry()
      for index in 0..<tensorCount {
        let tensor = try readTensor(reader, alignment, &entry)
        let other = tensor.storedName.withBytes { name in
          isASCII = isASCII && name.isASCII
          return names.enter(index, name) { place in tensors[place].storedName.withBytes { $0.isSame(name) } }
        }
        guard other == nil else { throw CheckpointError(file: file.path, tensor: tensor.name, "occurs twice") }
        tensors.append(tensor)
      }
      let headerEnd = reader.base.position
      let dataStart = (headerEnd + alignment - 1) / alignment * alignment
      for index in tensors.indices { tensors[index] = try placed(tensors[index], from: dataStart, file, number) }
      self.names = isASCII ? TensorNames(tensors, names) : try TensorList.checkNames(tensors, file.path)
      try TensorList.checkOverlap(tensors, in: number, file.path)
    }

    /// The value of a key as a whole number.
    func number(_ key: String) -> Int? { metadata.first { $0.key == key }.flatMap { Int($0.value) } }
  }

  private static func readCounts(_ reader: GGUFReader) throws(CheckpointError) -> (tensors: Int, keys: Int) {
    let tensors = try reader.count()
    let keys = try reader.count()
    // The least that an entry takes: a name's length, the number of dimensions, type and offset; a key's length,
    // type and value.
    let room = UInt64(reader.base.remaining)
    let width = UInt64(reader.countSize)
    guard tensors <= room / (width + 16), keys <= room / (width + 5) else {
      throw reader.base.fail("claims \(tensors) tensors and \(keys) keys, more than \(bytes(room)) can hold")
    }
    return (Int(tensors), Int(keys))
  }

  private static func checkAlignment(_ value: GGUFValue, _ reader: FileReader) throws(CheckpointError) -> Int {
    guard case .number(let text) = value, let alignment = Int(text), alignment > 0, alignment <= 1 << 20,
      alignment & (alignment - 1) == 0
    else { throw reader.fail("general.alignment is \(value.text); a power of two up to 1048576 expected") }
    return alignment
  }

  /// Room for a tensor's entry, used again for the next, and what tensors share.
  private struct Entry {
    var name: [UInt8] = []
    var shape: [Int] = []
    var forms = SharedForms()
    let names = NameWriter()
  }

  /// A tensor's entry; its location still counts from the data's start.
  private static func readTensor(
    _ reader: GGUFReader, _ alignment: Int, _ entry: inout Entry
  ) throws(CheckpointError) -> Tensor {
    try reader.string(of: "a tensor's name", into: &entry.name)
    let name = entry.name.withUnsafeBufferPointer { entry.names.write($0) }
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(file: reader.base.file.path, tensor: String(name), reason)
    }
    let dimensions: UInt32 = try reader.base.integer()
    guard dimensions <= maximumDimensions else {
      throw fail("has \(dimensions) dimensions; ggml's tensors have at most \(maximumDimensions)")
    }
    entry.shape.removeAll(keepingCapacity: true)
    for _ in 0..<dimensions {
      let extent = try reader.count()
      guard let extent = Int(exactly: extent) else { throw fail("has an extent of \(extent)") }
      entry.shape.append(extent)
    }
    entry.shape.reverse()
    let number: UInt32 = try reader.base.integer()
    guard let type = elementType(number) else { throw fail("has ggml type \(number), which is not known") }
    let offset: UInt64 = try reader.base.integer()
    let layout = Tensor.Layout(isBigEndian: reader.base.isBigEndian)
    let known = entry.forms.recent(type, entry.shape, layout)
    let form = if let known { known } else { try newForm(type, layout, &entry, fail) }
    guard let offset = Int(exactly: offset), offset % alignment == 0 else {
      throw fail("begins at byte \(offset) of the data, no multiple of the alignment \(alignment)")
    }
    return Tensor(name, form, at: .file(0, offset: offset))
  }

  private static func newForm(
    _ type: ElementType, _ layout: Tensor.Layout, _ entry: inout Entry, _ fail: (String) -> CheckpointError
  ) throws(CheckpointError) -> TensorForm {
    let shape = entry.shape
    guard let count = Tensor.count(of: shape), let byteCount = type.byteCount(of: count) else {
      throw fail("has the shape \(shape), whose product overflows")
    }
    guard (shape.last ?? 1) % type.block.weights == 0 else {
      throw fail("has rows of \(shape.last ?? 1), no multiple of \(type)'s block of \(type.block.weights)")
    }
    return entry.forms.shared(
      TensorForm(type: type, shape: shape, count: count, byteCount: byteCount, layout: layout))
  }

  private static func placed(
    _ tensor: Tensor, from dataStart: Int, _ file: MappedFile, _ number: Int
  ) throws(CheckpointError) -> Tensor {
    guard case .file(_, let offset) = tensor.location else { return tensor }
    let room = max(0, file.size - dataStart)
    guard offset <= room, tensor.byteCount <= room - offset else {
      throw CheckpointError(
        file: file.path, tensor: tensor.name,
        "takes \(bytes(tensor.byteCount)) from byte \(offset) of the data on, but the file has only \(room): cut short?"
      )
    }
    return Tensor(tensor.storedName, tensor.form, at: .file(number, offset: dataStart + offset))
  }

  /// The type that ggml numbers so (`enum ggml_type`); numbers that it has given up have none.
  static func elementType(_ number: UInt32) -> ElementType? {
    switch number {
    case 0: .f32
    case 1: .f16
    case 24: .i8
    case 25: .i16
    case 26: .i32
    case 27: .i64
    case 28: .f64
    case 30: .bf16
    default: BlockType(rawValue: number).map { .ggml($0) }
    }
  }
}
