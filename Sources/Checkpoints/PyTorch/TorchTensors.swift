internal import FileAccess
internal import Numerics

/// Collects what a PyTorch file holds: tensors in the pickle's order, those of optimisers after all others.
final class TorchTensors {
  private(set) var files: [MappedFile]
  private(set) var metadata: [(key: String, value: String)] = []
  private var model: [Tensor] = []
  private var optimiser: [Tensor] = []
  private var names = NameSet()
  private var forms = SharedForms()
  /// Bytes that all tensors together have, repeated ones counted again.
  private var claimed = 0

  /// Bytes that were decoded from the file and are held.
  private var decoded = 0

  static let maximumDecoded = 256 << 20
  private static let maximumTensors = 1 << 20
  private static let maximumMetadata = 256

  init(_ file: MappedFile) { files = [file] }

  var path: String { files[0].path }
  /// How many tensors were listed.
  var count: Int { model.count + optimiser.count }

  /// Counts bytes that are decoded from the file and held.
  ///
  /// - Throws: where that would be more than `maximumDecoded`.
  func hold(_ count: Int) throws(CheckpointError) {
    decoded += count
    guard decoded <= Self.maximumDecoded, files.count < Self.maximumTensors else {
      throw CheckpointError(
        file: path, "holds more than \(Self.maximumDecoded) bytes in forms that must be decoded to memory")
    }
  }

  /// Adds such bytes as one more file; returns its number.
  func add(_ bytes: [UInt8]) throws(CheckpointError) -> Int {
    try hold(bytes.count)
    files.append(MappedFile(bytes: bytes, path: path))
    return files.count - 1
  }

  func note(_ key: String, _ value: String) {
    guard metadata.count < Self.maximumMetadata else { return }
    metadata.append((shortened(key), shortened(value, to: 1000)))
  }

  /// Lists a tensor. A name that is taken gets a number.
  ///
  /// - Throws: where there are too many of them, or they claim far more values than the files hold, which views
  ///   of stride 0 and many views of one storage can.
  func list(_ tensor: Tensor, ofOptimiser isOptimiser: Bool) throws(CheckpointError) {
    // Shared modules give a tensor several names; each takes some bytes of the file all the same.
    guard count < min(Self.maximumTensors, 1024 + files[0].size / 8) else {
      throw CheckpointError(file: path, "holds more than \(count) tensors, in \(bytes(files[0].size))")
    }
    claimed = claimed.addingReportingOverflow(tensor.byteCount).partialValue
    let room = (1 << 28) + files.reduce(0) { $0 + $1.size } * 64
    guard tensor.byteCount <= room, claimed >= 0, claimed <= room else {
      throw CheckpointError(
        file: path, tensor: tensor.name,
        "brings the tensors to \(bytes(UInt(bitPattern: claimed))), in a file of \(bytes(files[0].size)): its views repeat the same numbers beyond reason"
      )
    }
    let renamed = forms.shared(tensor.renamed(names.unique(tensor.storedName)))
    if isOptimiser { optimiser.append(renamed) } else { model.append(renamed) }
  }

  /// The checkpoint of all that was collected. An optimiser's tensors belong to no layer.
  ///
  /// - Throws: where there are no tensors; `content` says what there is instead.
  func checkpoint(form: String, content: String) throws(CheckpointError) -> Checkpoint {
    guard count > 0 else {
      throw CheckpointError(file: path, "holds no tensors, but \(content)")
    }
    var header = [(key: "form", value: form)]
    if !optimiser.isEmpty { header.append(("optimiser tensors", "\(optimiser.count)")) }
    return Checkpoint(
      path: path, format: .pytorch, files: files, metadata: header + metadata, tensors: model + optimiser,
      layers: Layer.grouped(model, .pytorch), graph: nil)
  }
}
