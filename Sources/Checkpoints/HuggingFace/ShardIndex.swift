internal import FileAccess

/// A model in several files, by its index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`):
///
///     {"metadata": {"total_size": …}, "weight_map": {tensor name: file name in the same folder, …}}
///
/// The files are safetensors or PyTorch's, told by their content.
enum ShardIndex: CheckpointFormat {
  /// More text than an index of a million tensors has.
  private static let maximumSize = 256 << 20

  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool {
    guard head.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"), file.size <= maximumSize else {
      return false
    }
    guard let text = try? file.copy(offset: 0, count: file.size) else { return false }
    let key = Array("\"weight_map\"".utf8)
    return text.indices.contains { text[$0] == key[0] && text[$0...].starts(with: key) }
  }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    var metadata: [(key: String, value: String)] = []
    let places = try places(file, &metadata)
    let folder = folder(of: file.path)
    var files: [MappedFile] = []
    var tensors: [Tensor] = []
    var format = Checkpoint.Format.safetensors
    for name in Set(places.values).sorted() {
      guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw CheckpointError(file: file.path, "names the file '\(name)', which is not in its folder")
      }
      let shard = try readShard(try MappedFile("\(folder)/\(name)"))
      let first = files.count
      files += shard.files
      format = shard.format
      tensors += shard.tensors.filter { places[$0.name] == name }.map { $0.moved(byFiles: first) }
    }
    if tensors.count != places.count {
      let found = Set(tensors.map(\.name))
      let (tensor, place) = places.filter { !found.contains($0.key) }.min { $0.key < $1.key }!
      throw CheckpointError(
        file: file.path, tensor: tensor, "should be in \(place), but that file does not hold it")
    }
    return Checkpoint(
      path: file.path, format: format, files: files, metadata: metadata, tensors: tensors,
      layers: Layer.grouped(tensors, format), graph: nil)
  }

  private static func readShard(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let head = try file.copy(offset: 0, count: min(Checkpoint.headSize, file.size))
    if Safetensors.recognises(head, of: file) { return try Safetensors.read(file) }
    if PyTorch.recognises(head, of: file) { return try PyTorch.read(file) }
    throw CheckpointError(file: file.path, "is a part of a model, but neither safetensors nor PyTorch")
  }

  /// Which file holds which tensor.
  private static func places(
    _ file: MappedFile, _ metadata: inout [(key: String, value: String)]
  ) throws(CheckpointError) -> [String: String] {
    var json = JSONScanner(
      try file.copy(offset: 0, count: file.size), file: file.path, part: "index")
    var places: [String: String] = [:]
    try json.beginObject()
    while let key = try json.nextKey() {
      switch key {
      case "weight_map":
        try json.beginObject()
        while let tensor = try json.nextKey() {
          guard places.updateValue(try json.string(), forKey: tensor) == nil else {
            throw CheckpointError(file: file.path, tensor: tensor, "occurs twice in the index")
          }
        }
      case "metadata" where json.peek() == UInt8(ascii: "{"):
        try json.beginObject()
        while let key = try json.nextKey() { metadata.append((key, try json.printed())) }
      default: try json.skip()
      }
    }
    try json.finish()
    guard !places.isEmpty else {
      throw CheckpointError(file: file.path, "lists no tensors in its weight_map")
    }
    return places
  }
}

extension Tensor {
  /// The same in a checkpoint that has `first` files before this tensor's own, where names begin with `prefix`.
  func moved(byFiles first: Int, under prefix: String? = nil) -> Tensor {
    let place: Location =
      switch location {
      case .file(let file, let offset): .file(file + first, offset: offset)
      case .deflated(let file, let offset, let length, let skip):
        .deflated(file + first, offset: offset, length: length, skip: skip)
      case .inline: location
      }
    return Tensor(prefix.map { Name("\($0).\(name)") } ?? storedName, form, at: place)
  }
}
