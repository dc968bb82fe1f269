import Compression
import Numerics

/// A format of checkpoints that Lathe writes: it says what the files will hold, in what pieces, and how the bytes of a
/// piece are made. Sizes, writing on all cores, progress, calling off and reading back are the same for all
/// (`CheckpointWriter+Writing.swift`).
///
/// A new format is a folder with its writer and its parts, and a line in `Target.checkpoints`.
protocol CheckpointWriter: Sendable {
  /// What `--to` calls it.
  var name: String { get }
  var summary: String { get }
  /// The schemes that it takes, in a few words.
  var takes: String { get }
  /// The schemes that it takes and which layers must agree, in a sheet's terms; `nil` where it takes all.
  var accepted: ConfigTarget? { get }

  /// What it makes of a session's model as the recipe says. Nothing is read but headers.
  ///
  /// - Throws: `WorkbenchError` of the kind `misfit` that names each layer that the format cannot hold as it was chosen.
  func plan(_ session: Session) throws(WorkbenchError) -> CheckpointPlan
}

/// The files of a checkpoint before they are written: how large each is, and the parts that its bytes are made in.
struct CheckpointPlan: Sendable {
  /// At least one.
  let files: [File]
  /// The tensors that a reader must find in them, in its order.
  let tensors: [Tensor]
  /// What a person should know: substitutes, tensors left out, other shapes.
  var notes: [String] = []
  /// How to use what was written at a path; empty where no tool is meant.
  var usage: @Sendable (_ path: String) -> String = { _ in "" }

  struct File: Sendable {
    /// Its path within the checkpoint's folder; `nil` where the checkpoint is this one file.
    let name: String?
    /// To the byte.
    let size: Int
    /// Together they make every byte, but for padding, which is zeros.
    let parts: [any CheckpointPart]
  }

  struct Tensor: Sendable, Hashable {
    let name: String
    let shape: [Int]
    let type: ElementType
  }

  /// Bytes of all files.
  var size: Int { files.reduce(0) { $0 + $1.size } }

  /// Whether the checkpoint is a file, and not a folder.
  var isOneFile: Bool { files.count == 1 && files[0].name == nil }

  /// Where the files stand when the checkpoint is written to a path.
  func paths(at path: String) -> [String] {
    let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
    return files.map { file in file.name.map { "\(folder)/\($0)" } ?? path }
  }
}

/// Bytes of a file that stand together and are made in pieces, each apart from the others: a tensor, a header.
protocol CheckpointPart: Sendable {
  var source: PartSource { get }
  /// Where its bytes begin in the file: what the places of `put` count from.
  var start: Int { get }
  /// Bytes to read and to turn into others, for progress: what `control` hears in all.
  var weight: Int { get }
  var pieceCount: Int { get }

  /// Makes a piece, on any thread.
  ///
  /// - Parameters:
  ///   - buffers: the thread's own.
  ///   - control: hears of bytes done, and may call the work off.
  ///   - put: gets bytes and their place among the part's; it may be called several times.
  /// - Returns: how many numbers were NaN or infinite and became zero.
  /// - Throws: `EncodingFailure` for numbers that the format cannot hold, which whoever runs the pieces names the tensor
  ///   of; `Cancelled`; what reading throws.
  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int
}

/// What a part holds, for messages.
enum PartSource: Sendable, Hashable {
  case header
  /// A layer or tensor, by its name in the model.
  case layer(String)
  /// A file that goes along.
  case file(String)
}
