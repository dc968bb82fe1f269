#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

func _log2(_ x: Double) -> Double { log2(x) }

/// Signal to quantisation noise in decibels, −10·log₁₀ t²; `nil` for an exact copy.
public func decibels(relativeError: Double) -> Double? {
  relativeError > 0 ? -10 * log10(relativeError) : nil
}

func _log(_ x: Double) -> Double { log(x) }

func _exp(_ x: Double) -> Double { exp(x) }

func _pow(_ x: Double, _ y: Double) -> Double { pow(x, y) }

/// 1 − erf(x).
func _erfc(_ x: Double) -> Double { erfc(x) }
