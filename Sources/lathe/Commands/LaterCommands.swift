import ArgumentParser

/// Names of the contract that this version does not carry out: they say so, and are not taken for a model's name.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tune", shouldDisplay: false)
  @Argument(parsing: .allUnrecognized) var rest: [String] = []

  func run() throws { throw Failure("tune is not in this version: choose with --set, and see `lathe estimate`") }
}

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "compare", shouldDisplay: false)
  @Argument(parsing: .allUnrecognized) var rest: [String] = []

  func run() throws { throw Failure("compare is not in this version: see `lathe inspect A --json`") }
}
