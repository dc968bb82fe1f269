internal import Numerics

/// GGUF versions 2 and 3, little-endian (ggml's docs/gguf.md).
///
///     "GGUF"  u32 version  u64 tensors  u64 keys
///     keys:     string key, u32 type, value          string: u64 length, UTF-8
///     tensors:  string name, u32 dimensions, u64 each (innermost first), u32 ggml type, u64 offset
///     padding to general.alignment (32), then the tensors, their offsets counted from here
enum GGUF: CheckpointFormat {
  /// The most dimensions that ggml's tensors have.
  private static let maximumDimensions = 4
  private static let defaultAlignment = 32

  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool { head.starts(with: "GGUF".utf8) }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let reader = FileReader(file, from: 4, part: "GGUF header")
    let (tensorCount, keyCount) = try readCounts(reader)

    var metadata: [(key: String, value: String)] = []
    var alignment = defaultAlignment
    var seen = Set<String>()
    for _ in 0..<keyCount {
      let key = try readString(reader, of: "a key")
      guard seen.insert(key).inserted else { throw reader.fail("the key '\(key)' occurs twice") }
      let value = try GGUFValue.read(reader, key: key)
      metadata.append((key, value.text))
      if key == "general.alignment" { alignment = try checkAlignment(value, reader) }
    }

    var tensors: [Tensor] = []
    // Names are checked one by one: a hole in a sparse file reads as endless tensors of no name.
    var names = Set<String>()
    for _ in 0..<tensorCount {
      let tensor = try readTensor(reader, alignment)
      guard names.insert(tensor.name).inserted else {
        throw CheckpointError(file: file.path, tensor: tensor.name, "occurs twice")
      }
      tensors.append(tensor)
    }
    let headerEnd = reader.position
    let dataStart = (headerEnd + alignment - 1) / alignment * alignment
    tensors = try tensors.map { tensor throws(CheckpointError) in try placed(tensor, from: dataStart, file) }
    try TensorList.checkOverlap(tensors, in: 0, file.path)
    return Checkpoint(
      path: file.path, format: .gguf, files: [file], metadata: metadata, tensors: tensors,
      layers: Layer.grouped(tensors, .gguf), graph: nil)
  }

  private static func readCounts(_ reader: FileReader) throws(CheckpointError) -> (tensors: Int, keys: Int) {
    let version: UInt32 = try reader.integer()
    switch version {
    case 2, 3: break
    case 1: throw reader.fail("is GGUF version 1; convert it with llama.cpp's scripts (2 and 3 are read)")
    case 0x0200_0000, 0x0300_0000: throw reader.fail("is a big-endian GGUF file; only little-endian is read")
    default: throw reader.fail("is GGUF version \(version); versions 2 and 3 are read")
    }
    let tensors: UInt64 = try reader.integer()
    let keys: UInt64 = try reader.integer()
    // The least that an entry takes.
    let room = UInt64(reader.remaining)
    guard tensors <= room / 24, keys <= room / 13 else {
      throw reader.fail("claims \(tensors) tensors and \(keys) keys, more than \(bytes(room)) can hold")
    }
    return (Int(tensors), Int(keys))
  }

  private static func readString(_ reader: FileReader, of what: String) throws(CheckpointError) -> String {
    let length = try reader.length(try reader.integer(), of: what)
    return try reader.string(length, of: what)
  }

  private static func checkAlignment(_ value: GGUFValue, _ reader: FileReader) throws(CheckpointError) -> Int {
    guard case .number(let text) = value, let alignment = Int(text), alignment > 0, alignment <= 1 << 20,
      alignment & (alignment - 1) == 0
    else { throw reader.fail("general.alignment is \(value.text); a power of two up to 1048576 expected") }
    return alignment
  }

  /// A tensor's entry; its location still counts from the data's start.
  private static func readTensor(_ reader: FileReader, _ alignment: Int) throws(CheckpointError) -> Tensor {
    let name = try readString(reader, of: "a tensor's name")
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(file: reader.file.path, tensor: name, reason)
    }
    let dimensions: UInt32 = try reader.integer()
    guard dimensions <= maximumDimensions else {
      throw fail("has \(dimensions) dimensions; ggml's tensors have at most \(maximumDimensions)")
    }
    var shape: [Int] = []
    for _ in 0..<dimensions {
      let extent: UInt64 = try reader.integer()
      guard let extent = Int(exactly: extent) else { throw fail("has an extent of \(extent)") }
      shape.append(extent)
    }
    shape.reverse()
    let number: UInt32 = try reader.integer()
    guard let type = elementType(number) else { throw fail("has ggml type \(number), which is not known") }
    let offset: UInt64 = try reader.integer()
    guard let count = Tensor.count(of: shape), let byteCount = type.byteCount(of: count) else {
      throw fail("has the shape \(shape), whose product overflows")
    }
    guard (shape.last ?? 1) % type.block.weights == 0 else {
      throw fail("has rows of \(shape.last ?? 1), no multiple of \(type)'s block of \(type.block.weights)")
    }
    guard let offset = Int(exactly: offset), offset % alignment == 0 else {
      throw fail("begins at byte \(offset) of the data, no multiple of the alignment \(alignment)")
    }
    return Tensor(
      name: name, type: type, shape: shape, count: count, byteCount: byteCount,
      location: .file(0, offset: offset))
  }

  private static func placed(
    _ tensor: Tensor, from dataStart: Int, _ file: MappedFile
  ) throws(CheckpointError) -> Tensor {
    guard case .file(_, let offset) = tensor.location else { return tensor }
    let room = max(0, file.size - dataStart)
    guard offset <= room, tensor.byteCount <= room - offset else {
      throw CheckpointError(
        file: file.path, tensor: tensor.name,
        "takes \(bytes(tensor.byteCount)) from byte \(offset) of the data on, but the file has only \(room): cut short?"
      )
    }
    return Tensor(
      name: tensor.name, type: tensor.type, shape: tensor.shape, count: tensor.count,
      byteCount: tensor.byteCount,
      location: .file(0, offset: dataStart + offset))
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
