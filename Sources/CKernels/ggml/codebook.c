// ggml's IQ2 and IQ3: a group of eight (four) magnitudes becomes an entry of a codebook, with signs apart and a scale a
// run. Layouts: decode/codebooks.c.

#pragma STDC FP_CONTRACT OFF

#include "ggml_quantize.h"

#include "ggml/numbers.inc.h"
#include "ggml/neighbourhoods.h"
#include "dispatch/vectors.inc.h"

/// What sets the types apart.
typedef struct {
  lathe_codebook_name book;
  /// Bits a coordinate of the codebook's packed codes: groups of eight (2), or of four (3).
  int bits;
  /// Weights a scale.
  int run;
  /// Grids are tried from −reach to reach, this step apart.
  int reach;
  float step;
  /// Runs of lesser magnitudes are zeros.
  float least;
  /// Whether of eight signs only seven are stored, their number being even.
  int hasEvenSigns;
  /// Which groups of a run have their entries chosen again at the scale of the best trial: those off the codebook, all
  /// if any is, all always.
  enum { AGAIN_OFF, AGAIN_ALL, AGAIN_ALWAYS } again;
  /// The share of mean x² that counts in a weight: importance · √(variance + x²).
  float variance;
  /// What weighs where there is no importance: x² + share · mean x², or (negative) an importance of 1 for every input.
  float plain;
  /// What the super-block's scale is multiplied with as it is stored.
  float fudge;
} codebook_form;

/// What a search finds for a super-block.
typedef struct {
  uint16_t entries[64];
  uint8_t signs[32];
  float scales[16];
} codebook_block;

/// Sums of powers of three: of 3^i for each bit i.
static const uint16_t powers_of_three[256] = {
#define P1(n) n, n + 1
#define P2(n) P1(n), P1(n + 3)
#define P3(n) P2(n), P2(n + 9)
#define P4(n) P3(n), P3(n + 27)
#define P5(n) P4(n), P4(n + 81)
#define P6(n) P5(n), P5(n + 243)
#define P7(n) P6(n), P6(n + 729)
    P7(0), P7(2187)
};

/// How much each weight's error counts.
static inline void weigh_super_block(codebook_form form, const float *x, const float *importance, float *w) {
  const float variance = form.variance * sum_of_squares(x, 256) / 256;
  if (importance) {
    for (int i = 0; i < 256; i++) w[i] = importance[i] * sqrtf(variance + x[i] * x[i]);
  } else if (form.plain < 0) {
    for (int i = 0; i < 256; i++) w[i] = sqrtf(variance + x[i] * x[i]);
  } else if (form.plain > 0) {
    for (int i = 0; i < 256; i++) w[i] = form.plain * variance + x[i] * x[i];
  } else {
    for (int i = 0; i < 256; i++) w[i] = x[i] * x[i];
  }
}

/// Magnitudes, and the signs of each eight. Where these must be even and are not, the sign that costs least is flipped:
/// that magnitude is negative.
static inline void split_signs(int isEven, const float *weights, const float *w, float *x, uint8_t *signs) {
  for (int i = 0; i < 256; i++) x[i] = weights[i] >= 0 ? weights[i] : -weights[i];
  for (int g = 0; g < 32; g++, weights += 8, w += 8, x += 8) {
    unsigned bits = 0;
    for (int i = 0; i < 8; i++) bits |= (unsigned)!(weights[i] >= 0) << i;
    if (isEven && __builtin_parity(bits)) {
      int flipped = 0;
      float least = w[0] * weights[0] * weights[0];
      for (int i = 1; i < 8; i++) {
        const float cost = w[i] * weights[i] * weights[i];
        if (cost < least) least = cost, flipped = i;
      }
      x[flipped] = -x[flipped];
      bits ^= 1u << flipped;
    }
    signs[g] = (uint8_t)bits;
  }
}

#define FORMS "ggml/codebook.inc.h"
#include "dispatch/each_level.inc.h"

/// The runs' scales in four bits each, and the super-block's half: d · (2 · code + 1). Returns 0 where all are zero.
static int put_scales(codebook_form form, const codebook_block *found, uint8_t *half, uint8_t *codes) {
  const int runs = 256 / form.run;
  float greatest = 0;
  for (int s = 0; s < runs; s++) greatest = greatest > found->scales[s] ? greatest : found->scales[s];
  memset(codes, 0, (size_t)runs);
  put_half(half, 0);
  if (!greatest) return 0;
  const float d = greatest / 31, inverse = 1 / d;
  put_half(half, d * form.fudge);
  for (int s = 0; s < runs; s++) {
    const int code = nearest(0.5f * (inverse * found->scales[s] - 1));
    codes[s] = (uint8_t)(code < 0 ? 0 : code > 15 ? 15 : code);
  }
  return 1;
}

static inline void put_u32(uint8_t *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

/// Four times seven signs and a scale.
static inline uint32_t signs_and_scale(const uint8_t *signs, unsigned scale) {
  uint32_t bits = (uint32_t)scale << 28;
  for (int k = 0; k < 4; k++) bits |= (uint32_t)(signs[k] & 127) << (7 * k);
  return bits;
}

static const codebook_form form_iq2_xxs = {
    LATHE_CODEBOOK_IQ2_XXS, 2, 32, 6, 0.1f, 1e-15f, 1, AGAIN_ALWAYS, 1, -1, 1};

static void put_iq2_xxs(const codebook_block *found, uint8_t *block) {
  uint8_t scales[8];
  if (!put_scales(form_iq2_xxs, found, block, scales)) {
    memset(block, 0, 66);
    return;
  }
  for (int s = 0; s < 8; s++) {
    for (int k = 0; k < 4; k++) block[2 + 8 * s + k] = (uint8_t)found->entries[4 * s + k];
    put_u32(block + 6 + 8 * s, signs_and_scale(found->signs + 4 * s, scales[s]));
  }
}

static const codebook_form form_iq2_xs = {LATHE_CODEBOOK_IQ2_XS, 2, 16, 9, 0.1f, 1e-15f, 1, AGAIN_OFF, 1, -1, 1};

static void put_iq2_xs(const codebook_block *found, uint8_t *block) {
  uint8_t scales[16];
  if (!put_scales(form_iq2_xs, found, block, scales)) {
    memset(block, 0, 74);
    return;
  }
  for (int e = 0; e < 32; e++) {
    const unsigned word = found->entries[e] | (found->signs[e] & 127u) << 9;
    block[2 + 2 * e] = (uint8_t)word;
    block[3 + 2 * e] = (uint8_t)(word >> 8);
  }
  for (int i = 0; i < 8; i++) block[66 + i] = (uint8_t)(scales[2 * i] | scales[2 * i + 1] << 4);
}

static const codebook_form form_iq2_s = {
    LATHE_CODEBOOK_IQ2_S, 2, 16, 9, 0.1f, 1e-8f, 0, AGAIN_OFF, 2, 0.25f, 0.9875f};

static void put_iq2_s(const codebook_block *found, uint8_t *block) {
  uint8_t scales[16];
  memset(block, 0, 82);
  put_scales(form_iq2_s, found, block, scales);
  for (int e = 0; e < 32; e++) {
    block[2 + e] = (uint8_t)found->entries[e];
    block[34 + e] = found->signs[e];
    block[66 + e / 4] |= (uint8_t)(found->entries[e] >> 8 << (e % 4 * 2));
  }
  for (int i = 0; i < 8; i++) block[74 + i] = (uint8_t)(scales[2 * i] | scales[2 * i + 1] << 4);
}

static const codebook_form form_iq3_xxs = {
    LATHE_CODEBOOK_IQ3_XXS, 3, 32, 15, 0.2f, 1e-8f, 1, AGAIN_OFF, 2, 0, 1.0125f};

static void put_iq3_xxs(const codebook_block *found, uint8_t *block) {
  uint8_t scales[8];
  if (!put_scales(form_iq3_xxs, found, block, scales)) {
    memset(block, 0, 98);
    return;
  }
  for (int e = 0; e < 64; e++) block[2 + e] = (uint8_t)found->entries[e];
  for (int s = 0; s < 8; s++) put_u32(block + 66 + 4 * s, signs_and_scale(found->signs + 4 * s, scales[s]));
}

// The least magnitude there is: only runs of zeros are zeros.
//
// Where a run is all zeros and its super-block is not, ggml's reference writes the entries and signs of the runs that
// follow one run too early, and the block decodes to other weights. Here every run keeps its place: the one case in
// which the bytes are not the reference's.
static const codebook_form form_iq3_s = {LATHE_CODEBOOK_IQ3_S, 3, 32, 9, 0.2f, 0x1p-149f, 0, AGAIN_ALL, 2, 0, 1.033f};

static void put_iq3_s(const codebook_block *found, uint8_t *block) {
  uint8_t scales[8];
  memset(block, 0, 110);
  put_scales(form_iq3_s, found, block, scales);
  for (int e = 0; e < 64; e++) {
    block[2 + e] = (uint8_t)found->entries[e];
    block[66 + e / 8] |= (uint8_t)(found->entries[e] >> 8 << (e % 8));
  }
  memcpy(block + 74, found->signs, 32);
  for (int i = 0; i < 4; i++) block[106 + i] = (uint8_t)(scales[2 * i] | scales[2 * i + 1] << 4);
}

#define SEARCH(NAME, LEVEL)                                                                                  \
  static void NAME##_search_##LEVEL(const float *w, const float *importance, codebook_block *found) {        \
    fit_super_block_##LEVEL(form_##NAME, w, importance, found);                                              \
  }

/// Defines the quantiser of a type whose blocks have SIZE bytes.
#define CODEBOOK_TYPE(NAME, SIZE)                                                                            \
  SEARCH(NAME, baseline)                                                                                     \
  ONLY_VECTOR(LATHE_VECTOR_TARGET SEARCH(NAME, vector))                                                      \
  void lathe_quantize_rows_##NAME(                                                                           \
      const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks) {         \
    void (*search)(const float *, const float *, codebook_block *) = FORM(NAME##_search);                    \
    for (size_t row = 0; row < rows; row++)                                                                  \
      for (size_t column = 0; column < columns; column += 256, weights += 256, blocks += SIZE) {             \
        codebook_block found;                                                                                \
        search(weights, importance ? importance + column : NULL, &found);                                    \
        put_##NAME(&found, blocks);                                                                          \
      }                                                                                                      \
  }

CODEBOOK_TYPE(iq2_xxs, 66)
CODEBOOK_TYPE(iq2_xs, 74)
CODEBOOK_TYPE(iq2_s, 82)
CODEBOOK_TYPE(iq3_xxs, 98)
CODEBOOK_TYPE(iq3_s, 110)
