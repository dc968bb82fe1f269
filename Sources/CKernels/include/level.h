#ifndef LATHE_LEVEL_H
#define LATHE_LEVEL_H

/// The instruction-set levels that a kernel may have a form for.
typedef enum {
  LATHE_LEVEL_BASELINE = 0,
  /// AVX2 with FMA, F16C and BMI2; NEON on 64-bit ARM, which always has it.
  LATHE_LEVEL_VECTOR = 1,
} lathe_level;

/// The level in use: the best that the processor has, unless LATHE_KERNELS=baseline asks for less. Every level gives the same bytes and the same sums, but for the kernels of networks
/// (network.h, product.h), whose last digits may differ.
lathe_level lathe_kernel_level(void);

/// Forces a level for the calling thread (tests compare them, side by side); of a level that the processor lacks,
/// the best that it has. Returns the level in use afterwards.
lathe_level lathe_set_kernel_level(lathe_level level);

/// Takes back what was forced for the calling thread.
void lathe_clear_kernel_level(void);

#endif
