import ArgumentParser

/// A command that says in prose and in examples what it is for. `--help` and the manual page are made of the same.
protocol Explained: ParsableCommand {
  /// What the options alone do not say. A paragraph a line.
  static var explanation: String { get }
  /// Command lines that work as they stand where `Samples` is; what they write goes to the working folder. At most 72
  /// columns a line; a line that ends in a backslash goes on.
  static var examples: [String] { get }
}

extension Explained {
  /// What `--help` shows below the abstract.
  static var discussion: String {
    let lines = examples.flatMap { $0.split(separator: "\n") }.map { "  " + $0 }
    return explanation + "\n\nEXAMPLES:\n" + lines.joined(separator: "\n")
  }
}
