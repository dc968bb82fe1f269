import ArgumentParser
import Compression
import FileAccess
import Inference
import Recovery
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
  @Option(
    help: ArgumentHelp(
      "Samples, windows or lines that calibrate; all, of a text 128 windows, of lines 2,048.", valueName: "N"))
  var samples: Int?
  @Option(help: ArgumentHelp("Steps of what learns; 300.", valueName: "N")) var steps: Int?
  @Option(help: ArgumentHelp("Samples a step; 32, of texts for those of 1,024 tokens.", valueName: "N"))
  var stepSamples: Int?
  @Option(help: ArgumentHelp("What learning rates are multiplied by; 1.", valueName: "FACTOR")) var rate: Float = 1
  @Option(help: ArgumentHelp("The loss's temperature, T; 1.", valueName: "T")) var temperature: Double = 1
  @Option(
    help: ArgumentHelp(
      "The labels' part in the loss, 1 − α: 0 learns from the original alone.", valueName: "SHARE"))
  var labels: Double = 0
  @Option(help: ArgumentHelp("The same gives the same batches.", valueName: "N")) var seed: UInt64 = 0
  @Option(
    help: ArgumentHelp(
      "How layers learn: whole, by the outputs; blocks, a block at a time by what it makes; both, blocks first.",
      valueName: "ORDER"), completion: .list(LearningOrder.allCases.map(\.rawValue)))
  var learn: LearningOrder?
  @Option(help: ArgumentHelp("Pull trained weights to zero (L1), by this part of a step.", valueName: "PART"))
  var lasso: Float = 0
  @Option(help: ArgumentHelp("The same of whole outputs.", valueName: "PART")) var groupLasso: Float = 0
  @Flag(help: "Move factors between neighbouring layers first, so that their channels are of like sizes (CNNs).")
  var equalise = false
  @Flag(help: "Add to biases what the outputs' mean loses.") var correctBiases = false
  @Option(
    help: ArgumentHelp("Keep the training's state here, and go on from it where it is there.", valueName: "F"),
    completion: .file())
  var resume: String?
  @Option(
    name: [.customShort("o"), .customLong("output-file")], help: ArgumentHelp("Where to write.", valueName: "R2"),
    completion: .file())
  var file: String

  func validate() throws {
    if let samples, !(1...1 << 20).contains(samples) {
      throw ValidationError("--samples \(samples): from 1 to 1048576 expected")
    }
    if let steps, !(1...1 << 24).contains(steps) {
      throw ValidationError("--steps \(steps): from 1 to 16777216 expected")
    }
    if let stepSamples, !(1...1 << 20).contains(stepSamples) {
      throw ValidationError("--step-samples \(stepSamples): from 1 to 1048576 expected")
    }
    guard rate > 0, rate.isFinite else { throw ValidationError("--rate \(rate): above 0 expected") }
    guard temperature > 0, temperature.isFinite else {
      throw ValidationError("--temperature \(temperature): above 0 expected")
    }
    guard (0...1).contains(labels) else { throw ValidationError("--labels \(labels): from 0 to 1 expected") }
    guard lasso >= 0, lasso.isFinite, groupLasso >= 0, groupLasso.isFinite else {
      throw ValidationError("--lasso and --group-lasso: 0 or more expected")
    }
  }

  func run() throws {
    var session = try choice.session(model: model.paths, cache: model.cache)
    var request = RecoveryRequest(try options.request(data: data), samples: samples)
    if let steps { request.training.steps = steps }
    request.training.batch = stepSamples
    request.training.seed = seed
    request.training.rate = rate
    request.training.checkpoint = resume
    request.training.loss = DistillationLoss(temperature: temperature, alpha: 1 - labels)
    request.order = learn
    (request.latent.l1, request.latent.groupLasso) = (lasso, groupLasso)
    request.equalises = equalise
    let moved = try session.chooseEqualised(all: equalise)
    if equalise || moved.pairs > 0 { note("lathe: \(moved.pairs) pairs of neighbouring layers are equalised") }
    if correctBiases {
      let found = try session.chooseCorrectedBiases()
      let others = found.withoutBias > 0 ? "; \(found.withoutBias) layers have none of their own" : ""
      note("lathe: \(found.biases) biases are corrected\(others)")
    }
    try session.recoverWithProgress(request)
    for path in try session.writeRecovered(to: file) { try emit(path) }
  }
}

extension LearningOrder: ExpressibleByArgument {}

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
