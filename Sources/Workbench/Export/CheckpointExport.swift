import Checkpoints
import FileAccess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

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
  public func size(checkpoint target: Target) throws(WorkbenchError) -> Int {
    precondition(target.isCheckpoint)
    return try ggufSize()
  }

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
    try refuseModel(path)
    let plan = try ggufPlan()
    let writer = GGUFWriter(plan, of: checkpoint)
    let strange = try writer.write(to: path, workers: workers ?? Self.cores, progress: progress)
    let zeroed = strange.sorted { $0.key < $1.key }.map { name, count in
      "\(printable(name)): \(count) number\(count == 1 ? "" : "s") NaN or infinite, written as zero"
    }
    return CheckpointExport(
      bytes: writer.fileSize, notes: plan.notes + zeroed,
      usage: plan.architecture == nil ? "" : "llama-cli -m \(shellWord(path))")
  }

  /// Makes every tensor once more and compares it with what the file holds, then opens the file as any model.
  ///
  /// - Throws: `WorkbenchError` that names the first difference, or `Cancelled`.
  public func verify(
    checkpoint target: Target, at path: String, workers: Int? = nil,
    progress: @escaping @Sendable (ExportProgress) -> Bool = { _ in true }
  ) throws {
    let plan = try ggufPlan()
    try GGUFWriter(plan, of: checkpoint).verify(path, workers: workers ?? Self.cores, progress: progress)
    let written = try Checkpoint.open(path)
    guard written.tensors.map(\.name) == plan.header.tensors.map(\.name),
      written.tensors.map(\.shape) == plan.header.tensors.map(\.shape),
      written.tensors.map(\.type) == plan.header.tensors.map(\.type)
    else { throw WorkbenchError("\(path): its tensors are not those that were written") }
  }

  private static var cores: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}
