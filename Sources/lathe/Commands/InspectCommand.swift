import ArgumentParser
import TerminalUI
import Workbench

/// `lathe inspect`: what is in a model, without a screen.
struct InspectCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Format, tensors, layers and their statistics.",
    discussion: discussion)

  static let explanation = """
    Without --header-only every weight is read, for its statistics and its error in four bits. A file whose tensors lie \
    outside of it is an error.
    """
  static let examples = [
    "lathe inspect Samples/digits-cnn.onnx", "lathe inspect Samples/shakespeare-llama --header-only --json",
    "lathe inspect Samples/shakespeare-llama-f16.gguf --histogram bins.csv",
  ]

  @OptionGroup var model: ModelArgument
  @Flag(help: "JSON on standard output.") var json = false
  @Flag(help: "Header only: leave the weights unread.") var headerOnly = false
  @Flag(help: "List buffers and constants too, and metadata whole.") var all = false
  @Flag(help: "With --json: each tensor's CRC-32, of its numbers as 32-bit floats and as stored.")
  var checksums = false
  @Option(
    help: ArgumentHelp("Write every layer's 2,048 bins as CSV: layer,bin,low,high,count.", valueName: "F"),
    completion: .file())
  var histogram: String?

  func validate() throws {
    if checksums, !json { throw ValidationError("--checksums goes with --json: the text has no place for them") }
    if json, all { throw ValidationError("--all is for the text: --json has everything") }
    if json, histogram == "-" { throw ValidationError("--json and --histogram - are both for standard output") }
  }

  func run() throws {
    var session = Session(try Checkpoint.open(model.paths))
    let failures = !headerOnly || histogram != nil ? session.settleWithProgress(session.opening) : []
    try show(session)
    if let failure = Failure(reading: failures) { throw failure }
  }

  private func show(_ session: Session) throws {
    if histogram == "-" { return try emit(raw: session.histogramCSV) }
    if let histogram {
      try session.write(Array(session.histogramCSV.utf8), to: histogram)
    }
    try emit(json ? try session.inspection(checksums: checksums).text() : session.inspectionText(all: all))
  }
}

extension Session {
  fileprivate var histogramCSV: String {
    var text = "layer,bin,low,high,count\n"
    for item in items {
      guard let histogram = survey(of: item)?.histogram, item.count > 0 else { continue }
      text += histogram.csv(layer: item.name)
    }
    return text
  }
}
