#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Figures as people read them: short, with their units, and of a steady width.
package enum Format {
  /// `value` with a fixed number of decimals: `3.22`. Not a number and the infinities by name.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "−inf" : "inf" }
    let decimals = min(max(0, decimals), 12)
    let scale = pow(10, Double(decimals))
    guard abs(value) * scale < 9e15 else { return scientific(value) }
    let scaled = Int((abs(value) * scale).rounded())
    let sign = value < 0 && scaled != 0 ? "−" : ""
    guard decimals > 0 else { return sign + String(scaled) }
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// `value` in `digits` significant digits: `0.048`, `2.30`, `731`; below a thousandth with an exponent, `1.33e-8`.
  package static func significant(_ value: Double, _ digits: Int = 3) -> String {
    guard value.isFinite, value != 0, abs(value) < 1e100 else { return fixed(value, 0) }
    if abs(value) < 1e-3 { return scientific(value, decimals: digits - 1) }
    let magnitude = Int(floor(log10(abs(value))))
    let decimals = digits - 1 - magnitude
    // 9.996 in three digits is 10.0, not 10.00.
    let rounded = abs(value) + 0.5 * pow(10, Double(-decimals))
    let carries = Int(floor(log10(rounded))) > magnitude
    return fixed(value, max(0, carries ? decimals - 1 : decimals))
  }

  /// As short as it goes, `0.5`, `12`, and with an exponent where the figure is tiny or huge: labels of axes.
  package static func short(_ value: Double) -> String {
    let size = abs(value)
    if size != 0, size < 1e-3 || size >= 1e5 {
      let exact = scientific(value, decimals: 1)
      return exact.contains(".0e") ? scientific(value, decimals: 0) : exact
    }
    var text = significant(value, 3)
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }

  /// As t² is shown: two significant digits and an exponent, `5.1e-3`; 0 is `0`.
  package static func scientific(_ value: Double, decimals: Int = 1) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "−inf" : "inf" }
    guard value != 0 else { return "0" }
    var exponent = Int(floor(log10(abs(value))))
    // A power below the least normal number is zero, or has lost its digits: in two steps there.
    var mantissa =
      exponent > -300
      ? abs(value) / pow(10, Double(exponent)) : abs(value) * 1e200 / pow(10, Double(exponent + 200))
    let scale = pow(10, Double(decimals))
    if (mantissa * scale).rounded() >= 10 * scale {
      mantissa /= 10
      exponent += 1
    }
    return (value < 0 ? "−" : "") + fixed(mantissa, decimals) + "e\(exponent)"
  }

  /// Binary sizes in three significant digits: `512 B`, `36.0 KiB`, `731 MiB`, `2.30 GiB`.
  package static func bytes(_ count: Int) -> String {
    guard abs(count) >= 1024 else { return String(count) + " B" }
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    return scaled(Double(count), by: 1024, units) { $0 < 1000 ? significant($0) : fixed($0, 0) }
  }

  /// Counts in three significant digits: `147`, `12.6 k`, `1.24 G`.
  package static func count(_ count: Int) -> String {
    guard abs(count) >= 1000 else { return String(count) }
    return scaled(Double(count), by: 1000, ["", "k", "M", "G", "T", "P", "E"]) { significant($0) }
  }

  /// A fraction as a percentage: 0.098 is `9.8 %`, whole from 10 % on.
  package static func percent(_ fraction: Double) -> String {
    let value = fraction * 100
    return fixed(value, value == 0 || abs(value) >= 9.95 ? 0 : 1) + " %"
  }

  /// `0.4 s`, `12 s`, `3:20 min`, `1:05 h`.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    if seconds < 9.95 { return fixed(seconds, 1) + " s" }
    let whole = Int(seconds.rounded())
    func pair(_ a: Int, _ b: Int) -> String { "\(a):" + (b < 10 ? "0\(b)" : "\(b)") }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return pair(whole / 60, whole % 60) + " min" }
    return pair(whole / 3600, whole % 3600 / 60) + " h"
  }

  private static func scaled(
    _ value: Double, by base: Double, _ units: [String], _ show: (Double) -> String
  ) -> String {
    var value = value
    var unit = 0
    // 999.6 k would be shown as 1000 k: go on to the next unit.
    while abs(value) >= base - 0.5, unit < units.count - 1 {
      value /= base
      unit += 1
    }
    return units[unit].isEmpty ? show(value) : show(value) + " " + units[unit]
  }
}
