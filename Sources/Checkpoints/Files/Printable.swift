/// A name from a file as it may go to a terminal: control characters (C0, DEL, C1), line and paragraph
/// separators and the marks that change the direction of text come out as `\u{9b}`; everything else as it is.
public func printable(_ name: String) -> String {
  guard name.unicodeScalars.contains(where: { isUnsafeOnScreen($0) }) else { return name }
  var safe = ""
  for scalar in name.unicodeScalars {
    if isUnsafeOnScreen(scalar) {
      safe += "\\u{\(String(scalar.value, radix: 16))}"
    } else {
      safe.unicodeScalars.append(scalar)
    }
  }
  return safe
}

private func isUnsafeOnScreen(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0...0x1F, 0x7F...0x9F: true
  case 0x61C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true  // Bidi_Control
  case 0x2028, 0x2029: true
  default: false
  }
}

/// `text` cut to `limit` characters, with an ellipsis where something was cut.
func shortened(_ text: String, to limit: Int = 120) -> String {
  guard text.unicodeScalars.count > limit else { return text }
  var short = ""
  short.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(limit))
  return short + "…"
}

/// A count of bytes as a sentence has it: `1 byte`, `96 bytes`.
func bytes(_ count: some BinaryInteger) -> String { count == 1 ? "1 byte" : "\(count) bytes" }
