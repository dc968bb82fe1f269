/// What was wrong with a choice, a recipe or an export, in words for the person who asked for it.
public struct WorkbenchError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}
