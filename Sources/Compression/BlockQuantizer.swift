import CKernels
import Numerics

/// ggml's reference quantiser for one of its types: bytes from weights.
public struct BlockQuantizer: Sendable {
  public let type: BlockType
  private let quantize: @Sendable (UnsafePointer<Float>?, Int, UnsafeMutablePointer<UInt8>?) -> Void

  /// `nil` for a type whose quantiser is not here.
  public init?(_ type: BlockType) {
    self.type = type
    switch type {
    case .q8_0: quantize = { lathe_quantize_q8_0($0, $1, $2) }
    case .q4_0: quantize = { lathe_quantize_q4_0($0, $1, $2) }
    case .q4_1: quantize = { lathe_quantize_q4_1($0, $1, $2) }
    case .q5_0: quantize = { lathe_quantize_q5_0($0, $1, $2) }
    case .q5_1: quantize = { lathe_quantize_q5_1($0, $1, $2) }
    default: return nil
    }
  }

  /// The types that this version quantises to.
  public static let available = BlockType.allCases.filter { BlockQuantizer($0) != nil }

  /// The blocks of `count` weights, a multiple of the block, into `bytes`.
  public func encode(_ weights: UnsafePointer<Float>, count: Int, into bytes: UnsafeMutablePointer<UInt8>) {
    precondition(count % type.blockWeights == 0)
    quantize(weights, count, bytes)
  }
}
