// embed-sheets OUTPUT SHEET…: a Swift file with the sheets' texts, in the order in which they are named. A part of the build:
// `Plugin/EmbedSheets.swift` says when.

import Foundation

/// A text as Swift's source has it, whatever is in it.
func literal(_ text: String) -> String {
  var literal = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": literal += "\\\(scalar)"
    case "\n": literal += "\\n"
    case _ where scalar.value < 0x20: literal += "\\u{\(String(scalar.value, radix: 16))}"
    default: literal.unicodeScalars.append(scalar)
    }
  }
  return literal + "\""
}

let paths = CommandLine.arguments.dropFirst()
guard let output = paths.first else {
  FileHandle.standardError.write(Data("usage: embed-sheets OUTPUT SHEET…\n".utf8))
  exit(2)
}
var source = "enum EmbeddedSheets {\n  static let texts: [String] = [\n"
for path in paths.dropFirst() {
  source += "    \(literal(try String(contentsOfFile: path, encoding: .utf8))),\n"
}
try (source + "  ]\n}\n").write(toFile: output, atomically: true, encoding: .utf8)
