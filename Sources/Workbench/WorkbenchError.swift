import FileAccess

/// What was wrong with a choice, a recipe or an export, in words for the person who asked for it.
///
/// Names and texts from outside stand in it: whatever they hold, each line is fit for a terminal.
public struct WorkbenchError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public let kind: Kind

  /// What it is about: a reader of errors need not look into their words.
  public enum Kind: Sendable {
    /// What was asked for, or what was read.
    case request
    /// A choice that cannot be written in the form that was asked for.
    case misfit
    /// The place that was to be written: a full disk, a folder that is not there.
    case writing
    /// What was read back is not what was written.
    case difference
  }

  public init(_ description: String, _ kind: Kind = .request) {
    self.kind = kind
    self.description = description.split(separator: "\n", omittingEmptySubsequences: false)
      .map { printable(String($0)) }.joined(separator: "\n")
  }

  init(_ error: FileError) { self.init("\(error)", error.kind == .writing ? .writing : .request) }
}
