// The plain floating-point types. Reference forms: Sources/Numerics/ElementType+Reference.swift.

#pragma STDC FP_CONTRACT OFF

#include "decode.h"

#include "dispatch/dispatch.h"
#include "dispatch/vectors.inc.h"
#include "half.h"

INLINE size_t whole_halves_baseline(const uint8_t *bytes, float *values, size_t count) {
  (void)bytes, (void)values, (void)count;
  return 0;
}

#if LATHE_HAS_VECTOR
/// As many as fill vectors; returns how many.
LATHE_VECTOR_TARGET static size_t whole_halves_vector(const uint8_t *bytes, float *values, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
#if defined(__x86_64__)
    __m128i halves = _mm_loadu_si128((const __m128i *)(bytes + 2 * i));
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(halves));
#else
    float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(bytes + 2 * i));
    vst1q_f32(values + i, vcvt_f32_f16(vget_low_f16(halves)));
    vst1q_f32(values + i + 4, vcvt_high_f32_f16(halves));
#endif
  }
  return i;
}
#endif

void lathe_decode_f16(const uint8_t *bytes, float *values, size_t count) {
  size_t i = DISPATCH(whole_halves, bytes, values, count);
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
