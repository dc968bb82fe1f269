import Checkpoints
import FileAccess
import Inference
import Numerics

/// llama.cpp's importance matrix as GGUF: for each weight `NAME.in_sum2`, Σ x² by column, and `NAME.counts`, how many x, of
/// a stack of experts each one's; `general.type` is `imatrix` (ggml-org/llama.cpp, tools/imatrix). `ImportanceFile` reads it.
public struct ImportanceMatrix: Sendable {
  public private(set) var entries: [(name: String, moments: InputMoments)] = []
  /// Weights that have no place in such a file.
  public private(set) var leftOut: [String] = []
  /// What the activations were recorded on: a text's path.
  public var dataset: String
  /// Tokens of a window.
  public var chunkSize: Int

  /// - Parameters:
  ///   - moments: what `Model.inputMoments` gave.
  ///   - includesOutput: whether the head is in it; llama.cpp's tool leaves it out unless told otherwise.
  public init(
    _ moments: [InputMoments], of checkpoint: Checkpoint, dataset: String, chunkSize: Int, includesOutput: Bool = false
  ) {
    (self.dataset, self.chunkSize) = (dataset, chunkSize)
    let names = try? LlamaNames(checkpoint)
    for one in moments {
      let layer = checkpoint.layers[one.layer]
      let own = layer.packing == nil ? checkpoint.tensors[layer.weight].name : layer.name + ".weight"
      guard let names else {
        // A model that llama.cpp does not know keeps its names.
        entries.append((own, one))
        continue
      }
      let name = names.name(of: own)
      guard let name, name.hasPrefix("blk.") || includesOutput && ["output.weight", "token_embd.weight"].contains(name)
      else {
        leftOut.append(own)
        continue
      }
      entries.append((name, one))
    }
    entries.sort { $0.name < $1.name }
  }

  /// The file's bytes.
  func encoded() -> [UInt8] {
    let rows = entries.filter { $0.moments.partRows.count == 1 }.map(\.moments.rows).max() ?? 0
    let fields: [(key: String, value: GGUFField)] = [
      ("general.type", .string("imatrix")), ("imatrix.datasets", .strings([dataset])),
      ("imatrix.chunk_count", .u32(rows / max(1, chunkSize))), ("imatrix.chunk_size", .u32(chunkSize)),
    ]
    var tensors: [GGUFHeader.Entry] = []
    var data: [[Float]] = []
    for (name, moments) in entries {
      let (count, parts) = (moments.squares.count, moments.partRows.count)
      tensors.append(
        .init(name: "\(name).in_sum2", shape: [parts, moments.columns], type: .f32, byteCount: 4 * count))
      data.append(moments.squares.map { Float($0) })
      tensors.append(.init(name: "\(name).counts", shape: [parts, 1], type: .f32, byteCount: 4 * parts))
      data.append(moments.partRows.map { Float($0) })
    }
    let (header, starts, size) = GGUFHeader(fields: fields, tensors: tensors).encoded()
    var bytes = header
    bytes.reserveCapacity(size)
    for (start, numbers) in zip(starts, data) {
      bytes += [UInt8](repeating: 0, count: start - bytes.count)
      for number in numbers { bytes += littleEndianBytes(number.bitPattern) }
    }
    return bytes + [UInt8](repeating: 0, count: size - bytes.count)
  }

  /// Writes it whole, or nothing.
  ///
  /// - Throws: `WorkbenchError` with the system's reason; where there is nothing to write.
  public func write(to path: String) throws(WorkbenchError) {
    guard !entries.isEmpty else {
      throw WorkbenchError("\(path): none of the weights has a name in llama.cpp, so that there is nothing to write")
    }
    do throws(FileError) {
      try AtomicFile.write(encoded(), to: path)
    } catch { throw WorkbenchError(error) }
  }
}
