/// Numbers of any width, one after another: the first bit of a byte is its lowest.
package struct BitWriter {
  private var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var held = 0

  package init() {}

  /// The lowest `width` bits (at most 32) of `value`.
  package mutating func put(_ value: Int, _ width: Int) {
    let mask = (UInt64(1) << width) &- 1
    pending |= (UInt64(truncatingIfNeeded: value) & mask) << held
    held += width
    while held >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      held -= 8
    }
  }

  /// The bytes, the last one filled up with zeros.
  package mutating func finish() -> [UInt8] {
    if held > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
    (pending, held) = (0, 0)
    return bytes
  }
}

package struct BitReader {
  private let bytes: [UInt8]
  private var position: Int

  package init(_ bytes: [UInt8], byte: Int = 0) {
    self.bytes = bytes
    position = 8 * byte
  }

  /// The next `width` bits (at most 32); `nil` where they are not all there.
  package mutating func take(_ width: Int) -> Int? {
    guard position + width <= 8 * bytes.count else { return nil }
    var value = 0
    var taken = 0
    while taken < width {
      let bit = position & 7
      let step = min(8 - bit, width - taken)
      value |= ((Int(bytes[position >> 3]) >> bit) & ((1 << step) - 1)) << taken
      position += step
      taken += step
    }
    return value
  }

  package mutating func align() { position = (position + 7) & ~7 }

  /// The byte that comes next, once aligned.
  package var byte: Int { position >> 3 }
}
