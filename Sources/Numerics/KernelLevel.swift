internal import CKernels

/// The instruction-set level that the C kernels run at: the processor's best, unless the environment variable
/// `LATHE_KERNELS` says `baseline`. Every level gives the same results.
public enum KernelLevel: String, Sendable, CaseIterable {
  case baseline
  /// AVX2 on x86-64, NEON on 64-bit ARM.
  case vector

  /// The level in use.
  public static var current: KernelLevel { lathe_kernel_level() == LATHE_LEVEL_VECTOR ? .vector : .baseline }

  /// Makes the kernels that the calling thread runs run at this level, or at the best below it that the processor
  /// has, until `release`: for tests that compare levels, side by side.
  public func force() {
    _ = lathe_set_kernel_level(self == .vector ? LATHE_LEVEL_VECTOR : LATHE_LEVEL_BASELINE)
  }

  /// Takes back what was forced for the calling thread: the level is again what the environment says.
  public static func release() { lathe_clear_kernel_level() }
}
