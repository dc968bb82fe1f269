import Checkpoints
import Compression
import FileAccess
import Numerics

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A copy of a model in its own format with the chosen weights as they come back from their compressed form, for tools
/// that know nothing of Lathe's schemes: the same size, the numbers changed.
struct CandidateCopy {
  let session: Session

  private var checkpoint: Checkpoint { session.checkpoint }

  /// Copies the model into a folder and changes the weights in their places.
  ///
  /// - Returns: the model's path there: a file, or the folder where the model is one.
  /// - Throws: `WorkbenchError` for weights that have no place of their own in a file (packed, deflated, inside ONNX's
  ///   typed fields); `Cancelled`.
  func write(into folder: String, proceed: @escaping @Sendable () -> Bool) throws -> String {
    let changed = session.items.filter { !session.recipe[$0].isKeep }
    for item in changed {
      if let obstacle = obstacle(to: item) { throw WorkbenchError("\(printable(item.name)): \(obstacle)") }
    }
    let files = checkpoint.files.map(\.path)
    let isFolder = files.count > 1 || checkpoint.path != files.first
    if isFolder { try copyBeside(files, into: folder) }
    for file in Set(files) { try copy(file, to: place(of: file, in: folder)) }
    for item in changed {
      guard proceed() else { throw Cancelled() }
      try change(item, in: folder)
    }
    return isFolder ? folder : place(of: files[0], in: folder)
  }

  private func obstacle(to item: Item) -> String? {
    let tensor = checkpoint.tensors[item.id]
    if item.packing != nil { return "it is packed as \(item.storage): a copy with changed numbers cannot hold it" }
    guard [ElementType.f32, .f16, .bf16, .f64].contains(tensor.type) else {
      return "it is stored as \(tensor.type.name): a copy with changed numbers needs F32, F16, BF16 or F64"
    }
    guard case .file = tensor.location, tensor.layout == .plain else {
      return "its numbers do not stand in the file one after another"
    }
    return nil
  }

  private func place(of file: String, in folder: String) -> String {
    folder + "/" + (file.split(separator: "/").last.map(String.init) ?? "model")
  }

  private func copy(_ from: String, to: String) throws {
    do { try FileManager.default.copyItem(atPath: from, toPath: to) } catch {
      throw WorkbenchError("\(to): cannot be written: \(error)", .writing)
    }
  }

  /// The small files that go with a model: configs, tokenizers, indices.
  private func copyBeside(_ files: [String], into folder: String) throws {
    let source = files[0].lastIndex(of: "/").map { String(files[0][..<$0]) } ?? "."
    let names = (try? FileManager.default.contentsOfDirectory(atPath: source)) ?? []
    let models = Set(files.map { place(of: $0, in: "") })
    for name in names where !models.contains("/" + name) {
      let size = (try? FileManager.default.attributesOfItem(atPath: "\(source)/\(name)"))?[.size] as? Int ?? .max
      let isSmall = size < 64 << 20
      if isSmall { try? FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)") }
    }
  }

  private func change(_ item: Item, in folder: String) throws {
    let tensor = checkpoint.tensors[item.id]
    guard case .file(let number, let offset) = tensor.location else { return }
    let values = try session.reconstruction(of: item)
    var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
    try bytes.withUnsafeMutableBytes { raw in
      var stored = item.kind == .weight ? item.matrix.storageOrder(values) : values
      try stored.withUnsafeMutableBufferPointer { numbers in
        if tensor.type == .f64 {
          for index in numbers.indices {
            raw.storeBytes(of: Double(numbers[index]), toByteOffset: 8 * index, as: Double.self)
          }
        } else {
          _ = try GGUFEncoding(tensor.type).encode(
            numbers, columns: numbers.count, row: 0, of: 1, importances: nil, into: raw)
        }
      }
    }
    let path = place(of: checkpoint.files[number].path, in: folder)
    let file = open(path, O_WRONLY)
    guard file >= 0 else {
      throw WorkbenchError("\(path): cannot be written: \(String(cString: strerror(errno)))", .writing)
    }
    defer { close(file) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(offset + written)) }
      guard count > 0 else {
        throw WorkbenchError("\(path): cannot be written: \(String(cString: strerror(errno)))", .writing)
      }
      written += count
    }
  }
}

extension Session {
  /// What an item's numbers come back as in its scheme, as the target's tool has it where one is chosen.
  func reconstruction(of item: Item) throws -> [Float] {
    let scheme = made(recipe[item], of: item)
    var values = [Float](repeating: 0, count: item.count)
    let source = CheckpointWeights(checkpoint: checkpoint, item: item)
    let isComputed = try values.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: scheme, into: $0)
    }
    guard isComputed else { throw WorkbenchError("\(printable(item.name)): \(scheme) is not computed") }
    return values
  }

  /// The candidate in a folder: GGUF in its types where the recipe fits, else a copy with changed numbers.
  ///
  /// - Returns: the model's path.
  func writeCandidate(in folder: String, proceed: @escaping @Sendable () -> Bool) throws -> String {
    if checkpoint.format == .gguf, (try? ggufPlan()) != nil {
      let path = folder + "/model.gguf"
      _ = try write(checkpoint: .gguf, to: path) { _ in proceed() }
      return path
    }
    return try CandidateCopy(session: self).write(into: folder, proceed: proceed)
  }
}
