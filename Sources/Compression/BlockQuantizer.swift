import CKernels
import Numerics

/// ggml's reference quantiser for one of its types: bytes from weights, with or without an importance of each input.
public struct BlockQuantizer: Sendable {
  public let type: BlockType
  private let quantization: BlockQuantization

  /// `nil` for a type whose quantiser is not here.
  public init?(_ type: BlockType) {
    guard let quantization = type.quantization else { return nil }
    (self.type, self.quantization) = (type, quantization)
  }

  /// The types that this version quantises to.
  public static let available = BlockType.allCases.filter { $0.quantization != nil }

  /// Those whose reference makes the same bytes with an importance as without one.
  public static let withoutImportance = types { $0.importance == .ignored }

  /// Those that llama.cpp makes only of weights whose importance is known: a file of them without one is refused.
  public static let needsImportance = types { $0.importance == .needed }

  /// Those that search a codebook for each few weights: several times as long as the others take.
  public static let searchesCodebook = types(where: \.searchesCodebook)

  /// Those that keys do not step to: for models that were trained for them.
  public static let forTrained = types(where: \.isForTrained)

  private static func types(where isOne: (BlockQuantization) -> Bool) -> Set<BlockType> {
    Set(BlockType.allCases.filter { $0.quantization.map(isOne) ?? false })
  }

  /// The blocks of `count` weights, a multiple of the block, into `bytes`.
  public func encode(_ weights: UnsafePointer<Float>, count: Int, into bytes: UnsafeMutablePointer<UInt8>) {
    precondition(count % type.blockWeights == 0)
    quantization.plain(weights, 1, count, nil, bytes)
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
    quantization.weighted(weights, rows, columns, importance, bytes)
  }
}
