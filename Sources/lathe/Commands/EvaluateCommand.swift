import ArgumentParser
import TerminalUI
import Workbench

/// `lathe evaluate`: the choice, run on data.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Run the choice on held-out data and measure it.",
    discussion: """
      D is an .npz whose arrays are named as the model's inputs, and `labels`. ONNX models of convolutional and \
      linear networks can be run; an operator that is not there is named.
      Example: lathe evaluate digits-cnn.onnx --data digits-test.npz --set '*=int4' --json
      """)

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The data.", valueName: "D")) var data: String
  @OptionGroup var choice: ChoiceOptions
  @Flag(help: "JSON on standard output.") var json = false

  func run() throws {
    let session = try choice.session(model: model.paths)
    let line = ProgressLine()
    defer { line.clear() }
    let measured = try session.measure(data: data) { done, of in
      line.show("measuring: \(done) of \(of) samples")
      return true
    }
    guard let measured else { return }
    line.clear()
    print(json ? measured.json.text() : measured.text)
  }
}

extension Measurement {
  fileprivate var json: JSON {
    .object([
      (
        "metrics",
        .array(
          metrics.map { metric in
            .object([
              ("name", .string(metric.name)), ("value", .number(metric.value)),
              ("standardError", .number(metric.standardError)), ("baseline", JSON(metric.baseline)),
            ])
          })
      ),
      ("samples", .int(samples)), ("perSecond", .number(samplesPerSecond)), ("peakBytes", .int(peakBytes)),
    ])
  }

  fileprivate var text: String {
    var table = TextTable(["metric", "measured", "±", "uncompressed"], right: [1, 2, 3])
    for metric in metrics {
      table.add([
        metric.name, "\(Format.fixed(metric.value * 100, 2)) %", Format.fixed(metric.standardError * 100, 2),
        metric.baseline.map { "\(Format.fixed($0 * 100, 2)) %" } ?? "",
      ])
    }
    return """
      \(table.text)

      \(samples) samples, \(Format.fixed(samplesPerSecond, 0)) a second, \(Format.bytes(peakBytes)) at most in memory
      """
  }
}
