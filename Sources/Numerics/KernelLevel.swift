internal import CKernels

/// The instruction-set level that the C kernels run at: the processor's best, unless the environment variable
/// `LATHE_KERNELS` (`baseline`, `avx2`) asks for a lower one. Every level gives the same results.
public enum KernelLevel: String, Sendable, CaseIterable {
  case baseline, avx2

  /// The level in use.
  public static var current: KernelLevel { lathe_kernel_level() == LATHE_LEVEL_AVX2 ? .avx2 : .baseline }

  /// Makes the kernels that the calling thread runs run at this level, or at the best below it that the processor
  /// has: for tests that compare levels, side by side.
  ///
  /// - Returns: the level in use afterwards.
  @discardableResult
  public func force() -> KernelLevel {
    _ = lathe_set_kernel_level(self == .avx2 ? LATHE_LEVEL_AVX2 : LATHE_LEVEL_BASELINE)
    return Self.current
  }
}
