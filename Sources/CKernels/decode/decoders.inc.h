// One form serves every level: it is inlined into a function per level, and the compiler vectorises each with what
// that level has. Reference forms: Sources/Numerics/BlockType+Reference.swift.

#include "decode.h"
#include "half.h"
#include "dispatch/dispatch.h"

#define INLINED static inline __attribute__((always_inline)) void

/// A statement that goes before decoding, for files that need one.
#ifndef PREPARE
#define PREPARE
#endif

/// Defines `lathe_decode_NAME`, which runs the form NAME at the level in use.
#define DECODER(NAME)                                                                                        \
  EACH_LEVEL(                                                                                                \
      void, NAME, (const uint8_t *restrict bytes, float *restrict values, size_t blocks),                    \
      { NAME(bytes, values, blocks); })                                                                      \
  void lathe_decode_##NAME(const uint8_t *bytes, float *values, size_t blocks) {                             \
    PREPARE                                                                                                  \
    DISPATCH(NAME, bytes, values, blocks);                                                                   \
  }
