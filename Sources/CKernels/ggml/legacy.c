#pragma STDC FP_CONTRACT OFF

#include "ggml_legacy.h"

#include <math.h>
#include <string.h>

#include "half.h"
#include "dispatch/dispatch.h"

enum { block = 32 };

static inline void put_half(uint8_t *bytes, float value) {
  uint16_t half = lathe_half_from_float(value);
  memcpy(bytes, &half, 2);
}

static void q8_0_baseline(const float *weights, size_t count, uint8_t *blocks) {
  for (size_t start = 0; start < count; start += block, blocks += 34) {
    const float *w = weights + start;
    float greatest = 0;
    for (int i = 0; i < block; i++) greatest = fabsf(w[i]) > greatest ? fabsf(w[i]) : greatest;
    float d = greatest / 127, inverse = d != 0 ? 1 / d : 0;
    put_half(blocks, d);
    for (int i = 0; i < block; i++) {
      float x = w[i] * inverse;
      // Half away from zero, as roundf; |x| <= 127 and a fraction's bits allow the sum to be exact enough:
      // truncating x ± 0.5 differs from roundf only just below a half, which trunc(x) + (fraction >= .5) avoids.
      float whole = truncf(x), fraction = x - whole;
      whole += (float)(fraction >= 0.5f) - (float)(fraction <= -0.5f);
      blocks[2 + i] = (uint8_t)(int8_t)whole;
    }
  }
}

/// The weight of the greatest magnitude, with its sign; the first of equals.
static inline float signed_extreme(const float *w) {
  float greatest = 0, extreme = 0;
  for (int i = 0; i < block; i++)
    if (fabsf(w[i]) > greatest) greatest = fabsf(w[i]), extreme = w[i];
  return extreme;
}

static inline void range(const float *w, float *minimum, float *maximum) {
  *minimum = *maximum = w[0];
  for (int i = 1; i < block; i++) {
    if (w[i] < *minimum) *minimum = w[i];
    if (w[i] > *maximum) *maximum = w[i];
  }
}

/// Packs 32 codes of four or five bits: fifth bits first where `fifth` is set.
static inline void pack(const uint8_t codes[block], int fifth, uint8_t *bytes) {
  if (fifth) {
    uint32_t high = 0;
    for (int i = 0; i < block; i++) high |= (uint32_t)(codes[i] >> 4 & 1) << i;
    memcpy(bytes, &high, 4);
    bytes += 4;
  }
  for (int j = 0; j < block / 2; j++)
    bytes[j] = (uint8_t)((codes[j] & 15) | (codes[j + block / 2] & 15) << 4);
}

static inline void quantize_signed(const float *weights, size_t count, int bits, uint8_t *blocks) {
  int half = 1 << (bits - 1), top = 2 * half - 1;
  size_t stride = bits == 5 ? 22 : 18;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    const float *w = weights + start;
    float d = signed_extreme(w) / (float)-half, inverse = d != 0 ? 1 / d : 0;
    uint8_t codes[block];
    put_half(blocks, d);
    for (int i = 0; i < block; i++) {
      int code = (int8_t)(w[i] * inverse + ((float)half + 0.5f));
      codes[i] = (uint8_t)(code < top ? code : top);
    }
    pack(codes, bits == 5, blocks + 2);
  }
}

static inline void quantize_offset(const float *weights, size_t count, int bits, uint8_t *blocks) {
  int top = (1 << bits) - 1;
  size_t stride = bits == 5 ? 24 : 20;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    const float *w = weights + start;
    float minimum, maximum;
    range(w, &minimum, &maximum);
    float d = (maximum - minimum) / (float)top, inverse = d != 0 ? 1 / d : 0;
    uint8_t codes[block];
    put_half(blocks, d);
    put_half(blocks + 2, minimum);
    for (int i = 0; i < block; i++) {
      int code = (int8_t)((w[i] - minimum) * inverse + 0.5f);
      codes[i] = (uint8_t)(code < top ? code : top);
    }
    pack(codes, bits == 5, blocks + 4);
  }
}

static void q4_0_baseline(const float *weights, size_t count, uint8_t *blocks) {
  quantize_signed(weights, count, 4, blocks);
}

static void q5_0_baseline(const float *weights, size_t count, uint8_t *blocks) {
  quantize_signed(weights, count, 5, blocks);
}

static void q4_1_baseline(const float *weights, size_t count, uint8_t *blocks) {
  quantize_offset(weights, count, 4, blocks);
}

static void q5_1_baseline(const float *weights, size_t count, uint8_t *blocks) {
  quantize_offset(weights, count, 5, blocks);
}

static void f16_baseline(const float *weights, size_t count, uint8_t *halves) {
  for (size_t i = 0; i < count; i++, halves += 2) put_half(halves, weights[i]);
}

static void bf16_baseline(const float *weights, size_t count, uint8_t *bfloats) {
  for (size_t i = 0; i < count; i++, bfloats += 2) {
    uint16_t value = lathe_bfloat_from_float(weights[i]);
    memcpy(bfloats, &value, 2);
  }
}

/// The order of magnitudes is that of their bits, infinity and NaN the greatest.
static float greatest_magnitude_baseline(const float *weights, size_t count) {
  int32_t greatest = 0;
  for (size_t i = 0; i < count; i++) {
    int32_t bits;
    memcpy(&bits, weights + i, 4);
    bits &= 0x7fffffff;
    greatest = bits > greatest ? bits : greatest;
  }
  float value;
  memcpy(&value, &greatest, 4);
  return value;
}

#if defined(__x86_64__)
#include "ggml/legacy_avx2.inc.h"
#elif defined(__aarch64__)
#include "ggml/legacy_neon.inc.h"
#endif

void lathe_quantize_q8_0(const float *weights, size_t count, uint8_t *blocks) { DISPATCH(q8_0, weights, count, blocks); }
void lathe_quantize_q4_0(const float *weights, size_t count, uint8_t *blocks) { DISPATCH(q4_0, weights, count, blocks); }
void lathe_quantize_q4_1(const float *weights, size_t count, uint8_t *blocks) { DISPATCH(q4_1, weights, count, blocks); }
void lathe_quantize_q5_0(const float *weights, size_t count, uint8_t *blocks) { DISPATCH(q5_0, weights, count, blocks); }
void lathe_quantize_q5_1(const float *weights, size_t count, uint8_t *blocks) { DISPATCH(q5_1, weights, count, blocks); }
void lathe_quantize_f16(const float *weights, size_t count, uint8_t *halves) { DISPATCH(f16, weights, count, halves); }
void lathe_quantize_bf16(const float *weights, size_t count, uint8_t *bfloats) { DISPATCH(bf16, weights, count, bfloats); }

float lathe_greatest_magnitude(const float *weights, size_t count) {
  return DISPATCH(greatest_magnitude, weights, count);
}
