// Writes what Checkpoints reads, for comparison with the formats' own libraries.
//
//     values OUT MODEL     every tensor's values, in C order and little-endian, one after another to OUT;
//                          to standard output a line of JSON for the model and one for each tensor

import Checkpoints
import Foundation
import Numerics

func printLine(_ object: [String: Any]) throws {
  let text = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
  print(String(decoding: text, as: UTF8.self))
}

let (out, path) = (CommandLine.arguments[1], CommandLine.arguments[2])
do {
  let model = try Checkpoint.open(path)
  let metadata = Dictionary(model.metadata.map { ($0.key, $0.value) }) { $1 }
  try printLine([
    "format": model.format.rawValue, "parameters": model.parameterCount, "metadata": metadata,
    "layers": model.layers.map(\.name),
  ])
  _ = FileManager.default.createFile(atPath: out, contents: nil)
  let file = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
  for (index, tensor) in model.tensors.enumerated() {
    try printLine([
      "name": tensor.name, "dtype": tensor.type.name, "shape": tensor.shape, "bytes": tensor.byteCount,
    ])
    var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
    try bytes.withUnsafeMutableBytes { try model.readBytes(tensor: index, range: 0..<$0.count, into: $0) }
    try file.write(contentsOf: bytes)
  }
} catch {
  try printLine(["error": "\(error)"])
}
