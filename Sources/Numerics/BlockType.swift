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
  /// Weights a block.
  public var blockWeights: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q8_1, .iq4_nl, .mxfp4: 32
    case .nvfp4, .q2_0: 64
    case .q1_0: 128
    default: 256
    }
  }

  /// Bytes a block, scales and minima included.
  public var blockBytes: Int {
    switch self {
    case .q4_0, .iq4_nl: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q8_1: 36
    case .q2_k: 84
    case .q3_k: 110
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    case .q8_k: 292
    case .iq2_xxs: 66
    case .iq2_xs: 74
    case .iq3_xxs: 98
    case .iq1_s: 50
    case .iq3_s: 110
    case .iq2_s: 82
    case .iq4_xs: 136
    case .iq1_m: 56
    case .tq1_0: 54
    case .tq2_0: 66
    case .mxfp4: 17
    case .nvfp4: 36
    case .q1_0: 18
    case .q2_0: 18
    }
  }

  /// The name as ggml prints it in capitals: `Q4_0`, `IQ4_XS`.
  public var name: String { "\(self)".uppercased() }
}

extension BlockType {
  /// Bits a weight, scales and minima included.
  public var bitsPerWeight: Double { Double(8 * blockBytes) / Double(blockWeights) }
}

extension BlockType {
  /// The fields of a block that are wider than a byte, as ggml-common.h declares them: each `count` numbers of
  /// `width` bytes from byte `offset` on. Big-endian files have these bytes the other way round.
  public var wideFields: [(offset: Int, width: Int, count: Int)] {
    switch self {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .q1_0, .q2_0, .iq2_s, .iq3_s: [(0, 2, 1)]
    case .q4_1, .q5_1, .q8_1, .q4_k, .q5_k: [(0, 2, 2)]
    case .q2_k: [(80, 2, 2)]
    case .q3_k: [(108, 2, 1)]
    case .q6_k: [(208, 2, 1)]
    case .q8_k: [(0, 4, 1), (260, 2, 16)]
    case .iq2_xxs, .iq2_xs: [(0, 2, 33)]
    // The last 32 bytes are read as 32-bit words, but declared as bytes.
    case .iq3_xxs: [(0, 2, 1)]
    case .iq1_s: [(0, 2, 1), (34, 2, 8)]
    case .iq1_m: [(48, 2, 4)]
    case .iq4_xs: [(0, 2, 2)]
    case .tq1_0: [(52, 2, 1)]
    case .tq2_0: [(64, 2, 1)]
    case .mxfp4, .nvfp4: []
    }
  }
}
