/// A number of bytes as people write it: `512MB`, `4GiB`, `1.5G`, `65536`.
public struct ByteSize: Sendable, Hashable {
  public let bytes: Int

  /// - Throws: `WorkbenchError` that says what is expected.
  public init(spec: String) throws(WorkbenchError) {
    let units: [(String, Double)] = [
      ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9),
      ("tb", 1e12), ("k", 1e3), ("m", 1e6), ("g", 1e9), ("t", 1e12), ("b", 1), ("", 1),
    ]
    let text = spec.lowercased()
    let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
    let digits = text.dropLast(unit.0.count)
    guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }), let number = Double(digits),
      let bytes = Int(exactly: (number * unit.1).rounded()), bytes > 0
    else { throw WorkbenchError("\"\(spec)\": a size expected, as in 512MB or 4GB") }
    self.bytes = bytes
  }
}
