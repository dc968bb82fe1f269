import Support

/// Writes pickles opcode by opcode, also such as no writer makes.
struct PickleWriter {
  private var writer = ByteWriter([0x80, 2])
  var bytes: [UInt8] { writer.bytes + [UInt8(ascii: ".")] }

  mutating func raw(_ bytes: [UInt8]) { writer.bytes += bytes }
  mutating func code(_ opcodes: String) { writer.text(opcodes) }
  mutating func global(_ module: String, _ name: String) { writer.text("c\(module)\n\(name)\n") }

  mutating func text(_ text: String) {
    writer.text("X")
    writer.integer(UInt32(text.utf8.count))
    writer.text(text)
  }

  mutating func int(_ value: Int) {
    writer.bytes += [0x8A, 8]
    writer.integer(Int64(value))
  }

  mutating func tuple(_ values: [Int]) {
    code("(")
    for value in values { int(value) }
    code("t")
  }

  /// `_rebuild_tensor_v2` of a storage with `count` elements.
  mutating func tensor(
    _ shape: [Int], strides: [Int], offset: Int = 0, storage: String = "FloatStorage", key: String = "0",
    count: Int = 4
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    code("((")
    text("storage")
    global("torch", storage)
    text(key)
    text("cpu")
    int(count)
    code("tQ")
    int(offset)
    tuple(shape)
    tuple(strides)
    writer.bytes.append(0x89)
    code("NtR")
  }

  /// A file as before PyTorch 1.6: this pickle, then the storages, each with its key.
  func file(storages: [(key: String, count: UInt64, bytes: [UInt8])]) -> [UInt8] {
    var head = PickleWriter()
    head.raw([0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19])
    var version = PickleWriter()
    version.int(1001)
    var system = PickleWriter()
    system.code("}")
    var keys = PickleWriter()
    keys.code("](")
    for storage in storages { keys.text(storage.key) }
    keys.code("e")
    var file = ByteWriter(head.bytes + version.bytes + system.bytes + bytes + keys.bytes)
    for storage in storages {
      file.integer(storage.count)
      file.bytes += storage.bytes
    }
    return file.bytes
  }
}
