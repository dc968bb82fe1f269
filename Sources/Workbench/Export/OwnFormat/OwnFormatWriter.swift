import Checkpoints
import Compression
import FileAccess
import Numerics

/// A model in its own format with the chosen weights as they come back from their compressed form, for tools that know
/// nothing of Lathe's schemes: files of the same sizes, the numbers changed, and the small files that go with them.
struct OwnFormatWriter: CheckpointWriter {
  let name = "own"
  let summary = "the model in its own format, the numbers changed"
  let takes = "everything"
  var accepted: ConfigTarget? { nil }

  /// Files that go along are smaller.
  private static let smallFile = 64 << 20
  /// Folders within folders that are looked into.
  private static let depth = 3

  /// - Throws: `WorkbenchError` for weights that have no place of their own in a file (packed, deflated, inside ONNX's
  ///   typed fields).
  func plan(_ session: Session) throws(WorkbenchError) -> CheckpointPlan {
    try session.requireRecovered()
    let checkpoint = session.checkpoint
    let changed = session.items.filter { !session.recipe[$0].isKeep }
    let obstacles = changed.compactMap { item in
      obstacle(to: item, in: checkpoint).map { "\(printable(item.name)): \($0)" }
    }
    if let first = obstacles.first {
      let others = obstacles.dropFirst().prefix(11).map { "\n  \($0)" }.joined()
      throw WorkbenchError(
        first + others + (obstacles.count > 12 ? "\n  … and \(obstacles.count - 12) more" : ""), .misfit)
    }
    let source = OwnFolder(checkpoint)
    var files: [CheckpointPlan.File] = []
    let turn = Turn()
    for (number, file) in checkpoint.files.enumerated()
    where checkpoint.files.firstIndex(where: { $0.path == file.path }) == number {
      let inThis = changed.filter { item in
        guard case .file(let own, _) = checkpoint.tensors[item.id].location else { return false }
        return checkpoint.files[own].path == file.path
      }
      files.append(
        .init(
          name: source.isOne ? nil : source.name(of: file.path), size: file.size,
          parts: parts(of: file, changed: inThis, session, turn)))
    }
    if !source.isOne {
      for name in source.companions(smallerThan: Self.smallFile, depth: Self.depth) {
        let path = "\(source.path)/\(name)"
        // An empty file cannot be mapped, and needs no bytes; one that cannot be read stays behind.
        if let file = try? MappedFile(path) {
          let part = CopiedBytes(0..<file.size, of: file, .file(name), at: 0)
          files.append(.init(name: name, size: file.size, parts: [part]))
        } else if fileSize(path) == 0 {
          files.append(.init(name: name, size: 0, parts: []))
        }
      }
    }
    return CheckpointPlan(
      files: files,
      tensors: checkpoint.tensors.map { CheckpointPlan.Tensor(name: $0.name, shape: $0.shape, type: $0.type) })
  }

  private func obstacle(to item: Item, in checkpoint: Checkpoint) -> String? {
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

  /// A file's bytes as they are, but for the ranges of the changed tensors.
  private func parts(
    of file: MappedFile, changed: [Item], _ session: Session, _ turn: Turn
  ) -> [any CheckpointPart] {
    var runs: [ChangedNumbers] = []
    let tensors = changed.compactMap { item in ChangedNumbers.Place(item, in: session.checkpoint) }
    for tensor in tensors.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      // Tensors may share bytes: what does is one part.
      if let last = runs.last, tensor.range.lowerBound < last.range.upperBound {
        runs[runs.count - 1].add(tensor)
      } else {
        runs.append(ChangedNumbers(tensor, session, turn))
      }
    }
    var parts: [any CheckpointPart] = []
    var at = 0
    func copy(to end: Int) {
      if at < end { parts.append(CopiedBytes(at..<end, of: file, .file(file.path), at: at)) }
    }
    for run in runs {
      copy(to: run.start)
      parts.append(run)
      at = run.range.upperBound
    }
    copy(to: file.size)
    return parts
  }
}
