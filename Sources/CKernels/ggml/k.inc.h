// ggml's K-quants and the importance-weighted forms of its first types, compiled once a level (see search.inc.h).

#include "ggml/search.inc.h"

/// importance · √(σ² + w²), run by run.
TARGET INLINE void LEVEL(weigh)(const float *importance, float variance, const f8 *x, int n, int runs, f8 *into) {
  LEVEL(turn)(importance, n, runs, into);
  for (int i = 0; i < n; i++)
    for (int r = 0; r < 8; r++) into[i][r] *= sqrtf(variance + x[i][r] * x[i][r]);
}

TARGET INLINE f8 LEVEL(sum)(const f8 *x, int n) {
  f8 total = 0;
  for (int i = 0; i < n; i++) total += x[i];
  return total;
}

/// Q2_K: 16 runs of 16, codes 0…3, scales and depths in 4 bits.
TARGET static void LEVEL(q2_k)(const float *w, const float *importance, uint8_t *block) {
  f8 x[16], weights[16];
  i8 codes[16];
  float scales[16], depths[16], sums[16];
  uint8_t all[256], scale4[16], depth4[16];
  const float variance = mean_square(w, 256);
  for (int half = 0; half < 2; half++) {
    LEVEL(turn)(w + 128 * half, 16, 8, x);
    f8 scale, depth;
    if (importance) {
      LEVEL(weigh)(importance + 128 * half, variance, x, 16, 8, weights);
      LEVEL(fit_affine)(16, 3, x, weights, -0.9f, 0.05f, 36, 0, codes, &scale, &depth);
    } else {
      for (int i = 0; i < 16; i++) weights[i] = LEVEL(magnitude)(x[i]);
      LEVEL(fit_affine)(16, 3, x, weights, -0.5f, 0.1f, 15, 1, codes, &scale, &depth);
    }
    const f8 total = LEVEL(sum)(weights, 16);
    for (int r = 0; r < 8; r++) {
      scales[8 * half + r] = scale[r], depths[8 * half + r] = depth[r], sums[8 * half + r] = total[r];
      for (int i = 0; i < 16; i++) all[128 * half + 16 * r + i] = (uint8_t)codes[i][r];
    }
  }
  float d, dmin;
  if (importance) {
    d = fit_positive(16, 15, scales, sums, scale4);
    dmin = fit_positive(16, 15, depths, sums, depth4);
  } else {
    d = share(16, 15, scales, scale4);
    dmin = share(16, 15, depths, depth4);
  }
  d = put_half(block + 80, d);
  dmin = put_half(block + 82, dmin);
  for (int s = 0; s < 16; s++) {
    block[s] = (uint8_t)(scale4[s] | depth4[s] << 4);
    requantize(w + 16 * s, 16, d * (float)(block[s] & 15), dmin * (float)(block[s] >> 4), 0, 3, all + 16 * s);
  }
  pack_pairs(all, block + 16);
}

/// Q3_K: 16 runs of 16, codes −4…3, signed scales in 6 bits.
TARGET static void LEVEL(q3_k)(const float *w, const float *importance, uint8_t *block) {
  f8 x[16], weights[16];
  i8 codes[16];
  float scales[16], sums[16];
  uint8_t all[256];
  const float variance = 2 * sum_of_squares(w, 256) / 256;
  for (int half = 0; half < 2; half++) {
    LEVEL(turn)(w + 128 * half, 16, 8, x);
    f8 scale, total = 0;
    if (importance) {
      LEVEL(weigh)(importance + 128 * half, variance, x, 16, 8, weights);
      total = LEVEL(sum)(weights, 16);
      scale = LEVEL(fit_symmetric)(16, 4, x, weights, codes);
    } else {
      scale = LEVEL(fit_descending)(16, 4, x, codes);
    }
    for (int r = 0; r < 8; r++) {
      scales[8 * half + r] = scale[r], sums[8 * half + r] = total[r];
      for (int i = 0; i < 16; i++) all[128 * half + 16 * r + i] = (uint8_t)codes[i][r];
    }
  }
  int scale6[16];
  float d = 0;
  if (importance) {
    // The same search over the sixteen scales, in every lane.
    f8 turned[16], turnedSums[16];
    for (int s = 0; s < 16; s++) turned[s] = scales[s], turnedSums[s] = sums[s];
    d = LEVEL(fit_symmetric)(16, 32, turned, turnedSums, codes)[0];
    for (int s = 0; s < 16; s++) scale6[s] = codes[s][0];
  } else {
    const float extreme = signed_greatest(scales, 16);
    const float inverse = -32.0f / extreme;
    // Without any scale the codes of the scales stay 0, which stand for −32 times 0.
    for (int s = 0; s < 16; s++) {
      const int code = (int8_t)nearest(inverse * scales[s]);
      scale6[s] = extreme != 0 ? (code < -32 ? -32 : code > 31 ? 31 : code) + 32 : 0;
    }
    d = extreme != 0 ? 1 / inverse : 0;
  }
  d = put_half(block + 108, d);
  uint8_t *packed = block + 96;
  memset(packed, 0, 12);
  for (int s = 0; s < 16; s++) {
    packed[s % 8] |= (uint8_t)((scale6[s] & 15) << (s / 8 * 4));
    packed[8 + s % 4] |= (uint8_t)((scale6[s] >> 4) << (s / 4 * 2));
    requantize(w + 16 * s, 16, d * (float)(scale6[s] - 32), 0, 4, 7, all + 16 * s);
  }
  memset(block, 0, 32);
  for (int i = 0; i < 256; i++) {
    block[i % 32] |= (uint8_t)((all[i] > 3) << (i / 32));
    all[i] &= 3;
  }
  pack_pairs(all, block + 32);
}

/// Q4_K and Q5_K: eight runs of 32, codes 0…15 or 0…31, scales and depths in 6 bits.
TARGET INLINE void LEVEL(q45_k)(const float *w, const float *importance, uint8_t *block, int top) {
  f8 x[32], weights[32];
  i8 codes[32];
  f8 scale, depth;
  float scales[8], depths[8], sums[8];
  uint8_t all[256], scale6[8], depth6[8];
  LEVEL(turn)(w, 32, 8, x);
  if (importance) {
    LEVEL(weigh)(importance, 2 * sum_of_squares(w, 256) / 256, x, 32, 8, weights);
    LEVEL(fit_affine)(32, top, x, weights, -0.9f, 0.05f, 36, 0, codes, &scale, &depth);
  } else {
    f8 squares = 0;
    for (int i = 0; i < 32; i++) squares += x[i] * x[i];
    squares /= 32;
    for (int r = 0; r < 8; r++) squares[r] = sqrtf(squares[r]);
    for (int i = 0; i < 32; i++) weights[i] = squares + LEVEL(magnitude)(x[i]);
    LEVEL(fit_affine)
    (32, top, x, weights, top == 15 ? -1.0f : -0.5f, 0.1f, top == 15 ? 20 : 15, 0, codes, &scale, &depth);
  }
  const f8 total = LEVEL(sum)(weights, 32);
  for (int r = 0; r < 8; r++) {
    scales[r] = scale[r], depths[r] = depth[r], sums[r] = total[r];
    for (int i = 0; i < 32; i++) all[32 * r + i] = (uint8_t)codes[i][r];
  }
  float d, dmin;
  if (importance) {
    d = fit_positive(8, 63, scales, sums, scale6);
    dmin = fit_positive(8, 63, depths, sums, depth6);
  } else {
    d = share(8, 63, scales, scale6);
    dmin = share(8, 63, depths, depth6);
  }
  d = put_half(block, d);
  dmin = put_half(block + 2, dmin);
  uint8_t *packed = block + 4;
  for (int s = 0; s < 4; s++) packed[s] = scale6[s], packed[4 + s] = depth6[s];
  for (int s = 4; s < 8; s++) {
    packed[4 + s] = (uint8_t)((scale6[s] & 15) | (depth6[s] & 15) << 4);
    packed[s - 4] |= (uint8_t)(scale6[s] >> 4 << 6);
    packed[s] |= (uint8_t)(depth6[s] >> 4 << 6);
  }
  for (int s = 0; s < 8; s++)
    requantize(w + 32 * s, 32, d * (float)scale6[s], dmin * (float)depth6[s], 0, top, all + 32 * s);
  uint8_t *nibbles = block + (top == 31 ? 48 : 16);
  if (top == 31) {
    memset(block + 16, 0, 32);
    for (int i = 0; i < 256; i++) block[16 + i % 32] |= (uint8_t)((all[i] >> 4) << (i / 32));
  }
  for (int s = 0; s < 4; s++)
    for (int i = 0; i < 32; i++)
      nibbles[32 * s + i] = (uint8_t)((all[64 * s + i] & 15) | (all[64 * s + 32 + i] & 15) << 4);
}

TARGET static void LEVEL(q4_k)(const float *w, const float *importance, uint8_t *block) {
  LEVEL(q45_k)(w, importance, block, 15);
}
TARGET static void LEVEL(q5_k)(const float *w, const float *importance, uint8_t *block) {
  LEVEL(q45_k)(w, importance, block, 31);
}

/// Q6_K: 16 runs of 16, codes −32…31, scales in 8 bits; the importance is taken as it is.
TARGET static void LEVEL(q6_k)(const float *w, const float *importance, uint8_t *block) {
  f8 x[16], weights[16];
  i8 codes[16];
  float scales[16];
  uint8_t all[256];
  for (int half = 0; half < 2; half++) {
    LEVEL(turn)(w + 128 * half, 16, 8, x);
    if (importance) LEVEL(turn)(importance + 128 * half, 16, 8, weights);
    const f8 scale = LEVEL(fit_symmetric)(16, 32, x, importance ? weights : NULL, codes);
    for (int r = 0; r < 8; r++) {
      scales[8 * half + r] = scale[r];
      for (int i = 0; i < 16; i++) all[128 * half + 16 * r + i] = (uint8_t)codes[i][r];
    }
  }
  const float extreme = signed_greatest(scales, 16);
  if (fabsf(extreme) < 1e-15f) {
    memset(block, 0, 210);
    return;
  }
  const float inverse = -128.0f / extreme;
  const float d = put_half(block + 208, 1 / inverse);
  for (int s = 0; s < 16; s++) {
    const int code = nearest(inverse * scales[s]);
    const int8_t scale8 = (int8_t)(code > 127 ? 127 : code);
    block[192 + s] = (uint8_t)scale8;
    requantize(w + 16 * s, 16, d * (float)scale8, 0, 32, 63, all + 16 * s);
  }
  for (int half = 0; half < 2; half++) {
    const uint8_t *part = all + 128 * half;
    for (int i = 0; i < 64; i++) block[64 * half + i] = (uint8_t)((part[i] & 15) | (part[64 + i] & 15) << 4);
    for (int i = 0; i < 32; i++)
      block[128 + 32 * half + i] = (uint8_t)(part[i] >> 4 | (part[32 + i] >> 4) << 2 | (part[64 + i] >> 4) << 4 |
                                             (part[96 + i] >> 4) << 6);
  }
}

/// IQ4_XS: eight runs of 32, levels of IQ4_NL, signed scales in 6 bits.
TARGET static void LEVEL(iq4_xs)(const float *w, const float *importance, uint8_t *block) {
  f8 x[32], weights[32];
  LEVEL(turn)(w, 32, 8, x);
  if (importance) {
    LEVEL(weigh)(importance, sum_of_squares(w, 256) * (2.0f / 256), x, 32, 8, weights);
  } else {
    for (int i = 0; i < 32; i++) weights[i] = x[i] * x[i];
  }
  const f8 scale = LEVEL(fit_levels)(32, x, weights);
  float scales[8];
  for (int r = 0; r < 8; r++) scales[r] = scale[r];
  const float d = -signed_greatest(scales, 8) / 32, inverse = d != 0 ? 1 / d : 0;
  put_half(block, d);
  memset(block + 2, 0, 6);
  f8 grid;
  for (int s = 0; s < 8; s++) {
    int code = nearest(inverse * scales[s]);
    code = code < -32 ? -32 : code > 31 ? 31 : code;
    const float step = d * (float)code;
    grid[s] = step != 0 ? 1 / step : 0;
    block[4 + s / 2] |= (uint8_t)(((code + 32) & 15) << (s % 2 * 4));
    block[2 + s / 4] |= (uint8_t)(((code + 32) >> 4) << (s % 4 * 2));
  }
  for (int i = 0; i < 16; i++) {
    const i8 low = LEVEL(nearest_level)(grid * x[i]), high = LEVEL(nearest_level)(grid * x[16 + i]);
    for (int s = 0; s < 8; s++) block[8 + 16 * s + i] = (uint8_t)(low[s] | high[s] << 4);
  }
}

/// Up to eight blocks of IQ4_NL side by side.
TARGET static void LEVEL(iq4_nl)(const float *w, const float *importance, int runs, uint8_t *blocks) {
  f8 x[32], weights[32];
  LEVEL(turn)(w, 32, runs, x);
  if (importance) {
    LEVEL(turn)(importance, 32, runs, weights);
    f8 variance = 0;
    for (int i = 0; i < 32; i++) variance += x[i] * x[i];
    variance *= 2.0f / 32;
    for (int i = 0; i < 32; i++)
      for (int r = 0; r < 8; r++) weights[i][r] *= sqrtf(variance[r] + x[i][r] * x[i][r]);
  } else {
    for (int i = 0; i < 32; i++) weights[i] = x[i] * x[i];
  }
  const f8 scale = LEVEL(fit_levels)(32, x, weights);
  const f8 zero = 0, inverse = LEVEL(pick)(scale != zero, 1.0f / scale, zero);
  i8 codes[32];
  for (int i = 0; i < 32; i++) codes[i] = LEVEL(nearest_level)(inverse * x[i]);
  for (int r = 0; r < runs; r++) {
    put_half(blocks + 18 * r, scale[r]);
    for (int i = 0; i < 16; i++) blocks[18 * r + 2 + i] = (uint8_t)(codes[i][r] | codes[16 + i][r] << 4);
  }
}

/// Up to eight blocks of Q4_0, Q4_1, Q5_0 or Q5_1 with an importance; `variance` is that of the whole row.
TARGET static void LEVEL(legacy)(
    const float *w, const float *importance, float variance, int runs, int isAffine, int bits, uint8_t *blocks) {
  f8 x[32], weights[32], scale, depth = 0;
  i8 codes[32];
  LEVEL(turn)(w, 32, runs, x);
  LEVEL(weigh)(importance, variance, x, 32, runs, weights);
  if (isAffine && bits == 4) {
    LEVEL(fit_affine)(32, 15, x, weights, -0.9f, 0.05f, 36, 0, codes, &scale, &depth);
  } else if (isAffine) {
    LEVEL(fit_affine)(32, 31, x, weights, -0.9f, 0.05f, 36, 0, codes, &scale, &depth);
  } else {
    scale = bits == 4 ? LEVEL(fit_symmetric)(32, 8, x, weights, codes)
                      : LEVEL(fit_symmetric)(32, 16, x, weights, codes);
  }
  for (int r = 0; r < runs; r++) {
    put_half(blocks, scale[r]);
    blocks += 2;
    if (isAffine) {
      put_half(blocks, -depth[r]);
      blocks += 2;
    }
    if (bits == 5) {
      uint32_t fifth = 0;
      for (int i = 0; i < 32; i++) fifth |= (uint32_t)(codes[i][r] >> 4 & 1) << i;
      memcpy(blocks, &fifth, 4);
      blocks += 4;
    }
    for (int i = 0; i < 16; i++) blocks[i] = (uint8_t)((codes[i][r] & 15) | (codes[16 + i][r] & 15) << 4);
    blocks += 16;
  }
}

/// The nearest of E2M1's levels (doubled) times `unit`, the first of several as near: eight numbers at a time.
TARGET INLINE i8 LEVEL(nearest_fp4)(f8 x, f8 unit) {
  static const float levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  f8 least = LEVEL(magnitude)(levels[0] * unit - x);
  i8 index = 0;
  for (int k = 1; k < 16; k++) {
    const f8 error = LEVEL(magnitude)(levels[k] * unit - x);
    const i8 better = error < least;
    least = LEVEL(pick)(better, error, least);
    index = (better & k) | (index & ~better);
  }
  return index;
}

/// `count` weights (a multiple of 16) to nibbles: the first half of them low, the second high.
TARGET static void LEVEL(fp4)(const float *w, int count, float unit, uint8_t *nibbles) {
  for (int i = 0; i < count / 2; i += 8) {
    f8 low, high;
    memcpy(&low, w + i, 32);
    memcpy(&high, w + count / 2 + i, 32);
    const i8 a = LEVEL(nearest_fp4)(low, unit), b = LEVEL(nearest_fp4)(high, unit);
    for (int r = 0; r < 8; r++) nibbles[i + r] = (uint8_t)(a[r] | b[r] << 4);
  }
}
