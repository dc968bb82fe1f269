import ArgumentParser
import FileAccess
import Inference
import Workbench

/// `lathe evaluate`: the choice run on held-out data.
struct EvaluateCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Run the choice on held-out data and measure it.",
    discussion: discussion)

  static let explanation = """
    For a language model (GGUF, or a Hugging Face folder) D is a text, or token ids in an .npy; the figure is what \
    llama-perplexity computes. For an ONNX model D is an .npz (or safetensors) whose arrays are named as the model's inputs, with `labels` (classes) or `targets` \
    (real numbers); or a folder of images with a folder a class; or a CSV of "path,label". Without labels the outputs are \
    compared with the uncompressed model's.
    Samples lie along an array's axis that the model calls batch, or its first; an array with one axis more holds a whole \
    input a sample. A single number, a first state (extent 1 along the batch) and an array of just the shape that the model \
    fixes are the same for every sample.
    Any evaluator can be plugged in: the candidate is written to a temporary folder, the command is run with its path, and \
    the figure that the pattern finds last is read.
    For images: --images size=224,crop=0.875,mean=0.485:0.456:0.406. For llama.cpp: --evaluator 'llama-perplexity -m \
    {model} -f text.txt' --metric-pattern 'PPL = ([0-9.]+)'.
    """
  static let examples = [
    "lathe evaluate Samples/digits-cnn.onnx --set '*=int4' --json \\\n    --data Samples/digits-test.npz",
    "lathe evaluate Samples/shakespeare-llama --set '*=int4' --context 256 \\\n"
      + "    --data Samples/shakespeare-test.txt",
    "lathe evaluate Samples/digits-cnn.onnx --set '*=int4' \\\n"
      + "    --evaluator 'gzip -c {model} | wc -c' --metric-pattern '([0-9]+)'",
  ]

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The data.", valueName: "D"), completion: .file()) var data: String?
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Data") var options: DataOptions
  @Option(help: ArgumentHelp("Write what the model gave, an array an output.", valueName: "F.npz"), completion: .file())
  var outputs: String?
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("Run the numbers that this target's tool makes.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets))
  var target: String?
  @Option(help: ArgumentHelp("A command that measures {model}.", valueName: "COMMAND")) var evaluator: String?
  @Option(
    name: .customLong("metric-pattern"),
    help: ArgumentHelp("A regular expression whose first group is the evaluator's figure.", valueName: "REGEX"))
  var metricPattern: String?
  @Flag(help: "JSON on standard output.") var json = false

  func validate() throws {
    guard data != nil || evaluator != nil else { throw ValidationError("one of --data and --evaluator is needed") }
    guard data == nil || evaluator == nil else { throw ValidationError("--data and --evaluator exclude each other") }
    guard outputs == nil || evaluator == nil else {
      throw ValidationError("--outputs needs --data: an evaluator's outputs are its own")
    }
    if evaluator != nil, let given = options.given.first {
      throw ValidationError("\(given) goes with --data: an evaluator reads its own")
    }
    guard (evaluator == nil) == (metricPattern == nil) else {
      throw ValidationError("--evaluator and --metric-pattern go together")
    }
    if let calibration = options.calibration, calibration == data {
      throw ValidationError("--calibration \(calibration): other data than those that score are needed")
    }
  }

  func run() throws {
    let target = try target.map { try Target(name: $0) }
    var session = try choice.session(model: model.paths, cache: model.cache)
    try session.aim(at: target)
    if options.calibration != nil, options.activations == nil, session.unrecovered.isEmpty {
      throw UsageError(
        "--calibration is what --activations are found on, and codes that by= asks for; it is of no use without them")
    }
    try session.recoverMissing(try options.calibration.map { try options.request(data: $0) })
    let line = ProgressLine()
    defer { line.clear() }
    guard let measured = try measure(session, line) else { throw WorkbenchError("called off") }
    line.clear()
    for text in measured.notes { note("lathe: \(printable(text))") }
    if let outputs {
      guard !measured.outputs.isEmpty else {
        throw WorkbenchError("\(outputs): --outputs writes what an ONNX model gave; this is another")
      }
      try measured.writeOutputs(to: outputs)
    }
    try emit(json ? measured.json.text() : measured.text)
  }

  private func measure(_ session: Session, _ line: ProgressLine) throws -> Measurement? {
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    if let evaluator, let metricPattern {
      line.show("the evaluator runs")
      return try session.measure(by: Evaluator(command: evaluator, pattern: metricPattern)) { !flag.came }
    }
    var request = try options.request(data: data ?? "")
    request.options.keepsOutputs = outputs != nil
    return try session.measure(
      request,
      progress: { done, of in
        line.show(of > 0 ? "measuring: \(done) of \(of)" : "making the candidate")
        return true
      }, isCancelled: { flag.came })
  }
}

extension Measurement.Metric {
  var json: JSON {
    .object([
      ("name", .string(name)), ("value", .number(value)), ("standardError", JSON(standardError)),
      ("baseline", JSON(baseline)),
      ("note", isFinite ? .null : .string("a figure is NaN or infinite, which JSON has no number for")),
    ])
  }
}

extension Measurement {
  fileprivate var json: JSON {
    var fields: [(String, JSON)] = [
      (
        "metrics",
        .array(
          metrics.map(\.json))
      ),
      ("samples", .int(samples)), ("perSecond", .number(samplesPerSecond)), ("peakBytes", .int(peakBytes)),
    ]
    if !classNames.isEmpty { fields.append(("classNames", .array(classNames.map { .string($0) }))) }
    if let classification {
      if let confusion = classification.confusion {
        fields.append(("confusion", .array(confusion.map { row in JSON.array(row.map { JSON.int($0) }) })))
      }
      fields.append(
        (
          "classes",
          .array(
            classification.classes.map { one in
              .object([
                ("support", .int(one.support)), ("precision", .number(one.precision)), ("recall", .number(one.recall)),
                ("f1", .number(one.f1)),
              ])
            })
        ))
    }
    return .object(fields)
  }

  fileprivate var text: String {
    var table = TextTable(["metric", "measured", "±", "uncompressed"], right: [1, 2, 3])
    for metric in metrics {
      table.add([
        metric.name, metric.format(metric.value), metric.standardError.map { metric.format($0) } ?? "",
        metric.baseline.map { metric.format($0) } ?? "",
      ])
    }
    // Outputs alone were asked for.
    let head = metrics.isEmpty ? "no labels, no targets and no choice: nothing was measured" : table.text
    return """
      \(head)

      \(samples) samples, \(Format.fixed(samplesPerSecond, 0)) a second, \(Format.bytes(peakBytes)) at most in memory
      """
  }
}
