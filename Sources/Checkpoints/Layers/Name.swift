/// A name of a tensor or a layer: some bytes of a list of names, which many share. A checkpoint has hundreds of thousands,
/// so none has a place in memory of its own, and a layer's is a part of its weight's.
///
/// Two are equal as texts are.
struct Name: Sendable {
  private let list: NameList
  private let start: UInt32
  private let length: UInt32

  fileprivate init(_ list: NameList, _ start: UInt32, _ length: UInt32) {
    (self.list, self.start, self.length) = (list, start, length)
  }

  /// A name in a list of its own.
  init(_ text: String) {
    self = text.withBytes { bytes in NameList(capacity: bytes.count).append(bytes) }
  }

  var count: Int { Int(length) }

  /// - Complexity: O(1); the bytes are UTF-8.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    withExtendedLifetime(list) { body(list.bytes(from: Int(start), count: Int(length))) }
  }

  /// The same of a name that whoever asks holds on to for as long, in a list of tensors or layers: nothing is counted, which
  /// over many names is a good part of the time.
  @inline(__always)
  func withLentBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    let start = Unmanaged.passUnretained(list)._withUnsafeGuaranteedRef { $0.start }
    return body(UnsafeBufferPointer(start: start + Int(self.start), count: Int(length)))
  }

  /// Its first bytes. Precondition: there are as many, and they end where a character does.
  func prefix(_ count: Int) -> Name { Name(list, start, UInt32(min(count, Int(length)))) }

  func isSame(_ other: Name) -> Bool { withBytes { one in other.withBytes { one.isSame($0) } } }
}

extension Name: Hashable {
  static func == (a: Name, b: Name) -> Bool {
    if a.isSame(b) { return true }
    if a.withBytes(\.isASCII), b.withBytes(\.isASCII) { return false }
    return String(a) == String(b)
  }

  func hash(into hasher: inout Hasher) { hasher.combine(String(self)) }
}

extension String {
  /// - Complexity: O(length), with a place in memory.
  init(_ name: Name) { self = name.withBytes { String(decoding: $0, as: UTF8.self) } }
}

/// Puts names into lists, one after another.
final class NameWriter {
  private var list = NameList(capacity: 1 << 12)
  /// A list's bytes at most, but for a name that is longer.
  private static let most = 1 << 20

  /// - Parameter bytes: UTF-8.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) -> Name {
    if list.room < bytes.count {
      list = NameList(capacity: max(bytes.count, min(2 * list.capacity, Self.most)))
    }
    return list.append(bytes)
  }

  func write(_ text: String) -> Name { text.withBytes { write($0) } }
}

/// Bytes that stay where they are.
///
/// Safe to share: what was written is never changed, and only the one writer that has it writes behind it.
private final class NameList: @unchecked Sendable {
  let capacity: Int
  fileprivate let start: UnsafeMutablePointer<UInt8>
  private var used = 0

  var room: Int { capacity - used }

  init(capacity: Int) {
    self.capacity = capacity
    start = .allocate(capacity: max(1, capacity))
  }

  deinit { start.deallocate() }

  /// Precondition: there is room.
  func append(_ bytes: UnsafeBufferPointer<UInt8>) -> Name {
    precondition(bytes.count <= room)
    if let from = bytes.baseAddress { (start + used).initialize(from: from, count: bytes.count) }
    defer { used += bytes.count }
    return Name(self, UInt32(used), UInt32(bytes.count))
  }

  @inline(__always)
  func bytes(from first: Int, count: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: start + first, count: count)
  }
}
