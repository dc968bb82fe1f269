import ArgumentParser
import Compression
import Inference
import Workbench

/// `lathe export`: the choice in a form that a tool reads.
struct ExportCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the choice for a tool.",
    discussion: discussion)

  static let explanation = """
    A target is a tool to configure, or a form of the weights themselves. How to use what was written is printed. A \
    target of your own is a sheet, FILE.target.
    """
  static let glossary: Glossary? = Glossary(title: "Targets", rows: Target.listing.map { ($0.name, $0.summary) })
  static let examples = [
    "lathe export Samples/digits-cnn.onnx --set '*=int4,channel' --to lathe \\\n    -o recipe.json",
    "lathe export Samples/shakespeare-llama-f16.gguf --set '*=q4_0' \\\n"
      + "    --set 'output*=q8_0' --to llama.cpp -o types.txt",
    "lathe export Samples/shakespeare-llama \\\n"
      + "    --set '*=int4,group=64,affine' --to mlx-config -o mlx.json",
    "lathe export Samples/shakespeare-llama --set '*=q4_k' \\\n"
      + "    --set 'lm_head=q6_k' --to gguf -o model.gguf --verify",
  ]

  @OptionGroup var model: ModelArgument
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("What to write for: a target's name, or a sheet.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets)) var target: String
  @Option(
    name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Where to write.", valueName: "PATH"),
    completion: .file())
  var output: String
  @Option(
    help: ArgumentHelp(
      "Data on which codes are chosen for layers with by=, where that was not done yet.", valueName: "D"),
    completion: .file())
  var calibration: String?
  @Flag(help: "Read the file back and compare.") var verify = false
  @Flag(
    name: .customLong("no-provenance"),
    help: "Leave out how the recipe came about: its budget, its method, its estimate, what was measured.")
  var leavesOutProvenance = false

  func run() throws {
    let target = try Target(argument: target)
    var session = try choice.session(model: model.paths, cache: model.cache)
    session.tellsProvenance = !leavesOutProvenance
    if target.isCheckpoint {
      try session.recoverMissing(calibration.map { MeasurementRequest(data: $0) })
      guard output != "-" else {
        throw UsageError("-o -: \(target.name) is written at offsets, which standard output has not: give a path")
      }
      return try write(target, session)
    }
    if target.needsFigures, let failure = Failure(reading: session.settleEstimateWithProgress()) {
      throw failure
    }
    if output == "-" { return try writeToStandardOutput(target, session) }
    let export = try session.write(target, to: output)
    if verify {
      try session.verify(target, at: output)
      note("lathe: \(output): read back, the same choice")
    }
    noteAll(export.notes, verbose: choice.verbose)
    for file in export.files { note("lathe: wrote \(file.path), \(file.bytes.count) bytes") }
    try emit(export.usage)
  }

  /// The one file on standard output, everything that is said about it on standard error.
  private func writeToStandardOutput(_ target: Target, _ session: Session) throws {
    guard !verify else { throw UsageError("--verify reads a file back: give a path in place of -") }
    let export = try session.export(to: target, path: "-")
    guard export.files.count == 1, let file = export.files.first else {
      throw UsageError("-o -: \(target.name) writes \(export.files.count) files: give a folder, as in -o out/")
    }
    noteAll(export.notes, verbose: choice.verbose)
    try emit(raw: String(decoding: file.bytes, as: UTF8.self))
    note(export.usage)
  }

  /// A checkpoint, with progress; an interrupt calls it off and leaves nothing behind.
  private func write(_ target: Target, _ session: Session) throws {
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    let line = ProgressLine()
    defer { line.clear() }
    @Sendable func show(_ doing: String, _ state: ExportProgress) -> Bool {
      let left = state.secondsLeft.map { ", \(Int($0.rounded(.up))) s left" } ?? ""
      line.show("\(doing): \(Int(state.fraction * 100)) %, \(Int(state.bytesPerSecond / 1e6)) MB/s\(left)")
      return !flag.came
    }
    do {
      let export = try session.write(checkpoint: target, to: output) { show("writing", $0) }
      line.clear()
      noteAll(export.notes, verbose: choice.verbose)
      note("lathe: wrote \(output), \(export.bytes) bytes")
      if verify {
        try session.verify(checkpoint: target, at: output) { show("reading back", $0) }
        line.clear()
        note("lathe: \(output): read back, every tensor as it was made")
      }
      if !export.usage.isEmpty { try emit(export.usage) }
    } catch is Cancelled {
      line.clear()
      throw WorkbenchError("\(output): called off; nothing was written")
    }
  }
}
