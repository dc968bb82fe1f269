// One form serves every level: it is inlined into a function per level, and the compiler vectorises each with what
// that level has. Reference forms: Sources/Numerics/BlockType+Reference.swift.

#include "decode.h"
#include "half.h"
#include "level.h"

#define INLINED static inline __attribute__((always_inline)) void

/// A statement that goes before decoding, for files that need one.
#ifndef PREPARE
#define PREPARE
#endif

#if defined(__x86_64__)
/// Defines `lathe_decode_NAME`, which runs the form NAME at the level in use.
#define DECODER(NAME)                                                                                        \
  static void NAME##_baseline(const uint8_t *restrict b, float *restrict v, size_t n) { NAME(b, v, n); }     \
  __attribute__((target("avx2"))) static void NAME##_avx2(                                                   \
      const uint8_t *restrict b, float *restrict v, size_t n) {                                              \
    NAME(b, v, n);                                                                                           \
  }                                                                                                          \
  void lathe_decode_##NAME(const uint8_t *bytes, float *values, size_t blocks) {                             \
    PREPARE                                                                                                  \
    (lathe_kernel_level() >= LATHE_LEVEL_AVX2 ? NAME##_avx2 : NAME##_baseline)(bytes, values, blocks);       \
  }
#else
#define DECODER(NAME)                                                                                        \
  void lathe_decode_##NAME(const uint8_t *bytes, float *values, size_t blocks) { PREPARE NAME(bytes, values, blocks); }
#endif
