// The plain floating-point types. Reference forms: Sources/Numerics/ElementType+Reference.swift.

#pragma STDC FP_CONTRACT OFF

#include "decode.h"

#include "half.h"
#include "level.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,f16c"))) static size_t f16_avx2(const uint8_t *bytes, float *values, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i halves = _mm_loadu_si128((const __m128i *)(bytes + 2 * i));
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(halves));
  }
  return i;
}
#endif

void lathe_decode_f16(const uint8_t *bytes, float *values, size_t count) {
  size_t i = 0;
#if defined(__x86_64__)
  if (lathe_kernel_level() >= LATHE_LEVEL_AVX2) i = f16_avx2(bytes, values, count);
#endif
  for (; i < count; i++) values[i] = lathe_half_at(bytes + 2 * i);
}

void lathe_decode_bf16(const uint8_t *bytes, float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)(bytes[2 * i] | bytes[2 * i + 1] << 8) << 16;
    memcpy(values + i, &bits, 4);
  }
}

void lathe_decode_f64(const uint8_t *bytes, float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double value;
    memcpy(&value, bytes + 8 * i, 8);
    values[i] = (float)value;
  }
}
