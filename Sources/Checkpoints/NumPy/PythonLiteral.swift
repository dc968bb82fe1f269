internal import FileAccess

/// Reads the Python dictionary at the head of a NumPy array, and nothing more of Python.
struct PythonLiteral {
  private let text: [UInt8]
  private var at = 0
  private let file: String
  private let name: String?

  init(_ text: [UInt8], file: String, name: String?) {
    self.text = text
    self.file = file
    self.name = name
  }

  private func fail(_ expected: String) -> CheckpointError {
    CheckpointError(
      file: file, tensor: name, "has a NumPy header in which \(expected) is missing at character \(at)")
  }

  /// The three keys that there are; a structured `descr` (a list) comes back as it is written.
  mutating func header() throws(CheckpointError) -> (description: String, isColumnMajor: Bool, shape: [Int]) {
    var description: String?
    var isColumnMajor: Bool?
    var shape: [Int]?
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr": description = peek() == UInt8(ascii: "[") ? list() : try string()
      case "fortran_order": isColumnMajor = try boolean()
      case "shape": shape = try tuple()
      default: throw fail("'descr', 'fortran_order' or 'shape'")
      }
      if !accept(",") {
        try expect("}")
        break
      }
    }
    guard peek() == nil else { throw fail("the end") }
    guard let description, let isColumnMajor, let shape else {
      throw fail("'descr', 'fortran_order' or 'shape'")
    }
    return (description, isColumnMajor, shape)
  }

  private mutating func peek() -> UInt8? {
    while at < text.count, text[at] == 0x20 || text[at] == 0x0A { at += 1 }
    return at < text.count ? text[at] : nil
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(CheckpointError) {
    guard accept(character) else { throw fail("'\(character)'") }
  }

  private mutating func string() throws(CheckpointError) -> String {
    guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
      let end = text[(at + 1)...].firstIndex(of: quote)
    else { throw fail("a string") }
    defer { at = end + 1 }
    return String(decoding: text[(at + 1)..<end], as: UTF8.self)
  }

  private mutating func boolean() throws(CheckpointError) -> Bool {
    _ = peek()
    for (word, value) in [("True", true), ("False", false)] where text[at...].starts(with: word.utf8) {
      at += word.utf8.count
      return value
    }
    throw fail("True or False")
  }

  private mutating func tuple() throws(CheckpointError) -> [Int] {
    var extents: [Int] = []
    try expect("(")
    while !accept(")") {
      guard extents.count < 64, let first = peek(), (0x30...0x39).contains(first) else {
        throw fail("an extent")
      }
      var extent = 0
      while at < text.count, (0x30...0x39).contains(text[at]) {
        let (tens, over) = extent.multipliedReportingOverflow(by: 10)
        let (sum, over2) = tens.addingReportingOverflow(Int(text[at] - 0x30))
        guard !over, !over2 else { throw fail("an extent that fits 63 bits") }
        extent = sum
        at += 1
      }
      // Python 2 wrote long integers with an L.
      _ = accept("L")
      extents.append(extent)
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return extents
  }

  /// A list as it is written, up to the bracket that closes it.
  private mutating func list() -> String {
    let start = at
    var depth = 0
    while at < text.count {
      if text[at] == UInt8(ascii: "[") { depth += 1 }
      if text[at] == UInt8(ascii: "]") { depth -= 1 }
      at += 1
      if depth == 0 { break }
    }
    return String(decoding: text[start..<at], as: UTF8.self)
  }
}
