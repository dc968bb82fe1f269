import FileAccess
import Inference
import Workbench

/// What was measured, as lines of text for a window.
enum MeasurementTables {
  /// Every measurement with its size and its metrics, the newest first.
  static func metrics(_ session: Session) -> [String] {
    session.measurements.reversed().enumerated().flatMap { index, measurement -> [String] in
      let here = measurement.recipe == session.recipe ? ", the recipe as it stands" : ""
      let head =
        "\(Format.bytes(measurement.bytes)) on \(measurement.samples) samples of \(printable(measurement.data))\(here)"
      let width = measurement.metrics.map(\.name.count).max() ?? 0
      let lines = measurement.metrics.map { metric in
        "  " + metric.name + String(repeating: " ", count: width - metric.name.count) + "  " + metric.text
          + (metric.baseline.map { "   was \(metric.format($0))" } ?? "")
      }
      return (index > 0 ? [""] : []) + [head] + lines
    }
  }

  /// The confusion matrix, and precision, recall and F1 a class.
  static func confusion(_ found: Classification) -> [String] {
    guard let counts = found.confusion else {
      return ["\(found.classCount) classes are too many for a matrix (\(Classification.mostConfused) at most)."]
    }
    let width = max(3, (counts.joined().max() ?? 0).description.count, counts.count.description.count) + 1
    func cell(_ text: String) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
    func share(_ value: Double) -> String { cell("\(Format.fixed(value * 100, 1))").leftPadded(to: 8) }
    let head = cell("") + counts.indices.map { cell("\($0)") }.joined() + "  precis.  recall      F1"
    let classes = found.classes
    let rows = counts.indices.map { label in
      cell("\(label)") + counts[label].map { cell($0 == 0 ? "·" : "\($0)") }.joined()
        + share(classes[label].precision) + share(classes[label].recall) + share(classes[label].f1)
    }
    return [head] + rows
  }
}

extension String {
  fileprivate func leftPadded(to width: Int) -> String {
    let text = String(drop { $0 == " " })
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
