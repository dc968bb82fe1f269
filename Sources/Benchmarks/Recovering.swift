import Checkpoints
import Compression
import Inference
import Workbench

/// What each way to choose codes wins back, on data that took no part: method by scheme, before and after, and what it took.
struct Recovering {
  /// MODEL CALIBRATION TEST of one's own.
  let more: [String]

  private static let languageModels = [
    "int4,group=128", "int3,group=128", "q4_0", "q4_k", "q3_k", "q2_k", "keep,sparsity=0.5", "keep,sparsity=2:4",
  ]
  private static let others = ["int8,tensor", "int4,tensor", "int4,channel", "int3,channel", "int2,channel", "ternary"]

  func run() throws {
    Table.title("codes chosen by what they do to the outputs, on held-out data: before and after, and seconds")
    for one in Truth.cases(more) { try run(one) }
  }

  private func run(_ one: Truth.Case) throws {
    let checkpoint = try Checkpoint.open(one.model)
    let test = MeasurementRequest(data: one.test, context: one.context)
    for spec in one.context == nil ? Self.others : Self.languageModels {
      guard let plain = try measured(checkpoint, spec, .nearest, one, test) else { continue }
      Table.row("\(one.name), \(spec)", plain.text, "nearest levels")
      if one.context == nil {
        for (equalises, corrects) in [(true, false), (false, true), (true, true)] {
          guard let found = try? measured(checkpoint, spec, .nearest, one, test, equalises, corrects) else { continue }
          let words = [equalises ? "--equalise" : nil, corrects ? "--correct-biases" : nil].compactMap { $0 }
          Table.row("", found.text, "\(words.joined(separator: " ")), \(fixed(found.seconds, 1)) s")
        }
      }
      for choice in CodeChoice.methods where choice != .nearest {
        guard let found = try? measured(checkpoint, spec, choice, one, test) else { continue }
        Table.row("", found.text, "by=\(choice.rawValue), \(fixed(found.seconds, 1)) s")
      }
    }
  }

  private struct Found {
    let text: String
    let seconds: Double
  }

  private func measured(
    _ checkpoint: Checkpoint, _ spec: String, _ choice: CodeChoice, _ one: Truth.Case, _ test: MeasurementRequest,
    _ equalises: Bool = false, _ corrects: Bool = false
  ) throws -> Found? {
    var session = Session(checkpoint)
    var scheme = try Scheme(spec: spec)
    scheme.by = choice
    try session.apply([try Rule("*=\(scheme)")])
    if equalises { _ = try session.chooseEqualised(all: true) }
    if corrects { _ = try session.chooseCorrectedBiases() }
    var took = 0.0
    if choice != .nearest || equalises || corrects {
      var request = RecoveryRequest(MeasurementRequest(data: one.calibration, context: one.context))
      request.equalises = equalises
      if one.samples < 1 << 20 { request.samples = one.samples }
      guard let recovered = try session.recover(request) else { return nil }
      session.take(recovered.chosen)
      took = recovered.seconds
    }
    guard let found = try session.measure(test) else { return nil }
    let shown = found.metrics.filter { ["perplexity", "KL divergence", "top-1", "cosine"].contains($0.name) }
    return Found(text: shown.map { "\($0.name) \($0.format($0.value))" }.joined(separator: ", "), seconds: took)
  }
}
