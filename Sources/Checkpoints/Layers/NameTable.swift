/// Places in a list by the names that stand there: a hash table of bytes that holds no names of its own.
///
/// Whoever asks says what stands at a place. For ASCII names alone: others are equal as texts, not as bytes.
struct NameTable {
  /// Half of the hash and the place after zero; 0 for a free slot.
  private var slots: [UInt64]
  private var count = 0

  init(minimumCapacity: Int) {
    var size = 16
    while size < minimumCapacity + minimumCapacity / 2 { size *= 2 }
    slots = [UInt64](repeating: 0, count: size)
  }

  /// - Parameter isSame: whether a place has this name.
  func find(_ name: UnsafeBufferPointer<UInt8>, isSame: (Int) -> Bool) -> Int? {
    let (tag, start) = position(name)
    return slot(tag, start, isSame).place
  }

  /// Enters a place, unless another has its name.
  ///
  /// - Returns: the other, or `nil`.
  mutating func enter(_ place: Int, _ name: UnsafeBufferPointer<UInt8>, isSame: (Int) -> Bool) -> Int? {
    if 3 * count >= 2 * slots.count { grow() }
    let (tag, start) = position(name)
    let (found, free) = slot(tag, start, isSame)
    if let found { return found }
    slots[free] = tag | UInt64(UInt32(clamping: place + 1))
    count += 1
    return nil
  }

  @inline(__always)
  private func position(_ name: UnsafeBufferPointer<UInt8>) -> (tag: UInt64, start: Int) {
    let hash = NameHash.of(name)
    return (hash & 0xFFFF_FFFF_0000_0000, start(hash))
  }

  /// The tag is a part of the hash that says where to begin: a table grows without its names.
  @inline(__always)
  private func start(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1) }

  @inline(__always)
  private func slot(_ tag: UInt64, _ start: Int, _ isSame: (Int) -> Bool) -> (place: Int?, free: Int) {
    var at = start
    while slots[at] != 0 {
      if slots[at] & 0xFFFF_FFFF_0000_0000 == tag {
        let place = Int(slots[at] & 0xFFFF_FFFF) - 1
        if isSame(place) { return (place, at) }
      }
      at = (at + 1) & (slots.count - 1)
    }
    return (nil, at)
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: 0, count: 2 * old.count)
    for entry in old where entry != 0 {
      var at = start(entry)
      while slots[at] != 0 { at = (at + 1) & (slots.count - 1) }
      slots[at] = entry
    }
  }
}

/// Hashes of names: eight bytes at a time, from a number that is drawn anew in every process, so that no file can be made
/// whose names all fall together.
enum NameHash {
  private static let seed = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1)

  static func of(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let (seed, factor) = seed
    var hash = seed ^ UInt64(truncatingIfNeeded: name.count)
    let bytes = UnsafeRawBufferPointer(name)
    var at = 0
    while at + 8 <= bytes.count {
      hash = mixed(hash ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self), factor)
      at += 8
    }
    var rest: UInt64 = 0
    while at < bytes.count {
      rest = rest << 8 | UInt64(bytes[at])
      at += 1
    }
    return mixed(mixed(hash ^ rest, factor), seed | 1)
  }

  @inline(__always)
  private static func mixed(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}
