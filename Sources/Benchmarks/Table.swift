#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Prints a benchmark's rows as they come, in columns: what was measured, the figure, what it is compared with.
enum Table {
  static func title(_ text: String) { line("\n\(text)") }

  static func row(_ name: String, _ figure: String, _ comparison: String = "") {
    line("  \(padded(name, 46)) \(padded(figure, 30, right: true))   \(comparison)")
  }

  static func note(_ text: String) { line("  \(text)") }

  /// A line that is seen at once, also through a pipe.
  static func line(_ text: String) {
    print(text)
    fflush(nil)
  }

  private static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return right ? space + text : text + space
  }
}

/// A number with a fixed number of digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = Int((abs(value) * scale).rounded())
  let sign = value < 0 && whole > 0 ? "-" : ""
  guard digits > 0 else { return "\(sign)\(whole)" }
  let fraction = "\(whole % Int(scale))"
  return "\(sign)\(whole / Int(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
}

func milliseconds(_ seconds: Double) -> String { "\(fixed(seconds * 1000, 1)) ms" }
func percent(_ fraction: Double) -> String { "\(fixed(fraction * 100, 0)) %" }
