import Workbench

/// A JSON value whose objects keep their order; numbers that JSON does not have become null.
enum JSON {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  init(_ value: Double?) { self = value.map { .number($0) } ?? .null }
  init(_ value: Int?) { self = value.map { .int($0) } ?? .null }
  init(_ value: String?) { self = value.map { .string($0) } ?? .null }

  /// The text, two spaces an inner level, short arrays of numbers on one line.
  func text(indent: String = "") -> String {
    let inner = indent + "  "
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return "\(value)"
    case .number(let value): return value.isFinite ? "\(value)" : "null"
    case .string(let value): return JSONText.quoted(value)
    case .array(let values):
      if values.allSatisfy(\.isScalar) { return "[" + values.map { $0.text() }.joined(separator: ", ") + "]" }
      return "[\n" + values.map { inner + $0.text(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let fields):
      if fields.isEmpty { return "{}" }
      return "{\n"
        + fields.map { "\(inner)\(JSONText.quoted($0.0)): \($0.1.text(indent: inner))" }.joined(separator: ",\n")
        + "\n\(indent)}"
    }
  }

  private var isScalar: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }
}
