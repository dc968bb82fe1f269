import Checkpoints

/// What was wrong with a choice, a recipe or an export, in words for the person who asked for it.
///
/// Names and texts from outside stand in it: whatever they hold, each line is fit for a terminal.
public struct WorkbenchError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description.split(separator: "\n", omittingEmptySubsequences: false)
      .map { printable(String($0)) }.joined(separator: "\n")
  }
}
