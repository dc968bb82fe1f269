import FileAccess
import Inference
import Workbench

// What came of jobs, as the state shows it.

extension State {
  /// What was written and how to use it: in the status line, or, where it is longer, in a text over the screen.
  mutating func tell(_ export: Export) {
    let places = export.files.map { "\(printable($0.path)), \($0.bytes.count) bytes" }
    let usage = export.usage.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
    say("wrote \(places.joined(separator: "; "))\(usage.count == 1 ? ": \(usage[0])" : "")")
    guard usage.count > 1 || places.count > 1 || !export.notes.isEmpty else { return }
    let notes = export.notes.isEmpty ? [] : [""] + export.notes
    popup = TextPopup(title: "Written", lines: places + notes.flatMap(wrapped) + [""] + usage)
  }

  /// Says why something was not done; what takes several lines in a text over the screen.
  mutating func refuse(_ reason: String) {
    let lines = reason.split(separator: "\n").map { printable(String($0)) }
    complain(lines.first ?? reason)
    if lines.count > 1 { popup = TextPopup(title: "Not written", lines: lines.flatMap(wrapped)) }
  }

  /// A line as many as the screen is wide enough for.
  func wrapped(_ line: String) -> [String] {
    var lines = [""]
    for word in line.split(separator: " ", omittingEmptySubsequences: false) {
      let next = lines[lines.count - 1].isEmpty ? String(word) : lines[lines.count - 1] + " " + word
      if TextWidth.columns(of: next) <= max(20, size.width - 6) || lines[lines.count - 1].isEmpty {
        lines[lines.count - 1] = next
      } else {
        lines.append("    " + word)
      }
    }
    return lines
  }
}

extension State {
  /// Takes an imported choice over, as one step that can be undone, and says what came of it.
  mutating func adopt(_ choice: ImportedChoice, from path: String) {
    session.commit(choice.outcome)
    sessionChanged()
    let count = choice.outcome.recipe.choices.count
    let kind = choice.kind.map { ", \($0)" } ?? ""
    say("\(count) layer\(count == 1 ? "" : "s") from \(printable(path))\(kind)")
    if let first = choice.mismatches.first {
      complain("\(choice.mismatches.count) of the recipe's layers do not match; \(printable(first))")
    }
  }
}

extension State {
  /// Makes a target the one that the recipe is meant for, and says what it makes of the recipe.
  mutating func take(_ aim: Aim) {
    session.take(aim)
    sessionChanged()
    guard let target = aim.target else { return say("no target: any scheme goes") }
    if let first = session.items.first(where: { figures.misfits[$0.id] != nil }), let reason = figures.misfits[first.id]
    {
      let more = figures.misfits.count > 1 ? " and \(figures.misfits.count - 1) more" : ""
      complain("\(target.name): \(printable(first.name))\(more): \(reason)")
    } else {
      say("\(target.name) takes every choice: \(target.summary)")
    }
  }

  /// Takes sensitivities over: estimates are of a metric from then on.
  ///
  /// - Parameter path: where they were read; `nil` where they were measured here.
  mutating func take(_ values: Sensitivities, from path: String?) {
    do throws(WorkbenchError) {
      let mismatches = try session.adopt(values)
      sessionChanged()
      let borrowed = session.sensitivities?.isBorrowed == true ? ", borrowed from \(values.model)" : ""
      let count = values.trials.count
      say(
        "calibrated: \(values.layers.count) layers on \(values.data.outputs) outputs of \(values.data.name), "
          + "\(count) recipe\(count == 1 ? "" : "s") measured\(borrowed)")
      if let first = mismatches.first { complain("\(mismatches.count) layers do not match; \(first)") }
      if let warning = session.warnings.first { complain(warning) }
    } catch {
      refuse("\(path.map { $0 + ": " } ?? "")\(error)")
    }
  }

  /// Keeps a measurement and says its first figure.
  mutating func take(_ measurement: Measurement) {
    session.add(measurement)
    let name = session.keepSnapshot(of: measurement.recipe)
    guard let metric = measurement.metrics.first else { return }
    let plain = metric.baseline.map { ", uncompressed \(metric.format($0))" } ?? ""
    say("measured: \(metric.name) \(metric.text) on \(measurement.samples) samples\(plain); kept as \(name) (R)")
  }
}
