internal import FileAccess
public import Numerics

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

extension ElementType {
  /// What safetensors calls it; `nil` for a type that it does not have.
  public var safetensorsName: String? { Safetensors.types.first { $0.value == self }?.key }
}

extension Safetensors {
  /// The header of one file, checked.
  struct Header {
    let metadata: [(key: String, value: String)]
    let tensors: [Tensor]
    /// The tensors by their names.
    let names: TensorNames
    private let file: MappedFile
    /// Where the tensors begin.
    private let dataStart: Int
    private let number: Int

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
      let entries =
        if let found = Entries.together(file, number, 8..<dataStart) { found } else {
          try Entries(file, number, 8..<dataStart)
        }
      (metadata, tensors) = (entries.metadata, entries.tensors)
      names = try TensorList.checkNames(tensors, file.path)
      try checkLayout()
    }

    /// The tensors fill the file, without holes and without overlap.
    private func checkLayout() throws(CheckpointError) {
      try TensorList.checkOverlap(tensors, in: number, file.path)
      var held = 0
      let tensors = tensors.span
      for index in tensors.indices { held += tensors[index].byteCount }
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
