import Checkpoints
import Compression
import Synchronization

/// Tensors in their own places and types, with the numbers that come back from their schemes: one, or several that share
/// bytes, of which the last one in the session's order counts.
struct ChangedNumbers: CheckpointPart {
  /// A tensor and the bytes of the file that it takes.
  struct Place: Sendable {
    let item: Item
    let range: Range<Int>

    /// - Returns: `nil` for a tensor that does not stand in a file.
    init?(_ item: Item, in checkpoint: Checkpoint) {
      let tensor = checkpoint.tensors[item.id]
      guard case .file(_, let offset) = tensor.location else { return nil }
      (self.item, range) = (item, offset..<offset + tensor.byteCount)
    }
  }

  private var places: [Place]
  private(set) var range: Range<Int>
  private let session: Session
  private let turn: Turn

  init(_ place: Place, _ session: Session, _ turn: Turn) {
    (places, range, self.session, self.turn) = ([place], place.range, session, turn)
  }

  /// Adds a tensor that begins within the others.
  mutating func add(_ place: Place) {
    places.append(place)
    range = range.lowerBound..<max(range.upperBound, place.range.upperBound)
  }

  var source: PartSource { .layer(places[0].item.name) }
  var start: Int { range.lowerBound }
  var weight: Int { range.count }
  var pieceCount: Int { range.isEmpty ? 0 : 1 }

  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    if places.count == 1 {
      let item = places[0].item
      let type = session.checkpoint.tensors[item.id].type
      return try ReconstructedTensor(item, as: type, of: session, at: start, turn)
        .make(piece, with: buffers, control: control, put: put)
    }
    try turn.wait {
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
      defer { bytes.deallocate() }
      let order = session.items.map(\.id)
      func number(_ place: Place) -> Int { order.firstIndex(of: place.item.id) ?? 0 }
      for place in places.sorted(by: { number($0) < number($1) }) {
        let start = place.range.lowerBound - range.lowerBound
        try encode(
          place.item, into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + place.range.count]))
      }
      try put(UnsafeRawBufferPointer(bytes), 0)
    }
    guard control.proceed(range.count) else { throw Cancelled() }
    return 0
  }

  private func encode(_ item: Item, into bytes: UnsafeMutableRawBufferPointer) throws {
    var values = try session.reconstruction(of: item)
    if item.kind == .weight { values = item.matrix.storageOrder(values) }
    try values.withUnsafeMutableBufferPointer { numbers in
      _ = try NumberEncoding(session.checkpoint.tensors[item.id].type).encode(
        numbers, columns: numbers.count, row: 0, of: 1, importances: nil, into: bytes)
    }
  }
}

/// Lets one thread at a time go on: whole tensors are held then.
final class Turn: Sendable {
  private let lock = Mutex(())

  func wait<Result>(_ body: () throws -> Result) rethrows -> Result { try lock.withLock { _ in try body() } }
}
