import ArgumentParser
import Compression
import FileAccess
import Inference
import Workbench

/// `lathe tune`: the best recipe within budgets.
struct TuneCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Find the recipe that does the least harm within a size, or is smallest within a harm.",
    discussion: discussion)

  static let explanation = """
    Budgets: 4.5bpw, 20MB, 8x (an eighth of the size), 4GB@ctx=8192 (memory with keys and values), 30tok/s@DEVICE, and of \
    what may be lost: acc-1 (points of top-1), kl=0.02, cosine=0.01 (1 − cosine), agreement=99%, ppl+1%. Several may stand \
    together.
    What --recipe and --set choose stays as it is, and so do layers that a runtime runs with it as one; all else is searched \
    over the target's schemes, or ggml's types for a GGUF, or integers of 2 to 8 bits.
    With --data each layer is measured as lathe sensitivity does, and the best candidates as wholes, the uniform recipe \
    and llama.cpp's own mix among them: the answer is never worse by measurement. Score the answer on other data. \
    Without --data and --sensitivity layers count by n·t² alone, which is hardly better than one width everywhere.
    """
  static let examples = [
    "lathe tune Samples/digits-cnn.onnx --budget 4bpw \\\n    --data Samples/digits-calibration.npz -o digits-4.json",
    "lathe tune Samples/shakespeare-llama --budget ppl+1% --context 256 \\\n    --data Samples/shakespeare-calibration.txt -o small.json",
    "lathe tune Samples/shakespeare-llama --budget 1MB --to gguf \\\n    --context 256 --data Samples/shakespeare-calibration.txt -o g.json",
    "lathe tune Samples/digits-cnn.onnx --budget 8x --json \\\n    --schemes int2,int4,int8,affine",
  ]

  @OptionGroup var model: ModelArgument
  @Option(
    name: .customLong("budget"), parsing: .singleValue,
    help: ArgumentHelp("What it may take or lose; may repeat.", valueName: "B"),
    completion: .list(ValueCompletion.budgets))
  var budgets: [String] = []
  @Option(help: ArgumentHelp("Data that layers and candidates are measured on.", valueName: "D"), completion: .file())
  var data: String?
  @OptionGroup var sensitivity: SensitivityOption
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "The only schemes that may appear: q4_k,q6_k or int4,group=64,int8; may repeat.", valueName: "S,…"))
  var schemes: [String] = []
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("What the recipe is for: its schemes, its numbers, its bytes.", valueName: "TARGET"),
    completion: .list(ValueCompletion.targets))
  var target: String?
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Data") var options: DataOptions
  @Option(help: ArgumentHelp("Candidates that are measured as wholes, with --data.", valueName: "N")) var measure = 4
  @Option(help: ArgumentHelp("Samples on which each layer is measured; see lathe sensitivity.", valueName: "N"))
  var samples: Int?
  @Option(
    name: [.customShort("o"), .customLong("output-file")],
    help: ArgumentHelp("Where to keep the recipe.", valueName: "RECIPE"),
    completion: .file(extensions: ["json"]))
  var file: String?
  @Flag(help: "JSON on standard output.") var json = false

  func validate() throws {
    guard !budgets.isEmpty else {
      throw ValidationError("--budget B is missing: 4.5bpw, 20MB, 8x, acc-1, kl=0.02, ppl+1%")
    }
    for text in budgets { do { _ = try Budget(spec: text) } catch { throw ValidationError("--budget: \(error)") } }
    do { _ = try schemeList() } catch { throw ValidationError("--schemes: \(error)") }
    guard (0...64).contains(measure) else { throw ValidationError("--measure \(measure): from 0 to 64 expected") }
    if let samples, !(1...1 << 20).contains(samples) {
      throw ValidationError("--samples \(samples): from 1 to 1048576 expected")
    }
    guard options.activations == nil else {
      throw ValidationError("--activations: recipes are of weights; see evaluate")
    }
    if data == nil, let given = options.given.first {
      throw ValidationError("\(given) has no effect without --data")
    }
  }

  func run() throws {
    let target = try target.map { try Target(argument: $0) }
    var session = try choice.session(model: model.paths, cache: model.cache)
    try session.aim(at: target)
    let interrupt = Interrupt()
    defer { withExtendedLifetime(interrupt) {} }
    let flag = interrupt.flag
    let line = ProgressLine()
    defer { line.clear() }
    try sensitivity.adopt(by: &session, verbose: choice.verbose)
    var request = TuningRequest(try budgets.map { try Budget(spec: $0) }, schemes: try schemeList())
    request.measurement = try data.map { try options.request(data: $0) }
    request.candidates = measure
    if let measurement = request.measurement, sensitivity.path == nil {
      try session.adopt(
        measureSensitivities(of: session, SensitivityRequest(measurement, samples: samples), line, flag))
    }
    let failures =
      session.settleWithProgress(session.searchQuestions(request.schemes)) + session.settleEstimateWithProgress()
    let found = try session.tune(
      request,
      progress: {
        line.show("measuring candidates: \($0) of \($1)")
        return true
      }, isCancelled: { flag.came })
    line.clear()
    guard let found else { throw WorkbenchError("called off") }
    session.commit(found.answer.recipe, provenance: Provenance(found, request, target: target))
    if let file {
      _ = try session.write(.lathe, to: file)
      note("lathe: wrote \(file)")
    }
    for text in session.warnings + found.notes { note("lathe: \(printable(text))") }
    try emit(json ? found.json(of: session, request).text() : found.text(of: session, request))
    if let failure = Failure(reading: failures) { throw failure }
  }

  /// `int4,group=64,int8` is two schemes: a word that is none belongs to the one before it.
  private func schemeList() throws -> [Scheme]? {
    guard !schemes.isEmpty else { return nil }
    var specs: [String] = []
    for text in schemes {
      var isFirst = true
      for part in text.split(separator: ",", omittingEmptySubsequences: true).map(String.init) {
        if isFirst || (try? Scheme(spec: part)) != nil {
          specs.append(part)
        } else {
          specs[specs.count - 1] += "," + part
        }
        isFirst = false
      }
    }
    return try specs.map { try Scheme(spec: $0) }
  }
}
