internal import FileAccess

/// The pieces of a SentencePiece model (`tokenizer.model`), a protobuf message (sentencepiece_model.proto, Apache-2.0):
/// field 1 a piece, in it 1 the text, 2 the score, 3 the kind.
struct SentencePieceModel {
  var pieces: [(text: [UInt8], score: Float, kind: Vocabulary.TokenKind)] = []

  /// The most pieces: vocabularies have up to some hundred thousands.
  private static let mostPieces = 1 << 22

  /// - Returns: `nil` where there is no such file.
  init?(path: String) throws(CheckpointError) {
    guard case .file = fileKind(path) else { return nil }
    let file = try MappedFile(path)
    let reader = FileReader(file, part: "SentencePiece model", window: 1 << 16)
    while let field = try reader.nextField() {
      guard field.number == 1, field.wire == .bytes else {
        try reader.skip(field)
        continue
      }
      guard pieces.count < Self.mostPieces else { throw reader.fail("has more than \(Self.mostPieces) pieces") }
      pieces.append(try Self.piece(reader, field))
    }
    guard !pieces.isEmpty else { throw reader.fail("has no pieces: no SentencePiece model?") }
  }

  private static func piece(
    _ reader: FileReader, _ field: ProtobufField
  ) throws(CheckpointError) -> (text: [UInt8], score: Float, kind: Vocabulary.TokenKind) {
    var piece: (text: [UInt8], score: Float, kind: Vocabulary.TokenKind) = ([], 0, .normal)
    let outer = try reader.beginMessage(field)
    while let inner = try reader.nextField() {
      switch (inner.number, inner.wire) {
      case (1, .bytes): piece.text = try reader.bytesCopied(try reader.fieldLength(inner))
      case (2, .fixed32): piece.score = try reader.float(inner)
      // NORMAL 1, UNKNOWN 2, CONTROL 3, USER_DEFINED 4, UNUSED 5, BYTE 6: GGUF's own numbers.
      case (3, .varint):
        piece.kind = Vocabulary.TokenKind(rawValue: try reader.int(inner)) ?? .normal
        // The converter asks a piece only for what follows; one that users defined counts as normal.
        if piece.kind == .userDefined { piece.kind = .normal }
      default: try reader.skip(inner)
      }
    }
    reader.leave(outer)
    return piece
  }
}
