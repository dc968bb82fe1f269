import ArgumentParser
import Checkpoints
import Compression
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
    var session = Session(try Checkpoint.open(model.paths), cache: model.cache)
    var failures: [String] = []
    if let histogram {
      failures = try session.writeHistograms(to: histogram)
      if histogram == "-" { return try end(failures) }
    } else if !headerOnly {
      failures = session.surveyWithProgress(room: 0)
    }
    let pages = Pages()
    if json {
      try session.inspection(checksums: checksums).write { try pages.put($0) }
      try pages.put("\n")
    } else {
      try session.writeInspection(all: all) { try pages.put($0) }
    }
    try pages.flush()
    try end(failures)
  }

  private func end(_ failures: [String]) throws { if let failure = Failure(reading: failures) { throw failure } }
}

extension Session {
  /// Reads every weight and writes its bins, some weights at a time.
  ///
  /// - Returns: why some could not be read.
  fileprivate mutating func writeHistograms(to path: String) throws -> [String] {
    var failures: [String] = []
    func write(_ session: inout Session, _ put: (String) throws -> Void) throws {
      try put("layer,bin,low,high,count\n")
      var first = 0
      while first < session.items.count {
        let part = session.itemsToSurvey(from: first)
        failures += session.settleWithProgress(
          part.filter(\.isSurveyed).map { .survey($0.id) }, room: .max, needsBins: true)
        first = part.endIndex
        for item in part where item.count > 0 {
          guard let histogram = session.survey(of: item)?.histogram else { continue }
          try put(histogram.csv(layer: item.name))
        }
      }
    }
    if path == "-" {
      try write(&self) { try emit(raw: $0) }
    } else {
      var session = self
      try session.write(to: path) { put in try write(&session) { try put(Array($0.utf8)) } }
      self = session
    }
    return failures
  }
}
