/// Large values by key, the latest of them: those that came first go when all together would take too many bytes.
public struct Recent<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Kept: Sendable {
    let value: Value
    let bytes: Int
    /// Which entry of `order` is this one's: of a value that came again, the earlier is void.
    let ticket: Int
  }

  private var kept: [Key: Kept] = [:]
  private var order: [(key: Key, ticket: Int)] = []
  private var next = 0
  private var lastTicket = 0
  private var bytes = 0
  private let most: Int

  /// - Parameter most: bytes that all values may take; the newest stays whatever it takes.
  init(most: Int) { self.most = most }

  var isEmpty: Bool { kept.isEmpty }
  public subscript(key: Key) -> Value? { kept.isEmpty ? nil : kept[key]?.value }
  var values: [Key: Value] { kept.mapValues(\.value) }

  mutating func keep(_ value: Value, for key: Key, bytes size: Int) {
    lastTicket += 1
    if let old = kept.updateValue(Kept(value: value, bytes: size, ticket: lastTicket), forKey: key) {
      bytes -= old.bytes
    }
    bytes += size
    order.append((key, lastTicket))
    while bytes > most, next < order.count - 1 {
      let oldest = order[next]
      next += 1
      if kept[oldest.key]?.ticket == oldest.ticket { remove(oldest.key) }
    }
    if next > 1024, next > order.count / 2 {
      order.removeFirst(next)
      next = 0
    }
  }

  mutating func remove(_ key: Key) {
    if let old = kept.removeValue(forKey: key) { bytes -= old.bytes }
  }
}
