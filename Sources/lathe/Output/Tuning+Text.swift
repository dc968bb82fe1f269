import Compression
import FileAccess
import Inference
import Workbench

extension Tuning {
  /// What was compared, the answer first, and how its layers came out.
  func text(of session: Session, _ request: TuningRequest) -> String {
    let difference = session.sensitivities?.values.difference
    let isMeasured = candidates.contains { !$0.metrics.isEmpty }
    let metric = difference.map { $0 == .cosine ? "1 − cosine" : $0.rawValue } ?? "Σ n·t²"
    var table = TextTable(
      ["candidate", "bytes", "bits per weight", "≈ \(metric)", isMeasured ? "measured" : "", isMeasured ? "±" : ""],
      right: [1, 2, 3, 4, 5])
    for candidate in candidates {
      let figure = difference.flatMap { one in candidate.metrics.first { $0.name == one.metricName } }
      table.add([
        candidate.name, "\(candidate.bytes)", Format.fixed(candidate.bitsPerWeight, 3),
        candidate.prediction.map { Format.scientific($0.value) } ?? Format.scientific(candidate.harm),
        figure.map { Format.scientific(difference == .cosine ? 1 - $0.value : $0.value) } ?? "",
        figure?.standardError.map { Format.scientific($0) } ?? "",
      ])
    }
    var lines = [table.text, "", layers(of: session), ""]
    lines.append(
      "answer  \(answer.name): \(answer.bytes) bytes, \(Format.fixed(answer.bitsPerWeight, 3)) bits per weight"
        + (gap > 0 ? "; at most \(Format.significant(gap * 100)) % from the sum's best" : "; the sum's proven best"))
    if let prediction = answer.prediction {
      lines.append(
        "        \(prediction.metric) ≈ \(prediction.text), 90 % within \(prediction.rangeText) (\(prediction.method))")
    }
    for figure in answer.metrics {
      let baseline = figure.baseline.map { ", uncompressed \(Format.significant($0, 4))" } ?? ""
      let error = figure.standardError.map { " ± \(Format.significant($0, 2))" } ?? ""
      lines.append(
        "        \(figure.name) \(Format.significant(figure.value, 4))\(error)\(baseline), on what it was chosen on")
    }
    return lines.joined(separator: "\n")
  }

  /// `12 layers int4, 3 layers int6 …`, the most bits first.
  private func layers(of session: Session) -> String {
    var counts: [(scheme: Scheme, layers: Int, weights: Int, bytes: Int)] = []
    for item in session.items where item.kind == .weight && item.sharedWith == nil {
      let scheme = answer.recipe[item]
      let bytes = session.bytes(of: item, in: scheme).bytes
      if let place = counts.firstIndex(where: { $0.scheme == scheme }) {
        counts[place].layers += 1
        counts[place].weights += item.count
        counts[place].bytes += bytes
      } else {
        counts.append((scheme, 1, item.count, bytes))
      }
    }
    var table = TextTable(["scheme", "layers", "weights", "bytes"], right: [1, 2, 3])
    for one in counts.sorted(by: { $0.bytes * max(1, $1.weights) > $1.bytes * max(1, $0.weights) }) {
      table.add(["\(one.scheme)", "\(one.layers)", Format.count(one.weights), Format.bytes(one.bytes)])
    }
    return table.text
  }

  func json(of session: Session, _ request: TuningRequest) -> JSON {
    let shown = session.items.filter { $0.kind == .weight && $0.sharedWith == nil }
    return .object([
      ("budgets", .array(request.budgets.map { .string($0.description) })), ("bytes", .int(answer.bytes)),
      ("originalBytes", .int(session.estimate.originalBytes)), ("bitsPerWeight", .number(answer.bitsPerWeight)),
      ("gap", .number(gap)),
      ("estimate", answer.prediction?.json(measured: session.sensitivities?.calibration.measured) ?? .null),
      (
        "candidates",
        .array(
          candidates.map { candidate in
            .object([
              ("name", .string(candidate.name)), ("bytes", .int(candidate.bytes)),
              ("bitsPerWeight", .number(candidate.bitsPerWeight)), ("sum", .number(candidate.harm)),
              ("estimate", candidate.prediction?.json(measured: session.sensitivities?.calibration.measured) ?? .null),
              ("metrics", .array(candidate.metrics.map(\.json))), ("keepsBudgets", .bool(candidate.keepsBudgets)),
            ])
          })
      ),
      ("warnings", .array((session.warnings + notes).map { .string($0) })),
      (
        "layers",
        .array(
          shown.map { item in
            let scheme = answer.recipe[item]
            return .object([
              ("name", .string(item.name)), ("scheme", .string("\(scheme)")),
              ("by", JSON(answer.recipe.choices[item.name]?.by.rawValue)),
              ("bytes", .int(session.bytes(of: item, in: scheme).bytes)),
              ("relativeError", JSON(session.relativeError(of: item, in: scheme))),
              ("effect", JSON(session.effect(of: item, in: scheme))),
            ])
          })
      ),
    ])
  }
}
