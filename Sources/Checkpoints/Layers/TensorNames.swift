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

  init(_ tensors: [Tensor]) {
    self.tensors = tensors
    if tensors.indices.allSatisfy({ tensors[$0].storedName.withBytes(\.isASCII) }) {
      table = NameTable(minimumCapacity: tensors.count)
      for index in tensors.indices {
        let other = tensors[index].storedName.withBytes { name in
          let ending = Self.ending(name)
          endings[ending >> 6] |= 1 << UInt64(ending & 63)
          return table.enter(index, name) { place in tensors[place].storedName.withBytes { $0.isSame(name) } }
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
    return table.find(name) { place in tensors[place].storedName.withBytes { $0.isSame(name) } }
  }
}

/// The names of layers that are there already, each of which is to have one of its own.
struct TakenNames {
  private var table: NameTable
  /// `nil` while all names are ASCII, and the table has them.
  private var texts: Set<String>?

  /// - Parameter names: those of the tensors, from which layers have theirs.
  init(_ names: TensorNames) {
    table = NameTable(minimumCapacity: names.isASCII ? names.count : 0)
    texts = names.isASCII ? nil : Set(minimumCapacity: names.count)
  }

  /// `Layer.unique` for the layer that comes after `layers`.
  mutating func unique(_ name: Name, among layers: [Layer]) -> Name {
    guard texts == nil else { return Name(Layer.unique(String(name), &texts!)) }
    guard enter(name, among: layers) else { return name }
    let numbered = Name(
      Layer.numbered(String(name)) { other in
        other.withBytes { bytes in table.find(bytes) { layers[$0].storedName.withBytes { $0.isSame(bytes) } } != nil }
      })
    _ = enter(numbered, among: layers)
    return numbered
  }

  /// Whether another layer has the name.
  private mutating func enter(_ name: Name, among layers: [Layer]) -> Bool {
    name.withBytes { bytes in
      table.enter(layers.count, bytes) { layers[$0].storedName.withBytes { $0.isSame(bytes) } } != nil
    }
  }
}
