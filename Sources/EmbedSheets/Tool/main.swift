// embed-sheets OUTPUT SHEET…: a Swift file with the sheets' texts, in the order in which they are named. A part of the build:
// `Plugin/EmbedSheets.swift` says when.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

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
guard let output = paths.first else { fatalError("embed-sheets OUTPUT SHEET…") }
var source = "enum EmbeddedSheets {\n  static let texts: [String] = [\n"
for path in paths.dropFirst() {
  source += "    \(literal(try String(contentsOfFile: path, encoding: .utf8))),\n"
}
try (source + "  ]\n}\n").write(toFile: output, atomically: true, encoding: .utf8)
