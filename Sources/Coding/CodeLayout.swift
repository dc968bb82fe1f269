/// Where a code lies in a tensor of words.
@usableFromInline package enum CodeLayout: Sendable, Hashable {
  /// The tensor's own numbers are the codes.
  case stored
  case packed(Bits)

  /// Codes in runs of words. Code p of run s begins at bit `position(p)` of the run, whose word w is number
  /// w · wordStride + s · runStride of the tensor.
  @usableFromInline package struct Bits: Sendable, Hashable {
    @usableFromInline package let bits: Int
    /// Whether runs go along the rows' numbers (p = r, s = c) and not along the inputs (p = c, s = r).
    @usableFromInline package let isAlongRows: Bool
    /// Bytes of a word.
    @usableFromInline package let wordSize: Int
    @usableFromInline package let wordStride: Int
    @usableFromInline package let runStride: Int
    @usableFromInline package let order: Order

    package init(
      bits: Int, isAlongRows: Bool = false, wordSize: Int = 4, wordStride: Int = 1, runStride: Int,
      order: Order = .stream
    ) {
      self.bits = bits
      self.isAlongRows = isAlongRows
      self.wordSize = wordSize
      self.wordStride = wordStride
      self.runStride = runStride
      self.order = order
    }
  }

  @usableFromInline package enum Order: Sendable, Hashable {
    /// One after another from the lowest bit on, over the words' ends.
    case stream
    /// As many whole codes as a word holds, from its lowest bit on.
    case words
    /// Two a byte, the high one first.
    case highFirst
    /// Eight nibbles a word, in the order 0 2 4 6 1 3 5 7 (AutoAWQ's gemm form).
    case awq
  }
}

extension CodeLayout.Bits {
  /// The bit at which code `p` of a run begins.
  @inlinable @inline(__always) package func position(_ p: Int) -> Int {
    switch order {
    case .stream: return p * bits
    case .words:
      let each = 8 * wordSize / bits
      return p / each * 8 * wordSize + p % each * bits
    case .highFirst: return (p ^ 1) * bits
    case .awq: return p / 8 * 32 + (p % 2 * 4 + p % 8 / 2) * 4
    }
  }
}
