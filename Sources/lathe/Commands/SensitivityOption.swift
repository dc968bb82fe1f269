import ArgumentParser
import FileAccess
import Workbench

/// Sensitivities that were measured before.
struct SensitivityOption: ParsableArguments {
  @Option(
    name: .customLong("sensitivity"),
    help: ArgumentHelp("What lathe sensitivity has measured: the estimate is calibrated.", valueName: "F"),
    completion: .file(extensions: ["json"]))
  var path: String?

  /// Takes them over; says what is another model's.
  func adopt(by session: inout Session, verbose: Bool) throws {
    guard let path else { return }
    let mismatches = try session.adopt(Sensitivities(path: path))
    noteAll(mismatches.map { "\(path): \($0)" }, verbose: verbose)
    if let adopted = session.sensitivities, adopted.isBorrowed {
      note("lathe: \(path): borrowed: these are of another model, \(printable(adopted.values.model))")
    }
  }
}
