import Compression
import FileAccess

/// Bytes that the export itself makes: a header, a table.
struct MadeBytes: CheckpointPart {
  let source: PartSource
  let start: Int
  let bytes: [UInt8]

  init(_ bytes: [UInt8], _ source: PartSource, at start: Int) {
    (self.source, self.start, self.bytes) = (source, start, bytes)
  }

  /// They are there already.
  var weight: Int { 0 }
  var pieceCount: Int { bytes.isEmpty ? 0 : 1 }

  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    try bytes.withUnsafeBytes { try put($0, 0) }
    return 0
  }
}

/// Bytes of another file as they are.
struct CopiedBytes: CheckpointPart {
  let source: PartSource
  let start: Int
  private let file: MappedFile
  private let range: Range<Int>

  private static let pieceSize = 1 << 20

  init(_ range: Range<Int>, of file: MappedFile, _ source: PartSource, at start: Int) {
    (self.source, self.start, self.file, self.range) = (source, start, file, range)
  }

  var weight: Int { range.count }
  var pieceCount: Int { (range.count + Self.pieceSize - 1) / Self.pieceSize }

  func make(
    _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    let first = piece * Self.pieceSize
    let bytes = buffers.bytes(min(Self.pieceSize, range.count - first))
    try file.copy(offset: range.lowerBound + first, count: bytes.count, into: bytes)
    try put(UnsafeRawBufferPointer(bytes), first)
    guard control.proceed(bytes.count) else { throw Cancelled() }
    return 0
  }
}
