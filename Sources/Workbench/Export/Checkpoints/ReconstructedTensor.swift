import Checkpoints
import Compression
import FileAccess
import Numerics

/// A tensor's numbers as they come back from their scheme, in the bytes of a type and in the order in which the model stores
/// them.
struct ReconstructedTensor: CheckpointPart {
  let item: Item
  let type: ElementType
  let start: Int
  private let session: Session
  private let turn: Turn

  /// - Parameter turn: what goes through it holds a whole tensor.
  init(_ item: Item, as type: ElementType, of session: Session, at start: Int, _ turn: Turn) {
    (self.item, self.type, self.start, self.session, self.turn) = (item, type, start, session, turn)
  }

  var source: PartSource { .layer(item.name) }
  var weight: Int { type.byteCount(of: item.count) ?? 0 }
  var pieceCount: Int { item.count == 0 ? 0 : 1 }

  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    guard item.kind != .weight || item.matrix.isRowMajor else { return try makeWhole(buffers, control, put) }
    let source = CheckpointWeights(checkpoint: session.checkpoint, item: item)
    let scheme = session.made(session.recipe[item], of: item)
    let encoding = NumberEncoding(type)
    var strange = 0
    let isComputed = try Assessment.forEachReconstructedChunk(
      source, scheme: scheme, control: PassControl { _ in control.proceed(0) }
    ) { row, values in
      guard let count = type.byteCount(of: values.count), let first = type.byteCount(of: row * source.columns) else {
        return
      }
      let bytes = buffers.bytes(count)
      strange += try encoding.encode(
        values, columns: source.columns, row: row, of: source.rows, importances: nil, into: bytes)
      try put(UnsafeRawBufferPointer(bytes), first)
      guard control.proceed(count) else { throw Cancelled() }
    }
    guard isComputed else { throw WorkbenchError("\(printable(item.name)): \(scheme) is not computed") }
    return strange
  }

  /// Rows that do not stand one after another are made all together, one tensor at a time.
  private func makeWhole(
    _ buffers: PieceBuffers, _ control: PassControl, _ put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    let strange = try turn.wait {
      var values = item.matrix.storageOrder(try session.reconstruction(of: item))
      let bytes = buffers.bytes(weight)
      let strange = try values.withUnsafeMutableBufferPointer {
        try NumberEncoding(type).encode($0, columns: $0.count, row: 0, of: 1, importances: nil, into: bytes)
      }
      try put(UnsafeRawBufferPointer(bytes), 0)
      return strange
    }
    guard control.proceed(weight) else { throw Cancelled() }
    return strange
  }
}

/// A tensor's bytes as they are stored, in C order.
struct StoredTensor: CheckpointPart {
  let number: Int
  let start: Int
  private let checkpoint: Checkpoint

  private static let pieceSize = 1 << 20

  /// - Parameter number: the checkpoint's tensor.
  init(_ number: Int, of checkpoint: Checkpoint, at start: Int) {
    (self.number, self.checkpoint, self.start) = (number, checkpoint, start)
  }

  private var tensor: Tensor { checkpoint.tensors[number] }
  var source: PartSource { .layer(tensor.name) }
  var weight: Int { tensor.byteCount }
  /// Pieces hold whole numbers.
  private var size: Int { max(1, Self.pieceSize / max(1, tensor.type.block.bytes)) * max(1, tensor.type.block.bytes) }
  var pieceCount: Int { (tensor.byteCount + size - 1) / size }

  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    let range = piece * size..<min(tensor.byteCount, (piece + 1) * size)
    let bytes = buffers.bytes(range.count)
    try checkpoint.readBytes(tensor: number, range: range, into: bytes)
    try put(UnsafeRawBufferPointer(bytes), range.lowerBound)
    guard control.proceed(range.count) else { throw Cancelled() }
    return 0
  }
}
