import ArgumentParser
import TerminalUI
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
  @Option(
    help: ArgumentHelp(
      "How images become inputs: size=WxH, crop=SHARE, mean=R:G:B, deviation=R:G:B, scale=255, order=bgr, layout=nhwc.",
      valueName: "SPEC"), completion: .list(ValueCompletion.images))
  var images: String?
  @Option(help: ArgumentHelp("Tokens of a window of text; as the model has it, at most 512.", valueName: "N"))
  var context: Int?
  @Option(
    help: ArgumentHelp(
      "Simulate integer activations: int8, int8,percentile=99.9; needs --calibration.", valueName: "SPEC"),
    completion: .list(["int8", "int8,percentile=99.9", "int16"]))
  var activations: String?
  @Option(
    help: ArgumentHelp("Data that activations' ranges are found on; not those that score.", valueName: "D"),
    completion: .file())
  var calibration: String?
  @Option(help: ArgumentHelp("A command that measures {model}.", valueName: "COMMAND")) var evaluator: String?
  @Option(
    name: .customLong("metric-pattern"),
    help: ArgumentHelp("A regular expression whose first group is the evaluator's figure.", valueName: "REGEX"))
  var metricPattern: String?
  @Flag(help: "JSON on standard output.") var json = false

  func validate() throws {
    if let context, !(2...1 << 20).contains(context) {
      throw ValidationError("--context \(context): from 2 to 1048576 expected")
    }
    guard (data == nil) != (evaluator == nil) else {
      throw ValidationError("one of --data and --evaluator is needed")
    }
    guard (evaluator == nil) == (metricPattern == nil) else {
      throw ValidationError("--evaluator and --metric-pattern go together")
    }
    guard activations == nil || calibration != nil else {
      throw ValidationError("--activations needs --calibration D, other data than those that score")
    }
    if let calibration, calibration == data {
      throw ValidationError("--calibration \(calibration): other data than those that score are needed")
    }
  }

  func run() throws {
    let session = try choice.session(model: model.paths)
    let line = ProgressLine()
    defer { line.clear() }
    guard let measured = try measure(session, line) else { throw WorkbenchError("called off") }
    line.clear()
    print(json ? measured.json.text() : measured.text)
  }

  private func measure(_ session: Session, _ line: ProgressLine) throws -> Measurement? {
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    if let evaluator, let metricPattern {
      line.show("the evaluator runs")
      return try session.measure(by: Evaluator(command: evaluator, pattern: metricPattern)) { !flag.came }
    }
    var request = MeasurementRequest(data: data ?? "", context: context)
    do { if let images { request.images = try ImageOptions(spec: images) } } catch { throw WorkbenchError("\(error)") }
    if let activations, let calibration {
      request.activations = try ActivationOptions(spec: activations, calibration: calibration)
    }
    return try session.measure(
      request,
      progress: { done, of in
        line.show(of > 0 ? "measuring: \(done) of \(of)" : "making the candidate")
        return true
      }, isCancelled: { flag.came })
  }
}

extension Measurement {
  fileprivate var json: JSON {
    var fields: [(String, JSON)] = [
      (
        "metrics",
        .array(
          metrics.map { metric in
            .object([
              ("name", .string(metric.name)), ("value", .number(metric.value)),
              ("standardError", JSON(metric.standardError)), ("baseline", JSON(metric.baseline)),
              ("note", metric.isFinite ? .null : .string("a figure is NaN or infinite, which JSON has no number for")),
            ])
          })
      ),
      ("samples", .int(samples)), ("perSecond", .number(samplesPerSecond)), ("peakBytes", .int(peakBytes)),
    ]
    if let classification {
      fields.append(
        ("confusion", .array(classification.confusion.map { row in JSON.array(row.map { JSON.int($0) }) })))
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
    return """
      \(table.text)

      \(samples) samples, \(Format.fixed(samplesPerSecond, 0)) a second, \(Format.bytes(peakBytes)) at most in memory
      """
  }
}
