// ggml's IQ1_S and IQ1_M: eight weights become an entry of a codebook of −1, 0 and 1, shifted by ⅛ up or down. A run's
// weights are sorted and split in three where the weighted square error is least. Layouts: decode/codebooks.c.

#pragma STDC FP_CONTRACT OFF

#include "ggml_quantize.h"

#include <float.h>
#include "ggml/numbers.inc.h"
#include "ggml/neighbourhoods.h"
#include "dispatch/vectors.inc.h"

/// The three levels, shifted up and shifted down.
static const float levels_iq1[2][3] = {{-0.875f, 0.125f, 1.125f}, {-1.125f, -0.125f, 0.875f}};

/// A sorted run in three: up to `first`, up to `second`, and the rest; which way it is shifted, and how well it does.
typedef struct {
  int first, second, kind;
  float scale, score;
} split;

/// What a search finds for a super-block; `weights` are what the errors were weighed with.
typedef struct {
  uint16_t entries[32];
  uint8_t shifts[16];
  float scales[16];
  float weights[256];
} ternary_block;

#define FORMS "ggml/ternary.inc.h"
#include "dispatch/each_level.inc.h"

/// The code of a run's scale, of 2 · code + 1 times the common one; 0…7.
static inline unsigned scale_code(float inverse, float scale) {
  const int code = nearest(0.5f * (inverse * scale - 1));
  return (unsigned)(code < 0 ? 0 : code > 7 ? 7 : code);
}

static inline float greatest_scale(const ternary_block *found) {
  float greatest = 0;
  for (int s = 0; s < 16; s++) greatest = greatest > found->scales[s] ? greatest : found->scales[s];
  return greatest;
}

static void put_iq1_s(const float *weights, const ternary_block *found, uint8_t *block) {
  (void)weights;
  const float greatest = greatest_scale(found), d = greatest / 15, inverse = 1 / d;
  put_half(block, greatest ? d * 1.125f : 0);
  for (int e = 0; e < 32; e++) block[2 + e] = (uint8_t)found->entries[e];
  for (int s = 0; s < 8; s++) {
    unsigned word = 0;
    for (int k = 0; k < 4; k++) word |= (unsigned)(found->entries[4 * s + k] >> 8) << (3 * k);
    if (greatest) word |= (scale_code(inverse, found->scales[s]) | (unsigned)found->shifts[s] << 3) << 12;
    block[34 + 2 * s] = (uint8_t)word;
    block[35 + 2 * s] = (uint8_t)(word >> 8);
  }
}

static void put_iq1_m(const float *weights, const ternary_block *found, uint8_t *block) {
  memset(block + 32, 0, 24);
  for (int e = 0; e < 32; e++) {
    block[e] = (uint8_t)found->entries[e];
    block[32 + e / 2] |= (uint8_t)(found->entries[e] >> 8 << (e % 2 * 4));
  }
  const float greatest = greatest_scale(found);
  if (!greatest) return;
  float d = greatest / 15;
  const float inverse = 1 / d;
  const lathe_neighbourhood *book = lathe_codebook_neighbourhood(LATHE_CODEBOOK_IQ1);
  unsigned words[4] = {0, 0, 0, 0};
  // The common scale is fitted once more, to all that the codes say.
  float sumXL = 0, sumLL = 0;
  for (int e = 0; e < 32; e++) {
    const int s = e / 2, isDown = found->shifts[s] >> (1 - e % 2) & 1;
    const unsigned code = scale_code(inverse, found->scales[s]), entry = book->codes[found->entries[e]];
    if (e % 2 == 0) words[s / 4] |= code << (3 * (s % 4));
    if (isDown) block[32 + s] |= (uint8_t)(8 << (e % 2 * 4));
    for (int i = 0; i < 8; i++) {
      const float level = levels_iq1[isDown][entry >> (2 * i) & 3] * (float)(2 * code + 1);
      const float weight = found->weights[8 * e + i];
      sumXL += weight * level * weights[8 * e + i];
      sumLL += weight * level * level;
    }
  }
  if (sumLL > 0) d = sumXL / sumLL;
  const uint16_t half = lathe_half_from_float(d * 1.1125f);
  for (int i = 0; i < 4; i++) {
    words[i] |= (unsigned)(half >> (4 * i) & 15) << 12;
    block[48 + 2 * i] = (uint8_t)words[i];
    block[49 + 2 * i] = (uint8_t)(words[i] >> 8);
  }
}

#define SEARCH(NAME, LEVEL, ...)                                                                             \
  static void NAME##_##LEVEL(const float *w, const float *importance, ternary_block *found) {                \
    fit_ternary_##LEVEL(__VA_ARGS__, w, importance, found);                                                  \
  }

/// Defines the quantiser of a type whose blocks have SIZE bytes: the weights a run, the magnitudes below which a run
/// counts as zero, and whether x² weighs where there is no importance.
#define TERNARY_TYPE(NAME, SIZE, ...)                                                                        \
  SEARCH(NAME, baseline, __VA_ARGS__)                                                                        \
  ONLY_VECTOR(LATHE_VECTOR_TARGET SEARCH(NAME, vector, __VA_ARGS__))                                         \
  void lathe_quantize_rows_##NAME(                                                                           \
      const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {         \
    void (*search)(const float *, const float *, ternary_block *) = FORM(NAME);                              \
    for (size_t row = 0; row < rows; row++)                                                                  \
      for (size_t column = 0; column < columns; column += 256, weights += 256, blocks += SIZE) {             \
        ternary_block found;                                                                                 \
        search(weights, importance ? importance + column : NULL, &found);                                    \
        put_##NAME(weights, &found, blocks);                                                                 \
      }                                                                                                      \
  }

TERNARY_TYPE(iq1_s, 50, 32, 1e-12f, 0)
TERNARY_TYPE(iq1_m, 56, 16, 1e-7f, 1)
