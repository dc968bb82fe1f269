import Checkpoints
import FileAccess
import Foundation
import Numerics

/// Does with bytes all that a person could do with a file of them: opens it, looks at its layers, reads every tensor,
/// and prints what is wrong with it. Whatever comes of it, it must not trap, hang, or take memory by the size that
/// the file claims.
package func exercise(_ start: UnsafePointer<UInt8>?, _ count: Int, as name: String) {
  do throws(CheckpointError) {
    use(try Checkpoint.open(file(start, count, name), config: nil))
  } catch {
    check(error)
  }
}

/// The same with a config.json of these bytes, beside a model.
package func exercise(_ start: UnsafePointer<UInt8>?, _ count: Int, asConfigOf model: String) {
  do throws(CheckpointError) {
    use(try Checkpoint.open(try MappedFile(model), config: file(start, count, "config.json")))
  } catch {
    check(error)
  }
}

private func file(_ start: UnsafePointer<UInt8>?, _ count: Int, _ name: String) -> MappedFile {
  MappedFile(bytes: Array(UnsafeBufferPointer(start: start, count: count)), path: name)
}

/// FUZZ_FOLDER, or a folder that there is not.
package let folder = ProcessInfo.processInfo.environment["FUZZ_FOLDER"] ?? "/nonexistent"

/// The most elements of a tensor that are read: views may repeat their numbers.
private let readCount = 1 << 16

private func use(_ model: Checkpoint) {
  precondition(model.parameterCount >= 0)
  for (key, value) in model.metadata { precondition(printable(key + value).utf8.count >= 0) }
  var isListed = [Bool](repeating: false, count: model.tensors.count)
  for layer in model.layers {
    for index in [layer.weight] + (layer.bias.map { [$0] } ?? []) + layer.companions {
      precondition(!isListed[index], "a tensor in two layers")
      isListed[index] = true
    }
  }
  for index in model.layers.indices.prefix(64) { readMatrix(model, index) }
  for (index, tensor) in model.tensors.prefix(256).enumerated() {
    precondition(tensor.count >= 0 && tensor.byteCount >= 0)
    do throws(CheckpointError) {
      let first = max(0, tensor.count - readCount / 2)
      if tensor.type.isDecodable {
        _ = try model.floats(tensor, elements: 0..<min(tensor.count, readCount / 2))
        _ = try model.floats(tensor, elements: first..<tensor.count)
      }
      var raw = [UInt8](repeating: 0, count: min(tensor.byteCount, 4096))
      let from = tensor.byteCount - raw.count
      try raw.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try model.readBytes(
          tensor: index, range: from..<from + into.count, into: UnsafeMutableRawBufferPointer(into))
      }
      if !tensor.type.isFloatingPoint {
        _ = try model.integers(tensor, elements: 0..<min(tensor.count, 1024))
      }
    } catch {
      check(error)
    }
  }
}

private func readMatrix(_ model: Checkpoint, _ index: Int) {
  let layer = model.layers[index]
  guard let matrix = layer.matrix, model.tensors[layer.weight].type.isDecodable else { return }
  let columns = min(matrix.columns, 256)
  let rows = min(matrix.rows, 64)
  var values = [Float](repeating: 0, count: rows * columns)
  do throws(CheckpointError) {
    try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try model.readMatrix(
        layer: index, rows: matrix.rows - rows..<matrix.rows, columns: matrix.columns - columns..<matrix.columns,
        into: into)
    }
  } catch {
    check(error)
  }
}

/// A message is one line, not too long, and safe on a screen.
private func check(_ error: CheckpointError) {
  let text = error.description
  precondition(!text.isEmpty && !text.contains("\n") && !text.unicodeScalars.contains("\u{1b}"))
}

package typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
package typealias TestOneInput = @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32

#if !LONG
  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<Arguments>, _ one: TestOneInput
  ) -> Int32

  /// libFuzzer's own `main`.
  package func runFuzzer(_ count: Int32, _ arguments: Arguments, _ one: TestOneInput) -> Int32 {
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments, one)
  }
#endif
