import ArgumentParser

/// Names of the contract that this version does not carry out: they say so, and are not taken for a model's name.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "compare", shouldDisplay: false)
  @Argument(parsing: .allUnrecognized) var rest: [String] = []

  func run() throws { throw Failure("compare is not in this version: see `lathe inspect A --json`") }
}
