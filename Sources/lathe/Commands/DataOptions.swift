import ArgumentParser
import Inference
import Workbench

/// How data go through a model: what several commands take beside the data.
struct DataOptions: ParsableArguments {
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
  @Option(
    help: ArgumentHelp(
      "Samples that a network runs at once: 32, or 1 where it quantises activations as it runs.", valueName: "N"))
  var batch: Int?
  @Option(help: ArgumentHelp("The network's output that is looked at; the first.", valueName: "NAME"))
  var output: String?
  @Option(
    help: ArgumentHelp(
      "Memory that a model's decoded weights and its arrays may take while it runs; six tenths of the machine's, of which a network's arrays take at most an eighth of the machine's.",
      valueName: "SIZE"))
  var memory: String?

  func validate() throws {
    if let context, !(2...1 << 20).contains(context) {
      throw ValidationError("--context \(context): from 2 to 1048576 expected")
    }
    if let batch, !(1...1 << 20).contains(batch) {
      throw ValidationError("--batch \(batch): from 1 to 1048576 expected")
    }
    if let memory {
      do { _ = try ByteSize(spec: memory) } catch { throw ValidationError("--memory \(error)") }
    }
    guard activations == nil || calibration != nil else {
      throw ValidationError("--activations needs --calibration D, other data than those that score")
    }
  }

  /// The options that were given.
  var given: [String] {
    let all: [(String, Bool)] = [
      ("--images", images != nil), ("--context", context != nil), ("--activations", activations != nil),
      ("--calibration", calibration != nil), ("--batch", batch != nil), ("--output", output != nil),
      ("--memory", memory != nil),
    ]
    return all.filter(\.1).map(\.0)
  }

  /// - Throws: `WorkbenchError` for what is no option.
  func request(data: String) throws -> MeasurementRequest {
    var request = MeasurementRequest(data: data, context: context)
    do { if let images { request.images = try ImageOptions(spec: images) } } catch { throw WorkbenchError("\(error)") }
    if let activations, let calibration {
      request.activations = try ActivationOptions(spec: activations, calibration: calibration)
    }
    request.options = .init(batch: batch, output: output, memory: try memory.map { try ByteSize(spec: $0).bytes })
    return request
  }
}
