/// A checkpoint that was written.
public struct CheckpointExport: Sendable {
  public var bytes: Int
  /// What a person should know about it: substitutes, tensors left out, other shapes.
  public var notes: [String]
  /// How to use the file; empty where no tool is meant.
  public var usage: String
}

extension Session {
  /// Size of the file that `write(checkpoint:to:)` makes, to the byte; nothing is read but headers.
  ///
  /// - Throws: `WorkbenchError` that names each layer that the target cannot hold.
  public func size(checkpoint target: Target) throws(WorkbenchError) -> Int { try writer(target).size(self) }

  /// Writes the weights as the recipe says. It takes long: call it off the thread that draws.
  ///
  /// - Parameters:
  ///   - workers: threads; `nil` for one a core.
  ///   - progress: hears how far it is, on other threads; `false` calls the work off.
  /// - Throws: `WorkbenchError`, or `Cancelled`; an old file is whole then, and nothing new is left.
  public func write(
    checkpoint target: Target, to path: String, workers: Int? = nil,
    progress: @escaping @Sendable (ExportProgress) -> Bool = { _ in true }
  ) throws -> CheckpointExport {
    try writer(target).write(self, to: path, WritingOptions(workers: workers, progress: progress))
  }

  /// Makes every tensor once more and compares it with what the file holds, then opens the file as any model.
  ///
  /// - Throws: `WorkbenchError` that names the first difference, or `Cancelled`.
  public func verify(
    checkpoint target: Target, at path: String, workers: Int? = nil,
    progress: @escaping @Sendable (ExportProgress) -> Bool = { _ in true }
  ) throws {
    try writer(target).verify(self, at: path, WritingOptions(workers: workers, progress: progress))
  }

  private func writer(_ target: Target) throws(WorkbenchError) -> any CheckpointWriter {
    guard case .checkpoint(let writer) = target.kind else {
      throw WorkbenchError("target \(target.name) is no checkpoint: it holds no weights")
    }
    return writer
  }
}
