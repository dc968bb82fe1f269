#pragma STDC FP_CONTRACT OFF

#include "ggml_quantize.h"

#include "ggml/numbers.inc.h"
#include "dispatch/vectors.inc.h"

// What the searches of ggml_search.inc.h are put together with.

/// Scales (or depths) of runs as codes from 0 to `top` times a common one, which is returned.
static inline float share(int count, int top, const float *x, uint8_t *codes) {
  float greatest = 0;
  for (int i = 0; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  const float inverse = greatest > 0 ? (float)top / greatest : 0;
  for (int i = 0; i < count; i++) {
    const uint8_t code = (uint8_t)nearest(inverse * x[i]);
    codes[i] = code > top ? (uint8_t)top : code;
  }
  return greatest / (float)top;
}

/// The same fitted with weights: nine grids, the least weighted square error, then five passes of coordinate descent.
static inline float fit_positive(int count, int top, const float *x, const float *w, uint8_t *codes) {
  float greatest = 0;
  for (int i = 0; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  memset(codes, 0, (size_t)count);
  if (greatest < 1e-15f) return 0;
  float best = 0, chosen = 0;
  for (int k = 0; k < 9; k++) {
    // 0, then −4 … −1, 1 … 4.
    const int place = k == 0 ? 0 : k <= 4 ? k - 5 : k - 4;
    const float inverse = k == 0 ? (float)top / greatest : (0.1f * (float)place + (float)top) / greatest;
    const float scale = 1 / inverse;
    float error = 0;
    for (int i = 0; i < count; i++) {
      int code = nearest(inverse * x[i]);
      if (k == 0) code = (uint8_t)code;
      else if (code > top) code = top;
      const float off = x[i] - scale * (float)code;
      error += w[i] * off * off;
    }
    if (k == 0 || error < best) best = error, chosen = inverse;
  }
  float sumXL = 0, sumLL = 0;
  for (int i = 0; i < count; i++) {
    const int code = nearest(chosen * x[i]);
    codes[i] = (uint8_t)(code > top ? top : code);
    sumXL += w[i] * x[i] * (float)codes[i];
    sumLL += w[i] * (float)codes[i] * (float)codes[i];
  }
  for (int pass = 0; pass < 5; pass++) {
    int changed = 0;
    for (int i = 0; i < count; i++) {
      float partXL = sumXL - w[i] * x[i] * (float)codes[i];
      float partLL = sumLL - w[i] * (float)codes[i] * (float)codes[i];
      if (!(partXL > 0 && partLL > 0)) continue;
      int moved = nearest(x[i] * partLL / partXL);
      moved = moved > top ? top : moved;
      if (moved == codes[i]) continue;
      partXL += w[i] * x[i] * (float)moved;
      partLL += w[i] * (float)moved * (float)moved;
      if (partXL * partXL * sumLL > sumXL * sumXL * partLL) {
        codes[i] = (uint8_t)moved;
        sumXL = partXL, sumLL = partLL;
        changed = 1;
      }
    }
    if (!changed) break;
  }
  return sumLL > 0 ? sumXL / sumLL : 0;
}

/// The codes again, with the scale and the depth as they were stored; they stay where the scale is 0.
static inline void requantize(
    const float *w, int count, float scale, float depth, int offset, int top, uint8_t *codes) {
  if (scale == 0) return;
  for (int i = 0; i < count; i++) {
    const int code = nearest((w[i] + depth) / scale) + offset;
    codes[i] = (uint8_t)(code < 0 ? 0 : code > top ? top : code);
  }
}

/// 256 codes of two bits: each 32 bytes hold four planes of 32.
static inline void pack_pairs(const uint8_t *codes, uint8_t *bytes) {
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 32; i++) {
      const uint8_t *c = codes + 128 * half + i;
      bytes[32 * half + i] = (uint8_t)(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
    }
}

#define FORMS "ggml/k.inc.h"
#include "dispatch/each_level.inc.h"

/// Defines a quantiser of super-blocks of 256 weights and SIZE bytes.
#define SUPER_BLOCKS(NAME, SIZE)                                                                             \
  void lathe_quantize_rows_##NAME(                                                                           \
      const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {         \
    void (*form)(const float *, const float *, uint8_t *) = FORM(NAME);                                      \
    for (size_t row = 0; row < rows; row++)                                                                  \
      for (size_t column = 0; column < columns; column += 256, weights += 256, blocks += SIZE)               \
        form(weights, importance ? importance + column : NULL, blocks);                                      \
  }

SUPER_BLOCKS(q2_k, 84)
SUPER_BLOCKS(q3_k, 110)
SUPER_BLOCKS(q4_k, 144)
SUPER_BLOCKS(q5_k, 176)
SUPER_BLOCKS(q6_k, 210)
SUPER_BLOCKS(iq4_xs, 136)

void lathe_quantize_rows_iq4_nl(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < columns; column += 256) {
      const int runs = columns - column < 256 ? (int)(columns - column) / 32 : 8;
      FORM(iq4_nl)(weights, importance ? importance + column : NULL, runs, blocks);
      weights += 32 * runs;
      blocks += 18 * runs;
    }
}

static void legacy(
    const float *weights, size_t rows, size_t columns, const float *importance, int isAffine, int bits,
    uint8_t *blocks) {
  const size_t size = 2 + (isAffine ? 2 : 0) + (bits == 5 ? 4 : 0) + 16;
  for (size_t row = 0; row < rows; row++) {
    const float variance = mean_square(weights, columns);
    for (size_t column = 0; column < columns; column += 256) {
      const int runs = columns - column < 256 ? (int)(columns - column) / 32 : 8;
      FORM(legacy)(weights, importance + column, variance, runs, isAffine, bits, blocks);
      weights += 32 * runs;
      blocks += size * (size_t)runs;
    }
  }
}

/// Defines the importance-weighted form of a type of 32 weights.
#define LEGACY(NAME, AFFINE, BITS)                                                                           \
  void lathe_quantize_rows_##NAME(                                                                           \
      const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {         \
    legacy(weights, rows, columns, importance, AFFINE, BITS, blocks);                                        \
  }

LEGACY(q4_0, 0, 4)
LEGACY(q4_1, 1, 4)
LEGACY(q5_0, 0, 5)
LEGACY(q5_1, 1, 5)

static inline float greatest_magnitude(const float *x, int count) {
  float greatest = 0;
  for (int i = 0; i < count; i++) greatest = fabsf(x[i]) > greatest ? fabsf(x[i]) : greatest;
  return greatest;
}

/// The ternary digit of a weight: halves away from zero, counted from −1.
static inline unsigned digit(float x) { return (unsigned)(lroundf(x) + 1); }

/// `count` bytes of `planes` ternary digits each, the first one the highest of five: the byte is the digits' number,
/// over 243 instead of 256, rounded up.
static void put_digits(const float *w, float inverse, int count, int planes, uint8_t *bytes) {
  for (int i = 0; i < count; i++) {
    unsigned number = 0;
    for (int p = 0; p < 5; p++) number = 3 * number + (p < planes ? digit(w[p * count + i] * inverse) : 0);
    bytes[i] = (uint8_t)((number % 256 * 256 + 242) / 243);
  }
}

/// Signs times the block's mean magnitude; a zero is positive.
void lathe_quantize_rows_q1_0(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t start = 0; start < rows * columns; start += 128, blocks += 18) {
    const float *x = weights + start;
    float sum = 0;
    for (int i = 0; i < 128; i++) sum += fabsf(x[i]);
    put_half(blocks, sum / 128);
    for (int byte = 0; byte < 16; byte++) {
      int bits = 0;
      for (int i = 0; i < 8; i++) bits |= (x[8 * byte + i] >= 0) << i;
      blocks[2 + byte] = (uint8_t)bits;
    }
  }
}

/// -1, 0 or 1 times the block's greatest magnitude; halves away from zero. The fourth code is never chosen.
void lathe_quantize_rows_q2_0(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t start = 0; start < rows * columns; start += 64, blocks += 18) {
    const float *x = weights + start;
    const float greatest = fabsf(signed_greatest(x, 64)), inverse = greatest > 0 ? 1 / greatest : 0;
    put_half(blocks, greatest);
    for (int byte = 0; byte < 16; byte++) {
      int codes = 0;
      for (int i = 0; i < 4; i++) {
        const float scaled = x[4 * byte + i] * inverse;
        codes |= (1 + (scaled >= 0.5f) - (scaled <= -0.5f)) << (2 * i);
      }
      blocks[2 + byte] = (uint8_t)codes;
    }
  }
}

void lathe_quantize_rows_tq1_0(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t at = 0; at < rows * columns; at += 256, weights += 256, blocks += 54) {
    const float d = greatest_magnitude(weights, 256), inverse = d != 0 ? 1 / d : 0;
    put_digits(weights, inverse, 32, 5, blocks);
    put_digits(weights + 160, inverse, 16, 5, blocks + 32);
    put_digits(weights + 240, inverse, 4, 4, blocks + 48);
    put_half(blocks + 52, d);
  }
}

void lathe_quantize_rows_tq2_0(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t at = 0; at < rows * columns; at += 256, weights += 256, blocks += 66) {
    const float d = greatest_magnitude(weights, 256), inverse = d != 0 ? 1 / d : 0;
    uint8_t codes[256];
    for (int i = 0; i < 256; i++) codes[i] = (uint8_t)(digit(weights[i] * inverse) & 3);
    pack_pairs(codes, blocks);
    put_half(blocks + 64, d);
  }
}

void lathe_quantize_rows_mxfp4(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t at = 0; at < rows * columns; at += 32, weights += 32, blocks += 17) {
    const float greatest = greatest_magnitude(weights, 32);
    blocks[0] = greatest > 0 ? (uint8_t)(int)(floorf(log2f(greatest)) - 2 + 127) : 0;
    // Half of 2^(code − 127).
    const uint32_t bits = blocks[0] < 2 ? 0x00200000u << blocks[0] : (uint32_t)(blocks[0] - 1) << 23;
    float unit;
    memcpy(&unit, &bits, 4);
    FORM(fp4)(weights, 32, unit, blocks + 1);
  }
}

/// The unsigned E4M3 number nearest to x, halves up; at most 448.
static uint8_t ue4m3(float x) {
  if (!(x > 0)) return 0;
  if (x > 448) x = 448;
  uint32_t bits;
  memcpy(&bits, &x, 4);
  int exponent = (int)(bits >> 23 & 255) - 127 + 7;
  if (exponent <= 0) {
    const int mantissa = (int)(x * 512 + 0.5f);
    return (uint8_t)(mantissa > 7 ? 7 : mantissa);
  }
  const int code = (exponent << 3) + (int)(bits >> 20 & 7) + (int)(bits >> 19 & 1);
  return (uint8_t)(code > 0x7E ? 0x7E : code);
}

void lathe_quantize_rows_nvfp4(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {
  (void)importance;
  for (size_t at = 0; at < rows * columns; at += 64, weights += 64, blocks += 36)
    for (int s = 0; s < 4; s++) {
      const uint8_t code = ue4m3(greatest_magnitude(weights + 16 * s, 16) / 6);
      blocks[s] = code;
      // Half of the number, for levels that are stored doubled.
      const int exponent = code >> 3, mantissa = code & 7;
      const float unit = code == 0x7F ? 0 : ldexpf((float)(exponent ? 8 + mantissa : mantissa), (exponent ? exponent : 1) - 11);
      FORM(fp4)(weights + 16 * s, 16, unit, blocks + 4 + 8 * s);
    }
}
