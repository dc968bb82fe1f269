/// Bytes of what a training holds: numbers of 8 bytes, lists with their count before them, all with the least byte first.
struct StateWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }

  mutating func put(_ number: Double) { put(number.bitPattern) }

  mutating func put(_ floats: [Float]) {
    put(UInt64(floats.count))
    let bits = floats.map { $0.bitPattern.littleEndian }
    bits.withUnsafeBytes { bytes += $0 }
  }

  mutating func put(_ list: [UInt8]) {
    put(UInt64(list.count))
    bytes += list
  }
}

/// Reads them again; of anything else it says so.
struct StateReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  private mutating func next(_ count: Int) throws(RecoveryError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - place else {
      throw RecoveryError("ends after \(bytes.count) bytes, in the midst of a training's state")
    }
    defer { place += count }
    return bytes[place..<place + count]
  }

  mutating func number() throws(RecoveryError) -> UInt64 {
    try next(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func double() throws(RecoveryError) -> Double { Double(bitPattern: try number()) }

  /// - Parameter count: how many there must be; `nil` for any.
  mutating func floats(_ count: Int? = nil) throws(RecoveryError) -> [Float] {
    let found = try number()
    if let count, found != UInt64(count) {
      throw RecoveryError("holds \(found) numbers where the training has \(count)")
    }
    guard found <= UInt64(bytes.count) else { throw RecoveryError("claims \(found) numbers, more than it is long") }
    let own = try next(4 * Int(found))
    return [Float](unsafeUninitializedCapacity: Int(found)) { floats, made in
      own.withUnsafeBytes { own in
        for index in 0..<Int(found) {
          let bits = own.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
          floats.initializeElement(at: index, to: Float(bitPattern: UInt32(littleEndian: bits)))
        }
      }
      made = Int(found)
    }
  }

  mutating func list() throws(RecoveryError) -> [UInt8] {
    let count = try number()
    guard count <= UInt64(bytes.count) else { throw RecoveryError("claims \(count) bytes, more than it is long") }
    return Array(try next(Int(count)))
  }
}
