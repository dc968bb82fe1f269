import ArgumentParser
import Compression
import FileAccess
import Inference
import Workbench

/// `lathe sensitivity`: what each layer's compression does to the outputs.
struct SensitivityCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity", abstract: "Measure what each layer's compression does to the model's outputs.",
    discussion: discussion)

  static let explanation = """
    Every weight is replaced alone by its form at two, three and four bits, and what comes after it is run on a few samples; \
    other schemes follow through their exact t². Then some recipes are measured as wholes: on these the estimate is \
    fitted, and its interval comes of them. Layers for which --set or --recipe has a sparse scheme are measured in that too.
    The figure is the KL divergence of classes or tokens from the uncompressed model's, 1 − cosine of embeddings, or the mean \
    squared error of other outputs. D is what evaluate takes; take other data than those that will score, and than those \
    that trained the model.
    Without data, a language model writes its own with --data self, and images are drawn by what the graph's first \
    normalisation knows of them, else unit normal. --data self:FILE draws inputs like the samples of FILE, which may be few.
    With --imatrix alone nothing else is measured.
    With -o the figures are kept: estimate and open read them with --sensitivity F, also for a sibling of the same shapes.
    """
  static let examples = [
    "lathe sensitivity Samples/digits-cnn.onnx --data Samples/digits-test.npz",
    "lathe sensitivity Samples/shakespeare-llama -o S.json --context 256 \\\n    --data Samples/shakespeare-test.txt",
    "lathe estimate Samples/shakespeare-llama --set '*=int4' \\\n    --sensitivity S.json",
    "lathe sensitivity Samples/shakespeare-llama --imatrix I.gguf \\\n    --data Samples/shakespeare-calibration.txt --context 256",
  ]

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The data.", valueName: "D"), completion: .file()) var data: String
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Data") var options: DataOptions
  @Option(
    help: ArgumentHelp(
      "Samples, windows or lines on which each layer is measured; 256, 1,024 tokens, 8.", valueName: "N"))
  var samples: Int?
  @Option(help: ArgumentHelp("Recipes that are measured as wholes.", valueName: "K")) var recipes = 8
  @Option(
    help: ArgumentHelp(
      "anchors (forward runs alone) or gradients (with what layers do to each other); gradients of ONNX models, anchors of transformers.",
      valueName: "METHOD"), completion: .list(["anchors", "gradients"]))
  var method: String?
  @Option(
    name: [.customShort("o"), .customLong("output-file")], help: ArgumentHelp("Where to keep them.", valueName: "F"),
    completion: .file())
  var file: String?
  @Option(
    help: ArgumentHelp(
      "Write llama.cpp's importance matrix of all the data too: sums of squares of each layer's inputs.",
      valueName: "F.gguf"), completion: .file(extensions: ["gguf"]))
  var imatrix: String?
  @Flag(help: "JSON on standard output: what -o writes.") var json = false

  func validate() throws {
    if let samples, !(1...1 << 20).contains(samples) {
      throw ValidationError("--samples \(samples): from 1 to 1048576 expected")
    }
    guard (0...256).contains(recipes) else { throw ValidationError("--recipes \(recipes): from 0 to 256 expected") }
    if let method, Sensitivities.Method(rawValue: method) == nil {
      throw ValidationError("--method \(method): anchors or gradients expected")
    }
    guard options.activations == nil else {
      throw ValidationError("--activations: sensitivities are of weights; see evaluate")
    }
  }

  func run() throws {
    var session = try choice.session(model: model.paths, cache: model.cache)
    if !session.recipe.choices.isEmpty { _ = session.settleEstimateWithProgress() }
    let line = ProgressLine()
    defer { line.clear() }
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    let request = SensitivityRequest(
      try options.request(data: data), samples: samples, recipes: recipes,
      method: method.flatMap(Sensitivities.Method.init))
    if let imatrix {
      let matrix = try session.importanceMatrix(
        request.measurement,
        progress: { done, of in
          line.show("recording activations: \(done) of \(of)")
          return true
        }, isCancelled: { flag.came })
      guard let matrix else { throw WorkbenchError("called off") }
      try matrix.write(to: imatrix)
      line.clear()
      note("lathe: \(imatrix): importances of \(matrix.entries.count) weights")
      if file == nil, !json { return }
    }
    let found = try measureSensitivities(of: session, request, line, flag)
    let bytes = try found.encoded()
    if let file { try session.write(bytes, to: file) }
    try emit(json ? String(decoding: bytes.dropLast(), as: UTF8.self) : found.text(of: session))
  }
}

/// What layers do to the outputs, measured with a line of progress; what is to be known of it is said.
func measureSensitivities(
  of session: Session, _ request: SensitivityRequest, _ line: ProgressLine, _ flag: Interrupt.Flag
) throws -> Sensitivities {
  let found = try session.sensitivities(
    request,
    progress: {
      line.show("measuring \($0.what): \($0.done) of \($0.of)")
      return true
    }, isCancelled: { flag.came })
  line.clear()
  guard let found else { throw WorkbenchError("called off") }
  for text in found.notes { note("lathe: \(printable(text))") }
  return found
}

extension Sensitivities {
  /// A row a layer, the most harmful for its bytes first.
  fileprivate func text(of session: Session) -> String {
    let sum = layers.values.reduce(0) { $0 + ($1.points.first(where: \.isMeasured)?.effect ?? 0) }
    let unit = difference == .cosine ? "1 − cosine" : difference == .kl ? "KL divergence, nats" : "mean squared error"
    var table = TextTable(
      ["layer", "weights", "4 bits", "3 bits", "2 bits", "other", "share"], right: [1, 2, 3, 4, 5, 6])
    for item in session.items {
      guard let layer = layers[item.name] else { continue }
      let integers = layer.points.filter { $0.scheme.sparsity == .none && $0.isMeasured }
      let rest = layer.points.filter { $0.scheme.sparsity != .none }
      table.add([
        printable(item.name), Format.count(item.count),
        integers.first.map { Format.scientific($0.effect) } ?? "not run",
        integers.dropFirst().first.map { Format.scientific($0.effect) } ?? "",
        integers.dropFirst(2).first.map { Format.scientific($0.effect) } ?? "",
        rest.map { "\($0.scheme): \(Format.scientific($0.effect))" }.joined(separator: "; "),
        sum > 0 ? Format.percent((integers.first?.effect ?? 0) / sum) : "",
      ])
    }
    var lines = [table.text, "", "\(unit); each layer alone, on \(data.outputs) outputs of \(printable(data.name))"]
    if !trials.isEmpty {
      let calibration = Calibration(self)
      var measured = TextTable(["recipe", "bytes", "sum of layers", "measured", "±"], right: [1, 2, 3, 4])
      for trial in trials {
        guard let figure = trial.metrics.first(where: { $0.name == difference.metricName }) else { continue }
        let value = difference == .cosine ? 1 - figure.value : figure.value
        measured.add([
          trial.name, Format.bytes(trial.bytes), Format.scientific(trial.sum), Format.scientific(value),
          figure.standardError.map { Format.scientific($0) } ?? "",
        ])
      }
      let middle = trials.map(\.sum).sorted()[trials.count / 2]
      let prediction = calibration.prediction(of: middle)
      let factor = prediction.low > 0 ? (prediction.high / prediction.low).squareRoot() : 0
      lines += [
        "", measured.text, "",
        "90 % of further recipes are expected within a factor of \(Format.fixed(factor, 2)) of their estimate",
      ]
    }
    return lines.joined(separator: "\n")
  }
}
