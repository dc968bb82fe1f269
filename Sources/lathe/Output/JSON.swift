import FileAccess
import Workbench

/// A JSON value whose objects keep their order; numbers that JSON does not have become null.
enum JSON {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  /// So many objects, each made when it is written.
  case rows(Int, (Int) throws -> JSON)
  case object([(String, JSON)])

  init(_ value: Double?) { self = value.map { .number($0) } ?? .null }
  init(_ value: Int?) { self = value.map { .int($0) } ?? .null }
  init(_ value: String?) { self = value.map { .string($0) } ?? .null }

  /// The text, two spaces an inner level, short arrays of numbers on one line.
  func text() throws -> String {
    var text = ""
    try write { text += $0 }
    return text
  }

  /// Gives the same piece by piece.
  func write(indent: String = "", _ put: (String) throws -> Void) throws {
    let inner = indent + "  "
    switch self {
    case .null: try put("null")
    case .bool(let value): try put(value ? "true" : "false")
    case .int(let value): try put("\(value)")
    case .number(let value): try put(value.isFinite ? "\(value)" : "null")
    case .string(let value): try put(JSONText.quoted(value))
    case .array(let values) where values.allSatisfy(\.isScalar):
      try put("[")
      for (index, value) in values.enumerated() {
        if index > 0 { try put(", ") }
        try value.write(put)
      }
      try put("]")
    case .array(let values): try JSON.rows(values.count) { values[$0] }.write(indent: indent, put)
    case .rows(0, _): try put("[]")
    case .rows(let count, let row):
      for index in 0..<count {
        try put((index > 0 ? ",\n" : "[\n") + inner)
        try row(index).write(indent: inner, put)
      }
      try put("\n\(indent)]")
    case .object(let fields) where fields.isEmpty: try put("{}")
    case .object(let fields):
      for (index, (name, value)) in fields.enumerated() {
        try put("\(index > 0 ? ",\n" : "{\n")\(inner)\(JSONText.quoted(name)): ")
        try value.write(indent: inner, put)
      }
      try put("\n\(indent)}")
    }
  }

  private var isScalar: Bool {
    switch self {
    case .array, .rows, .object: false
    default: true
    }
  }
}
