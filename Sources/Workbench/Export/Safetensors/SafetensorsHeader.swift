import Checkpoints
import FileAccess
import Numerics

/// The header of a safetensors file (github.com/huggingface/safetensors, format description): tensors one after another, in
/// the order in which they are given.
struct SafetensorsHeader {
  struct Entry: Sendable {
    let name: String
    /// One that `ElementType.safetensorsName` has.
    let type: ElementType
    let shape: [Int]
    let byteCount: Int
  }

  let entries: [Entry]
  var metadata: [(key: String, value: String)] = []

  /// The file's first bytes, where each tensor begins in the file, and the size of the file.
  var encoded: (bytes: [UInt8], starts: [Int], size: Int) {
    var members: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
      members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    }
    var (starts, at) = ([Int](), 0)
    for entry in entries {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(JSONText.quoted(entry.name)):{\"dtype\":\"\(entry.type.safetensorsName ?? "")\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(at),\(at + entry.byteCount)]}")
      starts.append(at)
      at += entry.byteCount
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    let bytes = littleEndianBytes(UInt64(text.count)) + text
    return (bytes, starts.map { $0 + bytes.count }, bytes.count + at)
  }
}
