/// What is wrong with a file, in words for the person who gave it: which file, which tensor in it, what was found, what
/// was expected.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's path as given, or the folder's.
  public let file: String
  /// The tensor or layer that the error is about, where there is one; verbatim.
  public let tensor: String?
  /// What was found and what was expected, without file and tensor.
  public let reason: String
  public let kind: Kind

  /// What failed: a reader of errors need not look into their words.
  public enum Kind: Sendable {
    /// Reading, or what was read.
    case reading
    /// The place that was to be written: a full disk, a folder that is not there.
    case writing
  }

  public init(file: String, tensor: String? = nil, _ reason: String, _ kind: Kind = .reading) {
    self.file = file
    self.tensor = tensor
    self.reason = reason
    self.kind = kind
  }

  /// One line, safe to print: `model.gguf: tensor 'blk.0.attn_q.weight': …`.
  public var description: String {
    let about = tensor.map { "tensor '\(printable($0))': " } ?? ""
    return "\(printable(file)): \(about)\(printable(reason))"
  }
}
