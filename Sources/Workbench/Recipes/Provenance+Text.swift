import Checkpoints
import FileAccess
import Inference

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Provenance {
  /// What there is to tell, a word and its text each; nothing in them ends a line.
  var entries: [(word: String, text: String)] {
    var entries: [(word: String, text: String)] = [("version", lathe)]
    if let method { entries.append(("method", method)) }
    if !budgets.isEmpty { entries.append(("budget", budgets.joined(separator: ", "))) }
    if let data { entries.append(("data", data)) }
    if let target { entries.append(("target", target)) }
    if let estimate { entries.append(("estimate", estimate.text)) }
    if !measured.isEmpty { entries.append(("measured", measured.map(\.text).joined(separator: "; "))) }
    return entries.filter { !$0.text.isEmpty }.map { ($0.word, printable(shortened($0.text, to: 4096))) }
  }

  /// The same as lines of a comment, the first without a word.
  var lines: [String] {
    ["Lathe's recipe"] + entries.map { "\($0.word): \($0.text)" }
  }

  /// Keys of a GGUF file's metadata begin so.
  static let keyPrefix = "lathe.recipe."

  /// The metadata of a GGUF file.
  var fields: [(key: String, value: GGUFField)] {
    entries.map { (Self.keyPrefix + $0.word, .string($0.text)) }
  }
}

extension Provenance {
  /// What sheets say of it: lines for comments, and JSON in one line.
  var templateValues: [String: Any] {
    ["lines": lines.map { ["text": TemplateWord($0)] as [String: Any] }, "json": TemplateWord(json)]
  }

  /// As a recipe's file has it, in one line.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}

extension Provenance.Expected {
  /// `kl 0.012, 90 % interval 0.010–0.015 (fitted K=8)`.
  var text: String {
    let found = Calibration.Prediction(metric: metric, value: value, low: low, high: high, method: method)
    return "\(metric) \(found.text), 90 % interval \(found.rangeText)\(method.isEmpty ? "" : " (\(method))")"
  }
}

extension Provenance.Measured {
  /// `top-1 0.9722 ± 0.0087, uncompressed 0.9778, on digits-test.npz, 360 samples`.
  var text: String {
    var text = "\(metric) \(Format.significant(value, 6))"
    if let standardError { text += " ± \(Format.significant(standardError))" }
    if let baseline { text += ", uncompressed \(Format.significant(baseline, 6))" }
    if !data.isEmpty { text += ", on \(data)" }
    if samples > 0 { text += ", \(counted(samples, "sample"))" }
    return text
  }
}

extension Session {
  /// The story of the recipe as it stands: what came with it, the estimate where sensitivities are known, and what was
  /// measured of exactly this recipe. `nil` where it was chosen by hand and nothing is known, or where it is left out.
  ///
  /// - Complexity: O(items).
  public var provenance: Provenance? {
    guard tellsProvenance else { return nil }
    var found = history.provenance ?? Provenance()
    if sensitivities != nil, let expected = prediction(of: estimate), expected.isFinite {
      found.estimate = Provenance.Expected(
        metric: expected.metric, value: expected.value, low: expected.low, high: expected.high, method: expected.method)
    }
    for measurement in measurements where measurement.recipe == recipe {
      let data = Provenance.withoutFolders(measurement.data)
      for metric in measurement.metrics where metric.isFinite {
        let figure = Provenance.Measured(
          metric: metric.name, value: metric.value, standardError: metric.standardError, baseline: metric.baseline,
          data: data, samples: measurement.samples)
        if let place = found.measured.firstIndex(where: { $0.metric == figure.metric && $0.data == data }) {
          found.measured[place] = figure
        } else {
          found.measured.append(figure)
        }
      }
    }
    guard !found.isEmpty else { return nil }
    found.method = found.method ?? Provenance.byHand
    found.lathe = Version.number
    return found
  }
}

extension Calibration.Prediction {
  fileprivate var isFinite: Bool { value.isFinite && low.isFinite && high.isFinite }
}
