import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Colours for how much there is of something, cold to hot: dark blue over green to yellow, which rise in lightness for
/// every eye (after viridis: van der Walt and Smith 2015).
enum Heat {
  private static let ramp: [UInt8] = [17, 24, 30, 36, 71, 107, 143, 185, 227]

  /// - Parameter heat: from 0 to 1.
  static func style(_ heat: Double) -> Style {
    let index = min(ramp.count - 1, max(0, Int(saturating: heat * Double(ramp.count))))
    return Style(foreground: .index(index < 5 ? 231 : 16), background: .index(ramp[index]))
  }
}

/// The logarithm to base ten.
func logarithm(_ value: Double) -> Double { log10(value) }
