internal import FileAccess

/// PyTorch's checkpoints (`.pt`, `.pth`, `.bin`, `.pkl`), in the forms that were ever written:
///
///     zip archives, TorchScript among them        TorchArchive
///     pickles one after another (before 1.6)      TorchLegacy
///     tar archives (before 0.1.10)                TorchTar
///     plain pickles of NumPy arrays or tensors    TorchLegacy
///
/// Sources: torch/serialization.py, torch/_utils.py and torch/csrc/jit/serialization of PyTorch; Python's
/// pickletools. A pickle is a program; here it is read as data (`PickleMachine`) and never run. `TorchObjects`
/// knows the calls that make tensors, `TorchWalk` gives them their names.
enum PyTorch: CheckpointFormat {
  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool {
    head.starts(with: [0x50, 0x4B, 3, 4]) ? isArchive(head, file) : isPickle(head) || TorchTar.recognises(head)
  }

  /// A zip archive whose first member, or any, is an object's pickle.
  private static func isArchive(_ head: [UInt8], _ file: MappedFile) -> Bool {
    if let first = ZipArchive.firstName(head), first.hasSuffix("/data.pkl") { return true }
    guard let archive = try? ZipArchive(file) else { return false }
    return archive.members.contains { $0.name.hasSuffix("/data.pkl") || $0.name == "data.pkl" }
  }

  /// Protocols 2 to 5 begin with their number. Earlier ones are text: a container or an object at first.
  private static func isPickle(_ head: [UInt8]) -> Bool {
    if head.count > 1, head[0] == 0x80, (2...5).contains(head[1]) { return true }
    let beginnings = [
      "(dp", "(lp", "ccopy_reg\n", "ccopyreg\n", "ccollections\n", "cnumpy", "ctorch", "L119547037146038801333356L\n",
    ]
    return beginnings.contains { head.starts(with: $0.utf8) }
  }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let list = TorchTensors(file)
    let head = try file.copy(offset: 0, count: min(Checkpoint.headSize, file.size))
    if head.starts(with: [0x50, 0x4B]) { return try readArchive(file, list) }
    return TorchTar.recognises(head) ? try readTar(file, list) : try readPickle(file, list)
  }

  private static func readArchive(_ file: MappedFile, _ list: TorchTensors) throws(CheckpointError) -> Checkpoint {
    guard let archive = try TorchArchive(file, try ZipArchive(file)) else {
      throw CheckpointError(file: file.path, "is a zip archive without data.pkl: no PyTorch archive")
    }
    let objects = try archive.objects("data", list)
    try TorchWalk.walk(objects)
    if archive.hasConstants { try TorchWalk.walkConstants(try archive.objects("constants", list)) }
    return try list.checkpoint(
      form: archive.isTorchScript ? "TorchScript archive" : "zip archive", content: TorchWalk.content(objects.pickle))
  }

  private static func readPickle(_ file: MappedFile, _ list: TorchTensors) throws(CheckpointError) -> Checkpoint {
    let legacy = try TorchLegacy(file, 0..<file.size, number: 0)
    let objects = TorchObjects(legacy.pickle, file: 0, list) { id throws(CheckpointError) in
      try legacy.storage(id)
    }
    try TorchWalk.walk(objects)
    return try list.checkpoint(
      form: legacy.isPlain ? "plain pickle" : "pickles, as before PyTorch 1.6",
      content: TorchWalk.content(legacy.pickle))
  }

  private static func readTar(_ file: MappedFile, _ list: TorchTensors) throws(CheckpointError) -> Checkpoint {
    let archive = try TorchTar(file)
    var objects = TorchObjects(archive.pickle, file: 0, list) { _ throws(CheckpointError) in
      throw CheckpointError(file: file.path, "has a storage that its tar archive does not describe")
    }
    objects.views = archive.views
    try TorchWalk.walk(objects)
    return try list.checkpoint(
      form: "tar archive, as before PyTorch 0.1.10", content: TorchWalk.content(archive.pickle))
  }
}
