import ArgumentParser
import Checkpoints
import Compression
import FileAccess
import Inference
import Workbench

/// `lathe estimate`: what a choice costs and saves, without running the model.
struct EstimateCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract: "Exact size and exact weight error of a choice, and its relative damage.",
    discussion: discussion)

  static let explanation = """
    The damage is Σ n·t² / Σ n over weights, in units of int4,group=32 everywhere. It is not calibrated on this model: \
    it ranks choices, it is no accuracy.
    Without --to, bytes counts codes, scales and zero points without padding ("packed"). With --to, errors and sizes are \
    those of the numbers that the tool itself makes: its grid of integers, its type of scales.
    With --sensitivity (see lathe sensitivity) the estimate is of a metric, with the interval in which nine of ten \
    measurements lie. Below three bits take it as a lower bound until it is measured.
    """
  static let examples = [
    "lathe estimate Samples/shakespeare-llama --set '*=int4' \\\n    --set '*down_proj*=int6'",
    "lathe estimate Samples/digits-cnn.onnx --json \\\n    --set '*=kmeans4,sparsity=0.5,coding=huffman'",
    "lathe estimate Samples/shakespeare-llama-f16.gguf --set '*=q4_0' \\\n    --to gguf",
  ]

  @OptionGroup var model: ModelArgument
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "Count with this target's numbers, and the bytes that export writes there.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets))
  var target: String?
  @OptionGroup var sensitivity: SensitivityOption
  @Option(
    help: ArgumentHelp(
      "What the choice would take and give on a device: a name that lathe devices prints, or FILE.json#NAME.",
      valueName: "DEVICE"), completion: .list(DeviceProfile.all.map(\.name)))
  var device: String?
  @Option(
    name: .customLong("context-length"),
    help: ArgumentHelp("Tokens whose keys and values stand in the device's memory.", valueName: "N"))
  var contextLength = 4096
  @Flag(help: "JSON on standard output.") var json = false

  func validate() throws {
    guard (0...1 << 30).contains(contextLength) else {
      throw ValidationError("--context-length \(contextLength): from 0 to 1073741824 expected")
    }
  }

  func run() throws {
    let device = try device.map { try DeviceProfile(spec: $0) }
    let target = try target.map { try Target(argument: $0) }
    var session = try choice.session(model: model.paths, cache: model.cache)
    try session.aim(at: target)
    try sensitivity.adopt(by: &session, verbose: choice.verbose)
    let failures = session.settleEstimateWithProgress()
    var bytes = session.estimate.bytes
    // Of a config: what the tool makes of the model; the config's own size stands beside it.
    var fileBytes: Int?
    if let target {
      fileBytes =
        target.isCheckpoint
        ? try session.size(checkpoint: target) : try session.export(to: target, path: "PATH").byteCount
      if target.isCheckpoint, let fileBytes { bytes = fileBytes }
    }
    let found = try device.map { try onDevice($0, session) }
    let pages = Pages()
    if json {
      try session.estimation(bytes: bytes, fileBytes: fileBytes, device: found?.json(device)).write {
        try pages.put($0)
      }
      try pages.put("\n")
    } else {
      try session.writeEstimation(fileBytes: fileBytes, target: target) { try pages.put($0) }
      if let found { try pages.put(found.line(device)) }
    }
    try pages.flush()
    if let failure = Failure(reading: failures) { throw failure }
  }
}

extension EstimateCommand {
  private func onDevice(_ device: DeviceProfile, _ session: Session) throws -> DeviceEstimate {
    var multiplications: [Int: Int]?
    if session.checkpoint.graph != nil {
      do { multiplications = try Network(session.checkpoint).multiplications() } catch {
        note("lathe: \(device.name): how much a sample computes is not known: \(error)")
      }
    }
    return session.estimate(on: device, context: contextLength, multiplications: multiplications)
  }
}

extension DeviceEstimate {
  fileprivate func json(_ device: DeviceProfile?) -> JSON {
    .object([
      ("name", JSON(device?.name)), ("memoryBytes", .number(memoryBytes)), ("cacheBytes", .number(cacheBytes)),
      ("activeBytes", .number(activeBytes)), ("fits", .bool(fits)), ("unit", .string(unit)),
      ("perSecond", JSON(perSecond)), ("joules", JSON(energy)),
    ])
  }

  /// `≈ on laptop-ddr5: 1.6 MiB in memory (…), 12,000 tokens/s, 0.3 mJ each`.
  fileprivate func line(_ device: DeviceProfile?) -> String {
    let one = unit.dropLast()
    var text = "device  ≈ on \(device?.name ?? ""): \(Format.bytes(Int(saturating: memoryBytes))) in memory"
    if cacheBytes > 0 { text += ", \(Format.bytes(Int(saturating: cacheBytes))) of it keys and values" }
    text += fits ? "" : ", MORE THAN IT HAS"
    text += "; \(Format.bytes(Int(saturating: activeBytes))) read \(one == "image" ? "an" : "a") \(one)"
    if let perSecond { text += "; \(Format.significant(perSecond)) \(unit)/s" }
    if let energy { text += ", \(Format.significant(energy * 1000)) mJ each" }
    return text + "\n"
  }
}

extension Session {
  /// The items that an estimate speaks of: weights, and what else was chosen for.
  fileprivate var estimated: [Item] { items.filter { $0.kind == .weight || !recipe[$0].isKeep } }

  fileprivate func estimation(bytes: Int, fileBytes: Int?, device: JSON?) -> JSON {
    let estimate = estimate
    let shown = estimated
    var fields: [(String, JSON)] = [
      ("bytes", .int(bytes)), ("fileBytes", JSON(fileBytes)), ("originalBytes", .int(estimate.originalBytes)),
      ("bitsPerWeight", .number(estimate.bitsPerWeight)),
      (
        "estimate",
        prediction(of: estimate)?.json(measured: sensitivities?.calibration.measured)
          ?? .object([
            ("metric", .string("relative damage")), ("value", JSON(estimate.damage)), ("low", .null),
            ("high", .null),
            ("method", .string("uncalibrated")),
          ])
      ),
      ("estimates", .array(predictions(of: estimate).map { $0.json(measured: sensitivities?.calibration.measured) })),
      ("warnings", .array(warnings.map { .string($0) })),
      (
        "layers",
        .rows(
          shown.count,
          { index in
            let item = shown[index]
            let scheme = scheme(of: item)
            let assessment = assessment(of: item, in: scheme)
            let error = relativeError(of: item, in: scheme)
            return .object([
              ("name", .string(item.name)), ("scheme", .string("\(scheme)")),
              ("made", .string("\(made(scheme, of: item))")), ("relativeError", JSON(error)),
              ("sqnr", JSON(error.flatMap(decibels(relativeError:)))), ("effect", JSON(effect(of: item, in: scheme))),
              ("weightedError", JSON(assessment?.weightedError)), ("sparsity", JSON(assessment?.sparsity)),
              ("bytes", .int(self.bytes(of: item, in: scheme).bytes)),
              ("form", JSON(assessment?.size.form.rawValue)),
              ("note", JSON(note(on: item))),
            ])
          })
      ),
    ]
    if let device { fields.append(("device", device)) }
    return .object(fields)
  }

  fileprivate func writeEstimation(
    fileBytes: Int?, target: Target?, _ put: (String) throws -> Void
  ) throws {
    let estimate = estimate
    var table = TextTable(
      ["layer", "scheme", "t²", "SQNR dB", "weighted t²", "zeros", "bytes", "note"], right: [2, 3, 4, 5, 6])
    for item in estimated {
      let scheme = scheme(of: item)
      let error = relativeError(of: item, in: scheme)
      table.add([
        printable(item.name), "\(scheme)",
        error.map { Format.scientific($0) } ?? (hasNoFiniteNumber(item) ? "–" : "not yet computed"),
        error.flatMap(decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "",
        assessment(of: item, in: scheme)?.weightedError.map { Format.scientific($0) } ?? "",
        assessment(of: item, in: scheme)?.sparsity.map(Format.percent) ?? "",
        "\(self.bytes(of: item, in: scheme).bytes)",
        note(on: item) ?? "",
      ])
    }
    try table.write(put)
    try put(
      """

      size    \(Format.bytes(estimate.originalBytes)) → \(Format.bytes(estimate.bytes)) (\(estimate.bytes) bytes packed), \
      \(Format.fixed(estimate.ratio, 2))×, \(Format.fixed(estimate.bitsPerWeight, 2)) bits per weight\
      \(fileBytes.map { "\nfile    \($0) bytes for \(target?.name ?? "")" } ?? "")
      damage  \(estimate.damage.map { "≈ \(Format.significant($0))" } ?? "not known") (uncalibrated; int4,group=32 everywhere is 1)

      """)
    for prediction in predictions(of: estimate) { try put(prediction.line + "\n") }
    for warning in warnings { try put("        \(warning)\n") }
  }
}

extension Calibration.Prediction {
  func json(measured: Int?) -> JSON {
    .object([
      ("metric", .string(metric)), ("value", .number(value)), ("low", .number(low)), ("high", .number(high)),
      ("method", .string(method.hasPrefix("fitted") ? "fitted" : method)), ("measured", JSON(measured)),
    ])
  }

  fileprivate var line: String {
    let name = metric + String(repeating: " ", count: max(1, 12 - metric.count))
    return "\(name)≈ \(text), 90 % within \(rangeText) (\(method))"
  }
}
