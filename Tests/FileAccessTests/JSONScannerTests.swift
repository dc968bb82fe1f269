import FileAccess
import Testing

struct JSONScannerTests {
  @Test func sizesAreReadAsNumbersAre() throws {
    func size(_ text: String) -> Int? {
      var json = JSONScanner(Array(text.utf8) + [0x5D], file: "a", part: "text")
      return try? json.size()
    }
    for (text, value) in [
      ("0", 0), (" 7", 7), ("123456789012345678", 123_456_789_012_345_678), ("9223372036854775807", Int.max),
    ] { #expect(size(text) == value) }
    for text in ["01", "00", "1.5", "1e3", "-1", "9223372036854775808", "99999999999999999999999", "x", ""] {
      #expect(size(text) == nil, "\(text)")
    }
  }
}
