import ArgumentParser
import Compression
import FileAccess
import Inference
import Workbench

/// `lathe recover`: codes chosen with the outputs in view.
struct RecoverCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "recover", abstract: "Win back accuracy: choose codes by what they do to the outputs.",
    discussion: discussion)

  static let explanation = """
    Layers whose scheme says by=METHOD get their codes by that method on data D; all others take the nearest levels. R2 is \
    the recipe again, and beside it are the codes (R2 without .json, with .weights.safetensors), which every command that \
    takes R2 uses. D calibrates: take other data than those that score.
    """
  static let glossary: Glossary? = Glossary(
    title: "Methods", rows: CodeChoice.allCases.map { ("by=\($0.rawValue)", $0.meaning) })
  static let examples = [
    "lathe recover Samples/digits-cnn.onnx --set '*=int3,channel,by=gptq' \\\n    --data Samples/digits-calibration.npz -o R2.json",
    "lathe evaluate Samples/digits-cnn.onnx --recipe R2.json \\\n    --data Samples/digits-test.npz",
  ]

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The data.", valueName: "D"), completion: .file()) var data: String
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Data") var options: DataOptions
  @Option(help: ArgumentHelp("Samples, windows or lines that calibrate; all, of a text 128 windows.", valueName: "N"))
  var samples: Int?
  @Option(
    name: [.customShort("o"), .customLong("output-file")], help: ArgumentHelp("Where to write.", valueName: "R2"),
    completion: .file())
  var file: String

  func validate() throws {
    if let samples, !(1...1 << 20).contains(samples) {
      throw ValidationError("--samples \(samples): from 1 to 1048576 expected")
    }
  }

  func run() throws {
    var session = try choice.session(model: model.paths, cache: model.cache)
    try session.recoverWithProgress(RecoveryRequest(try options.request(data: data), samples: samples))
    for path in try session.writeRecovered(to: file) { try emit(path) }
  }
}

extension Session {
  /// Chooses the codes that its recipe asks for, with a line of progress.
  mutating func recoverWithProgress(_ request: RecoveryRequest) throws {
    let line = ProgressLine()
    defer { line.clear() }
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    let found = try recover(
      request,
      progress: { progress in
        let loss = progress.loss.map { ", loss \(Format.scientific($0))" } ?? ""
        line.show("recovering: \(progress.done) of \(progress.of) \(progress.what)\(loss)")
        return true
      }, isCancelled: { flag.came })
    line.clear()
    guard let found else { throw WorkbenchError("called off") }
    for text in found.notes { lathe.note("lathe: \(printable(text))") }
    take(found.chosen)
  }

  /// The same before something is measured or written, for layers whose codes nobody has chosen yet.
  ///
  /// - Throws: `WorkbenchError` where there are such and no data.
  mutating func recoverMissing(_ calibration: MeasurementRequest?) throws {
    let missing = unrecovered
    guard let first = missing.first else { return }
    guard var calibration else {
      throw WorkbenchError(
        "\(first.name)\(missing.count > 1 ? " and \(missing.count - 1) more" : ""): by=\(scheme(of: first).by.rawValue) asks for codes that are not chosen yet: `lathe recover` chooses them, or give --calibration D"
      )
    }
    calibration.activations = nil
    try recoverWithProgress(RecoveryRequest(calibration))
  }
}
