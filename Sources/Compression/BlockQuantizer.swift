import CKernels
import Numerics

/// ggml's reference quantiser for one of its types: bytes from weights, with or without an importance of each input.
public struct BlockQuantizer: Sendable {
  public let type: BlockType
  private let plain: Rows
  private let weighted: Rows

  /// Weights, rows, columns, importance a column, blocks.
  private typealias Rows =
    @Sendable (UnsafePointer<Float>?, Int, Int, UnsafePointer<Float>?, UnsafeMutablePointer<UInt8>?)
    -> Void

  /// `nil` for a type whose quantiser is not here.
  public init?(_ type: BlockType) {
    self.type = type
    func both(_ rows: @escaping Rows) -> (Rows, Rows) { (rows, rows) }
    switch type {
    case .q8_0: (plain, weighted) = both { lathe_quantize_q8_0($0, $1 * $2, $4) }
    case .q4_0:
      (plain, weighted) = ({ lathe_quantize_q4_0($0, $1 * $2, $4) }, { lathe_quantize_rows_q4_0($0, $1, $2, $3, $4) })
    case .q4_1:
      (plain, weighted) = ({ lathe_quantize_q4_1($0, $1 * $2, $4) }, { lathe_quantize_rows_q4_1($0, $1, $2, $3, $4) })
    case .q5_0:
      (plain, weighted) = ({ lathe_quantize_q5_0($0, $1 * $2, $4) }, { lathe_quantize_rows_q5_0($0, $1, $2, $3, $4) })
    case .q5_1:
      (plain, weighted) = ({ lathe_quantize_q5_1($0, $1 * $2, $4) }, { lathe_quantize_rows_q5_1($0, $1, $2, $3, $4) })
    case .q2_k: (plain, weighted) = both { lathe_quantize_rows_q2_k($0, $1, $2, $3, $4) }
    case .q3_k: (plain, weighted) = both { lathe_quantize_rows_q3_k($0, $1, $2, $3, $4) }
    case .q4_k: (plain, weighted) = both { lathe_quantize_rows_q4_k($0, $1, $2, $3, $4) }
    case .q5_k: (plain, weighted) = both { lathe_quantize_rows_q5_k($0, $1, $2, $3, $4) }
    case .q6_k: (plain, weighted) = both { lathe_quantize_rows_q6_k($0, $1, $2, $3, $4) }
    case .iq4_nl: (plain, weighted) = both { lathe_quantize_rows_iq4_nl($0, $1, $2, $3, $4) }
    case .iq4_xs: (plain, weighted) = both { lathe_quantize_rows_iq4_xs($0, $1, $2, $3, $4) }
    case .iq1_s: (plain, weighted) = both { lathe_quantize_rows_iq1_s($0, $1, $2, $3, $4) }
    case .iq1_m: (plain, weighted) = both { lathe_quantize_rows_iq1_m($0, $1, $2, $3, $4) }
    case .iq2_xxs: (plain, weighted) = both { lathe_quantize_rows_iq2_xxs($0, $1, $2, $3, $4) }
    case .iq2_xs: (plain, weighted) = both { lathe_quantize_rows_iq2_xs($0, $1, $2, $3, $4) }
    case .iq2_s: (plain, weighted) = both { lathe_quantize_rows_iq2_s($0, $1, $2, $3, $4) }
    case .iq3_xxs: (plain, weighted) = both { lathe_quantize_rows_iq3_xxs($0, $1, $2, $3, $4) }
    case .iq3_s: (plain, weighted) = both { lathe_quantize_rows_iq3_s($0, $1, $2, $3, $4) }
    case .q1_0: (plain, weighted) = both { lathe_quantize_rows_q1_0($0, $1, $2, $3, $4) }
    case .q2_0: (plain, weighted) = both { lathe_quantize_rows_q2_0($0, $1, $2, $3, $4) }
    case .tq1_0: (plain, weighted) = both { lathe_quantize_rows_tq1_0($0, $1, $2, $3, $4) }
    case .tq2_0: (plain, weighted) = both { lathe_quantize_rows_tq2_0($0, $1, $2, $3, $4) }
    case .mxfp4: (plain, weighted) = both { lathe_quantize_rows_mxfp4($0, $1, $2, $3, $4) }
    case .nvfp4: (plain, weighted) = both { lathe_quantize_rows_nvfp4($0, $1, $2, $3, $4) }
    default: return nil
    }
  }

  /// The types that this version quantises to.
  public static let available = BlockType.allCases.filter { BlockQuantizer($0) != nil }

  /// Those whose reference makes the same bytes with an importance as without one.
  public static let withoutImportance: Set<BlockType> = [.q1_0, .q2_0, .q8_0, .tq1_0, .tq2_0, .mxfp4, .nvfp4]

  /// Those that llama.cpp makes only of weights whose importance is known: a file of them without one is refused.
  /// Errors are estimated all the same (lathe_quantize_rows_iq1_s has what weighs then).
  public static let needsImportance: Set<BlockType> = [.iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs]

  /// Those that search a codebook for each few weights: several times as long as the others take.
  public static let searchesCodebook: Set<BlockType> = [
    .iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s,
  ]

  /// The blocks of `count` weights, a multiple of the block, into `bytes`.
  public func encode(_ weights: UnsafePointer<Float>, count: Int, into bytes: UnsafeMutablePointer<UInt8>) {
    precondition(count % type.blockWeights == 0)
    plain(weights, 1, count, nil, bytes)
  }

  /// The blocks of whole rows, weighted by an importance of each column (llama.cpp's imatrix). Types that know no
  /// importance ignore it.
  ///
  /// - Precondition: `columns` is a multiple of the block; `importance` has `columns` numbers, none negative.
  public func encode(
    _ weights: UnsafePointer<Float>, rows: Int, columns: Int, importance: UnsafePointer<Float>,
    into bytes: UnsafeMutablePointer<UInt8>
  ) {
    precondition(columns % type.blockWeights == 0)
    weighted(weights, rows, columns, importance, bytes)
  }
}
