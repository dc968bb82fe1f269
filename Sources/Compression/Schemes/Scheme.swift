import Numerics

/// How a weight is stored: its number format, what is set to zero first, and how the codes are packed.
///
/// A value; printed and parsed as the command line's SPEC (`int4,group=32,sparsity=0.3`), and coded as that string.
public struct Scheme: Sendable, Hashable {
  public var format: Format
  public var sparsity: Sparsity
  public var coding: Coding
  /// How its codes are chosen.
  public var by: CodeChoice

  public init(_ format: Format, sparsity: Sparsity = .none, coding: Coding = .none, by: CodeChoice = .nearest) {
    self.format = format
    self.sparsity = sparsity
    self.coding = coding
    self.by = by
  }

  /// The weight as it is.
  public static let keep = Scheme(.keep)

  /// Whether nothing changes: no error, the stored bytes.
  public var isKeep: Bool { self == .keep }

  public enum Format: Sendable, Hashable {
    case keep
    case uniform(UniformScheme)
    case f16
    case bf16
    /// ggml's bytes.
    case block(BlockType)
    /// Floats of four to eight bits under scales.
    case smallFloat(SmallFloatScheme)
    /// Values from a table: NF4's, or those that k-means finds.
    case codebook(CodebookScheme)
    case named(NamedFormat)
  }

  public enum Coding: String, Sendable, Hashable, CaseIterable {
    case none, huffman, rans
  }
}
