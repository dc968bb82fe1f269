import Foundation

/// A folder of its own for one test, gone with the last reference to it.
public final class ScratchFolder {
  public let path: String

  public init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "lathe-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // As the system names it: a temporary folder may be reached through a link.
    path = folder.resolvingSymlinksInPath().path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a name in it.
  public func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file and tells its path.
  @discardableResult
  public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  public func bytes(of name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path(name)).map { [UInt8]($0) }
  }

  /// The names of all that is in it.
  public var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }
}

/// A safetensors file of F32 arrays, written after the format's description: 8 bytes of header length, the header,
/// the numbers.
public func safetensors(_ tensors: [(name: String, shape: [Int], values: [Float])]) -> [UInt8] {
  var entries: [String] = []
  var data: [UInt8] = []
  for tensor in tensors {
    let bytes = tensor.values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    let name = String(decoding: (try? JSONEncoder().encode(tensor.name)) ?? Data(), as: UTF8.self)
    let offsets = "[\(data.count),\(data.count + bytes.count)]"
    entries.append("\(name):{\"dtype\":\"F32\",\"shape\":\(tensor.shape),\"data_offsets\":\(offsets)}")
    data += bytes
  }
  let header = Array("{\(entries.joined(separator: ","))}".utf8)
  return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
}

/// A safetensors file of so many BF16 tensors of the one shape [4, 4], named as a language model's.
///
/// - Parameter name: of a tensor by its number; `nil` for seven matrices a block.
public func manyTensors(_ count: Int, name: ((Int) -> String)? = nil) -> [UInt8] {
  let parts = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj",
  ]
  var header = "{"
  for number in 0..<count {
    let name = name?(number) ?? "model.layers.\(number / 7).\(parts[number % 7]).weight"
    header +=
      (number > 0 ? "," : "")
      + "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":[4,4],\"data_offsets\":[\(32 * number),\(32 * number + 32)]}"
  }
  header += "}"
  var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
  // Small numbers that differ: 0x3C00 to 0x3C7F and their negatives.
  for number in 0..<16 * count { bytes += [UInt8(number % 251 & 0x7F), number % 3 == 0 ? 0xBC : 0x3C] }
  return bytes
}
