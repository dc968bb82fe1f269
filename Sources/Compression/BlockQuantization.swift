import CKernels
import Numerics

/// All that is known of how one of ggml's types is quantised to: a row of the table below.
struct BlockQuantization: Sendable {
  /// Weights, rows, columns, importance a column, blocks.
  typealias Rows =
    @Sendable (UnsafePointer<Float>?, Int, Int, UnsafePointer<Float>?, UnsafeMutablePointer<UInt8>?) -> Void

  /// What an importance of each input is to the reference.
  enum Importance: Sendable {
    /// The bytes are the same with one as without.
    case ignored
    case used
    /// llama.cpp makes no file without one. Errors are estimated all the same (lathe_quantize_rows_iq1_s has what
    /// weighs then).
    case needed
  }

  /// With importances, and without.
  let weighted: Rows
  let plain: Rows
  let importance: Importance
  /// Whether a codebook is searched for each few weights: several times as long as the others take.
  let searchesCodebook: Bool
  /// Whether signs and thirds are taken as they come, for models that were trained for them.
  let isForTrained: Bool
  /// t² of standard normal weights without importances: which of two types is the better one at its size.
  ///
  /// Measured with these quantisers on 2^20 numbers of numpy's `default_rng(0).standard_normal`, 1,024 rows of 1,024:
  /// `lathe estimate`.
  let normalError: Double
  /// What codes stand for, in units of a scale.
  let levels: BlockScales.Shape
  /// Adds a block's scales.
  let scales: @Sendable (inout BlockScales, UnsafePointer<UInt8>) -> Void

  init(
    _ weighted: @escaping Rows, plain: Rows? = nil, importance: Importance = .used, searchesCodebook: Bool = false,
    isForTrained: Bool = false, normalError: Double, levels: BlockScales.Shape,
    scales: @escaping @Sendable (inout BlockScales, UnsafePointer<UInt8>) -> Void = { $0.add(BlockScales.half($1)) }
  ) {
    (self.weighted, self.plain, self.importance) = (weighted, plain ?? weighted, importance)
    (self.searchesCodebook, self.isForTrained) = (searchesCodebook, isForTrained)
    (self.normalError, self.levels, self.scales) = (normalError, levels, scales)
  }
}

extension BlockType {
  /// `nil` for a type that nothing is quantised to.
  var quantization: BlockQuantization? { Self.quantizations[self] }

  private static let quantizations = Dictionary(
    uniqueKeysWithValues: allCases.compactMap { type in type.row.map { (type, $0) } })

  private var row: BlockQuantization? {
    @Sendable func half(_ bytes: UnsafePointer<UInt8>) -> Float { BlockScales.half(bytes) }
    @Sendable func nibble(_ place: UnsafePointer<UInt8>, _ index: Int) -> Float { BlockScales.nibble(place, index) }
    return switch self {
    case .q8_0:
      BlockQuantization(
        { lathe_quantize_q8_0($0, $1 * $2, $4) }, importance: .ignored, normalError: 2.87e-5,
        levels: .even(lowest: -127, highest: 127))
    case .q4_0:
      BlockQuantization(
        { lathe_quantize_rows_q4_0($0, $1, $2, $3, $4) }, plain: { lathe_quantize_q4_0($0, $1 * $2, $4) },
        normalError: 7.39e-3, levels: .even(lowest: -8, highest: 8))
    case .q4_1:
      BlockQuantization(
        { lathe_quantize_rows_q4_1($0, $1, $2, $3, $4) }, plain: { lathe_quantize_q4_1($0, $1 * $2, $4) },
        normalError: 6.11e-3, levels: .affine(levels: 16), scales: { $0.add(half($1), minimum: half($1 + 2)) })
    case .q5_0:
      BlockQuantization(
        { lathe_quantize_rows_q5_0($0, $1, $2, $3, $4) }, plain: { lathe_quantize_q5_0($0, $1 * $2, $4) },
        normalError: 1.83e-3, levels: .even(lowest: -16, highest: 16))
    case .q5_1:
      BlockQuantization(
        { lathe_quantize_rows_q5_1($0, $1, $2, $3, $4) }, plain: { lathe_quantize_q5_1($0, $1 * $2, $4) },
        normalError: 1.43e-3, levels: .affine(levels: 32), scales: { $0.add(half($1), minimum: half($1 + 2)) })
    case .q2_k:
      BlockQuantization(
        { lathe_quantize_rows_q2_k($0, $1, $2, $3, $4) }, normalError: 8.80e-2, levels: .affine(levels: 4),
        scales: { $0.addQ2K($1) })
    case .q3_k:
      BlockQuantization(
        { lathe_quantize_rows_q3_k($0, $1, $2, $3, $4) }, normalError: 2.28e-2, levels: .even(lowest: -4, highest: 4),
        scales: { $0.addQ3K($1) })
    case .q4_k:
      BlockQuantization(
        { lathe_quantize_rows_q4_k($0, $1, $2, $3, $4) }, normalError: 5.08e-3, levels: .affine(levels: 16),
        scales: { $0.addSixBits($1) })
    case .q5_k:
      BlockQuantization(
        { lathe_quantize_rows_q5_k($0, $1, $2, $3, $4) }, normalError: 1.30e-3, levels: .affine(levels: 32),
        scales: { $0.addSixBits($1) })
    case .q6_k:
      BlockQuantization(
        { lathe_quantize_rows_q6_k($0, $1, $2, $3, $4) }, normalError: 3.14e-4, levels: .even(lowest: -32, highest: 32),
        scales: { for run in 0..<16 { $0.add(half($1 + 208) * Float(Int8(bitPattern: $1[192 + run]))) } })
    case .iq4_nl:
      BlockQuantization({ lathe_quantize_rows_iq4_nl($0, $1, $2, $3, $4) }, normalError: 5.79e-3, levels: .iq4)
    case .iq4_xs:
      BlockQuantization(
        { lathe_quantize_rows_iq4_xs($0, $1, $2, $3, $4) }, normalError: 5.88e-3, levels: .iq4,
        scales: { $0.addIQ4XS($1) })
    case .iq1_s:
      BlockQuantization(
        { lathe_quantize_rows_iq1_s($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 0.236, levels: .table([-1.125, -0.875, -0.125, 0.125, 0.875, 1.125]),
        scales: { for run in 0..<8 { $0.add(half($1) * (2 * Float($1[34 + 2 * run + 1] >> 4 & 7) + 1)) } })
    case .iq1_m:
      BlockQuantization(
        { lathe_quantize_rows_iq1_m($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 0.339, levels: .table([-1.125, -0.875, -0.125, 0.125, 0.875, 1.125]), scales: { $0.addIQ1M($1) })
    case .iq2_xxs:
      BlockQuantization(
        { lathe_quantize_rows_iq2_xxs($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 0.118, levels: .signed([8, 25, 43]),
        scales: { for run in 0..<8 { $0.add(half($1) * (0.5 + Float($1[2 + 8 * run + 7] >> 4)) / 4) } })
    case .iq2_xs:
      BlockQuantization(
        { lathe_quantize_rows_iq2_xs($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 8.98e-2, levels: .signed([8, 25, 43]),
        scales: { for run in 0..<16 { $0.add(half($1) * (0.5 + nibble($1 + 66, run)) / 4) } })
    case .iq2_s:
      BlockQuantization(
        { lathe_quantize_rows_iq2_s($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 7.01e-2, levels: .signed([8, 25, 43]),
        scales: { for run in 0..<16 { $0.add(half($1) * (0.5 + nibble($1 + 74, run)) / 4) } })
    case .iq3_xxs:
      BlockQuantization(
        { lathe_quantize_rows_iq3_xxs($0, $1, $2, $3, $4) }, importance: .needed, searchesCodebook: true,
        normalError: 4.54e-2, levels: .signed([4, 12, 20, 28, 36, 44, 52, 62]),
        scales: { for run in 0..<8 { $0.add(half($1) * (0.5 + Float($1[66 + 4 * run + 3] >> 4)) / 2) } })
    case .iq3_s:
      BlockQuantization(
        { lathe_quantize_rows_iq3_s($0, $1, $2, $3, $4) }, searchesCodebook: true, normalError: 2.76e-2,
        levels: .signed([1, 3, 5, 7, 9, 11, 13, 15]),
        scales: { for run in 0..<8 { $0.add(half($1) * (1 + 2 * nibble($1 + 106, run))) } })
    case .q1_0:
      BlockQuantization(
        { lathe_quantize_rows_q1_0($0, $1, $2, $3, $4) }, importance: .ignored, isForTrained: true, normalError: 0.361,
        levels: .table([-1, 1]))
    case .q2_0:
      BlockQuantization(
        { lathe_quantize_rows_q2_0($0, $1, $2, $3, $4) }, importance: .ignored, isForTrained: true, normalError: 0.516,
        levels: .even(lowest: -1, highest: 2))
    case .tq1_0:
      BlockQuantization(
        { lathe_quantize_rows_tq1_0($0, $1, $2, $3, $4) }, importance: .ignored, isForTrained: true, normalError: 0.652,
        levels: .even(lowest: -1, highest: 1), scales: { $0.add(half($1 + 52)) })
    case .tq2_0:
      BlockQuantization(
        { lathe_quantize_rows_tq2_0($0, $1, $2, $3, $4) }, importance: .ignored, isForTrained: true, normalError: 0.652,
        levels: .even(lowest: -1, highest: 1), scales: { $0.add(half($1 + 64)) })
    case .mxfp4:
      BlockQuantization(
        { lathe_quantize_rows_mxfp4($0, $1, $2, $3, $4) }, importance: .ignored, normalError: 1.32e-2, levels: .e2m1,
        scales: { $0.add($1[0] == 0 ? 0x1p-127 : Float(bitPattern: UInt32($1[0]) << 23)) })
    case .nvfp4:
      BlockQuantization(
        { lathe_quantize_rows_nvfp4($0, $1, $2, $3, $4) }, importance: .ignored, normalError: 9.04e-3, levels: .e2m1,
        scales: { for part in 0..<4 { $0.add(ElementType.e4m3Levels[Int($1[part] & 0x7f)]) } })
    // Activations' types.
    case .q8_1, .q8_k: nil
    }
  }
}
