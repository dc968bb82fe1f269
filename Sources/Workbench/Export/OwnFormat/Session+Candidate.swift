import Checkpoints
import Compression
import FileAccess

extension Session {
  /// What an item's numbers come back as in its scheme, as the target's tool has it where one is chosen.
  func reconstruction(of item: Item) throws -> [Float] {
    try reconstruction(of: item, in: made(recipe[item], of: item))
  }

  /// The same in any scheme, with that scheme's own numbers.
  func reconstruction(of item: Item, in scheme: Scheme) throws -> [Float] {
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
    let options = WritingOptions { _ in proceed() }
    if checkpoint.format == .gguf, let plan = try ggufCandidate() {
      let path = folder + "/model.gguf"
      _ = try plan.write(to: path, options, refusing: self)
      return path
    }
    let plan = try OwnFormatWriter().plan(self)
    let path = plan.isOneFile ? "\(folder)/\(lastPart(checkpoint.path))" : folder
    _ = try plan.write(to: path, options, refusing: self)
    return path
  }

  /// - Returns: `nil` where GGUF has not what was chosen.
  private func ggufCandidate() throws(WorkbenchError) -> CheckpointPlan? {
    do throws(WorkbenchError) { return try GGUFWriter().plan(self) } catch {
      guard error.kind == .misfit else { throw error }
      return nil
    }
  }
}
