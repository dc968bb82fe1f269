/// What is wrong with a model file, in words for the person who opened it: which file, which tensor, what was
/// found, what was expected.
public struct CheckpointError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's path as given, or the folder's.
  public let file: String
  /// The tensor or layer that the error is about, where there is one; verbatim.
  public let tensor: String?
  /// What was found and what was expected, without file and tensor.
  public let reason: String

  public init(file: String, tensor: String? = nil, _ reason: String) {
    self.file = file
    self.tensor = tensor
    self.reason = reason
  }

  /// One line, safe to print: `model.gguf: tensor 'blk.0.attn_q.weight': …`.
  public var description: String {
    let about = tensor.map { "tensor '\(printable($0))': " } ?? ""
    return "\(printable(file)): \(about)\(printable(reason))"
  }
}
