import Foundation

/// SHA-256 (FIPS 180-4), for comparing long answers of peers by their digest.
public enum SHA256 {
  /// The digest in hexadecimal.
  public static func hex(_ message: [UInt8]) -> String {
    var hash: [UInt32] = roots(of: primes(8), cube: false)
    let constants = roots(of: primes(64), cube: true)
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let bits = UInt64(message.count) * 8
    padded += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) }
    for block in stride(from: 0, to: padded.count, by: 64) {
      compress(padded[block..<block + 64], &hash, constants)
    }
    return hash.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func compress(_ block: ArraySlice<UInt8>, _ hash: inout [UInt32], _ constants: [UInt32]) {
    var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { at in
      block[at..<at + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x >> n | x << (32 - n) }
    for i in 16..<64 {
      let a = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ words[i - 15] >> 3
      let b = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ words[i - 2] >> 10
      words.append(words[i - 16] &+ a &+ words[i - 7] &+ b)
    }
    var s = hash
    for i in 0..<64 {
      let e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)
      let first = s[7] &+ e &+ (s[4] & s[5] ^ ~s[4] & s[6]) &+ constants[i] &+ words[i]
      let a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)
      let second = a &+ (s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2])
      s = [first &+ second, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
    }
    for i in 0..<8 { hash[i] = hash[i] &+ s[i] }
  }

  private static func primes(_ count: Int) -> [UInt64] {
    var found: [UInt64] = []
    var candidate: UInt64 = 2
    while found.count < count {
      if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
      candidate += 1
    }
    return found
  }

  /// The first 32 bits of the fractions of the square or cube roots; a Double's 53 bits suffice for these primes.
  private static func roots(of primes: [UInt64], cube: Bool) -> [UInt32] {
    primes.map { prime in
      let root = cube ? cbrt(Double(prime)) : Double(prime).squareRoot()
      return UInt32((root - root.rounded(.down)) * 4_294_967_296)
    }
  }
}
