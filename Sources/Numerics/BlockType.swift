internal import CKernels

/// ggml's block-quantised types: so many weights share so many bytes, scales included.
///
/// The raw values are ggml's own numbers (`ggml.h`), as GGUF files carry them; sizes are those of its block
/// structures (`ggml-common.h`).
public enum BlockType: UInt32, CaseIterable, Sendable, Codable {
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_k = 10
  case q3_k = 11
  case q4_k = 12
  case q5_k = 13
  case q6_k = 14
  case q8_k = 15
  case iq2_xxs = 16
  case iq2_xs = 17
  case iq3_xxs = 18
  case iq1_s = 19
  case iq4_nl = 20
  case iq3_s = 21
  case iq2_s = 22
  case iq4_xs = 23
  case iq1_m = 29
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39
  case nvfp4 = 40
  case q1_0 = 41
  case q2_0 = 42
}

extension BlockType {
  /// All that is known of a type but how it is quantised to: a row of the table below.
  struct Traits: Sendable {
    let weights: Int
    let bytes: Int
    let wide: [(offset: Int, width: Int, count: Int)]
    let kernel: @Sendable (UnsafePointer<UInt8>?, UnsafeMutablePointer<Float>?, Int) -> Void
    let reference: @Sendable (BlockType, Bytes, Weights) -> Void
    let fileType: Int?
    let substitute: BlockType?

    init(
      _ weights: Int, _ bytes: Int, wide: [(Int, Int, Int)] = [],
      kernel: @escaping @Sendable (UnsafePointer<UInt8>?, UnsafeMutablePointer<Float>?, Int) -> Void,
      reference: @escaping @Sendable (BlockType, Bytes, Weights) -> Void, fileType: Int? = nil,
      substitute: BlockType? = nil
    ) {
      (self.weights, self.bytes, self.kernel, self.reference) = (weights, bytes, kernel, reference)
      self.wide = wide.map { (offset: $0.0, width: $0.1, count: $0.2) }
      (self.fileType, self.substitute) = (fileType, substitute)
    }
  }

  /// By ggml's number.
  private static let rows: [Traits?] = (0...(allCases.map(\.rawValue).max() ?? 0)).map { number in
    BlockType(rawValue: number).map(row)
  }

  var traits: Traits { Self.rows[Int(rawValue)] ?? Self.row(self) }
}

extension BlockType {
  /// Weights a block.
  public var blockWeights: Int { traits.weights }

  /// Bytes a block, scales and minima included.
  public var blockBytes: Int { traits.bytes }

  /// The name as ggml prints it in capitals: `Q4_0`, `IQ4_XS`.
  public var name: String { "\(self)".uppercased() }

  /// Bits a weight, scales and minima included.
  public var bitsPerWeight: Double { Double(8 * blockBytes) / Double(blockWeights) }

  /// The fields of a block that are wider than a byte, as ggml-common.h declares them: each `count` numbers of
  /// `width` bytes from byte `offset` on. Big-endian files have these bytes the other way round.
  public var wideFields: [(offset: Int, width: Int, count: Int)] { traits.wide }

  /// `general.file_type` of a file that is mostly of it (llama.h's `llama_ftype`, the plain one of a family); `nil` where
  /// no file is.
  package var fileType: Int? { traits.fileType }

  /// What llama-quantize takes where a row is no multiple of the block (its `tensor_type_fallback`); `nil` for F16.
  package var substitute: BlockType? { traits.substitute }
}

extension BlockType {
  /// Sizes and fields: ggml-common.h. The last 32 bytes of IQ3_XXS are read as 32-bit words, but declared as bytes.
  private static func row(_ type: BlockType) -> Traits {
    switch type {
    case .q4_0:
      Traits(32, 18, wide: [(0, 2, 1)], kernel: lathe_decode_q4_0, reference: { $0.decodeLegacy($1, $2) }, fileType: 2)
    case .q4_1:
      Traits(32, 20, wide: [(0, 2, 2)], kernel: lathe_decode_q4_1, reference: { $0.decodeLegacy($1, $2) }, fileType: 3)
    case .q5_0:
      Traits(32, 22, wide: [(0, 2, 1)], kernel: lathe_decode_q5_0, reference: { $0.decodeLegacy($1, $2) }, fileType: 8)
    case .q5_1:
      Traits(32, 24, wide: [(0, 2, 2)], kernel: lathe_decode_q5_1, reference: { $0.decodeLegacy($1, $2) }, fileType: 9)
    case .q8_0:
      Traits(32, 34, wide: [(0, 2, 1)], kernel: lathe_decode_q8_0, reference: { $0.decodeLegacy($1, $2) }, fileType: 7)
    case .q8_1:
      Traits(
        32, 36, wide: [(0, 2, 2)], kernel: lathe_decode_q8_1, reference: { decodeBytes($1 + 4, half($1, 0), 32, $2) })
    case .q2_k:
      Traits(
        256, 84, wide: [(80, 2, 2)], kernel: lathe_decode_q2_k, reference: { decodeQ2K($1, $2) }, fileType: 10,
        substitute: .q4_0)
    case .q3_k:
      Traits(
        256, 110, wide: [(108, 2, 1)], kernel: lathe_decode_q3_k, reference: { decodeQ3K($1, $2) }, fileType: 11,
        substitute: .q4_0)
    case .q4_k:
      Traits(
        256, 144, wide: [(0, 2, 2)], kernel: lathe_decode_q4_k, reference: { $0.decodeQ45K($1, $2) }, fileType: 14,
        substitute: .q5_0)
    case .q5_k:
      Traits(
        256, 176, wide: [(0, 2, 2)], kernel: lathe_decode_q5_k, reference: { $0.decodeQ45K($1, $2) }, fileType: 16,
        substitute: .q5_1)
    case .q6_k:
      Traits(
        256, 210, wide: [(208, 2, 1)], kernel: lathe_decode_q6_k, reference: { decodeQ6K($1, $2) }, fileType: 18,
        substitute: .q8_0)
    case .q8_k:
      Traits(256, 292, wide: [(0, 4, 1), (260, 2, 16)], kernel: lathe_decode_q8_k, reference: { decodeQ8K($1, $2) })
    case .iq2_xxs:
      Traits(
        256, 66, wide: [(0, 2, 33)], kernel: lathe_decode_iq2_xxs, reference: { $0.decodeCodebook($1, $2) },
        fileType: 19, substitute: .iq4_nl)
    case .iq2_xs:
      Traits(
        256, 74, wide: [(0, 2, 33)], kernel: lathe_decode_iq2_xs, reference: { $0.decodeCodebook($1, $2) },
        fileType: 20, substitute: .iq4_nl)
    case .iq3_xxs:
      Traits(
        256, 98, wide: [(0, 2, 1)], kernel: lathe_decode_iq3_xxs, reference: { $0.decodeCodebook($1, $2) },
        fileType: 23, substitute: .iq4_nl)
    case .iq1_s:
      Traits(
        256, 50, wide: [(0, 2, 1), (34, 2, 8)], kernel: lathe_decode_iq1_s, reference: { $0.decodeCodebook($1, $2) },
        fileType: 24, substitute: .iq4_nl)
    case .iq4_nl:
      Traits(
        32, 18, wide: [(0, 2, 1)], kernel: lathe_decode_iq4_nl,
        reference: { decodeTable(iq4Levels, half($1, 0), $1 + 2, 16, $2) }, fileType: 25)
    case .iq3_s:
      Traits(
        256, 110, wide: [(0, 2, 1)], kernel: lathe_decode_iq3_s, reference: { $0.decodeCodebook($1, $2) }, fileType: 26,
        substitute: .iq4_nl)
    case .iq2_s:
      Traits(
        256, 82, wide: [(0, 2, 1)], kernel: lathe_decode_iq2_s, reference: { $0.decodeCodebook($1, $2) }, fileType: 28,
        substitute: .iq4_nl)
    case .iq4_xs:
      Traits(
        256, 136, wide: [(0, 2, 2)], kernel: lathe_decode_iq4_xs, reference: { decodeIQ4XS($1, $2) }, fileType: 30,
        substitute: .iq4_nl)
    case .iq1_m:
      Traits(
        256, 56, wide: [(48, 2, 4)], kernel: lathe_decode_iq1_m, reference: { $0.decodeCodebook($1, $2) }, fileType: 31,
        substitute: .iq4_nl)
    case .tq1_0:
      Traits(
        256, 54, wide: [(52, 2, 1)], kernel: lathe_decode_tq1_0, reference: { decodeTQ1($1, $2) }, fileType: 36,
        substitute: .q4_0)
    case .tq2_0:
      Traits(
        256, 66, wide: [(64, 2, 1)], kernel: lathe_decode_tq2_0, reference: { decodeTQ2($1, $2) }, fileType: 37,
        substitute: .q4_0)
    case .mxfp4:
      Traits(
        32, 17, kernel: lathe_decode_mxfp4,
        reference: { decodeTable(fp4Levels, ScaleFormat.halfE8M0($1[0]), $1 + 1, 16, $2) }, fileType: 38)
    case .nvfp4:
      Traits(64, 36, kernel: lathe_decode_nvfp4, reference: { decodeNVFP4($1, $2) }, fileType: 39)
    case .q1_0:
      Traits(128, 18, wide: [(0, 2, 1)], kernel: lathe_decode_q1_0, reference: { decodeQ10($1, $2) }, fileType: 40)
    case .q2_0:
      Traits(64, 18, wide: [(0, 2, 1)], kernel: lathe_decode_q2_0, reference: { decodeQ20($1, $2) }, fileType: 41)
    }
  }
}
