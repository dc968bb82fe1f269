/// Which tensor of a list has a name.
///
/// Names are equal as texts are: é is e with an accent. Of equal ones the last counts.
struct TensorNames {
  private let tensors: [Tensor]
  private var table = NameTable(minimumCapacity: 0)
  /// A bit for each ending that a name has, by a number made of it: most names that are looked for end like none.
  private var endings = [UInt64](repeating: 0, count: 64)
  /// `nil` where all names are ASCII, and the table has them.
  private var texts: [String: Int]?
  /// The first tensor that has an earlier one's name.
  private(set) var duplicate: Int?

  var count: Int { tensors.count }
  /// Whether all names are ASCII, each there once.
  var isASCII: Bool { texts == nil }

  /// - Parameter table: the places of all the names, each of which is ASCII and there once.
  init(_ tensors: [Tensor], _ table: NameTable) {
    self.tensors = tensors
    self.table = table
    let lent = tensors.span
    for index in lent.indices { lent[index].storedName.withLentBytes { markEnding(of: $0) } }
  }

  init(_ tensors: [Tensor]) {
    self.tensors = tensors
    let lent = tensors.span
    if lent.indices.allSatisfy({ lent[$0].storedName.withLentBytes(\.isASCII) }) {
      table = NameTable(minimumCapacity: tensors.count)
      for index in lent.indices {
        let other = lent[index].storedName.withLentBytes { name in
          markEnding(of: name)
          return table.enter(index, name) { place in lent[place].storedName.withLentBytes { $0.isSame(name) } }
        }
        if other != nil {
          duplicate = index
          break
        }
      }
      if duplicate == nil { return }
    }
    var texts = [String: Int](minimumCapacity: tensors.count)
    for (index, tensor) in tensors.enumerated() {
      if texts.updateValue(index, forKey: tensor.name) != nil, duplicate == nil { duplicate = index }
    }
    self.texts = texts
  }

  private mutating func markEnding(of name: UnsafeBufferPointer<UInt8>) {
    let ending = Self.ending(name)
    endings[ending >> 6] |= 1 << UInt64(ending & 63)
  }

  /// A number of twelve bits that the last four bytes make.
  private static func ending(_ name: UnsafeBufferPointer<UInt8>) -> Int {
    var bytes: UInt32 = 0
    for byte in name.suffix(4) { bytes = bytes << 8 | UInt32(byte) }
    return Int((bytes &* 0x9E37_79B1) >> 20)
  }

  subscript(name: UnsafeBufferPointer<UInt8>) -> Int? {
    if let texts { return texts[String(decoding: name, as: UTF8.self)] }
    let ending = Self.ending(name)
    if endings[ending >> 6] >> UInt64(ending & 63) & 1 == 0 { return nil }
    let lent = tensors.span
    return table.find(name) { place in lent[place].storedName.withLentBytes { $0.isSame(name) } }
  }
}
