// The searches of ggml's codebook types, compiled once a level (see search.inc.h). Sums go coordinate after
// coordinate as in the reference; lanes are neighbours, trials or groups, never parts of one sum.

#include "ggml/search.inc.h"
#include "ggml/neighbour.inc.h"

/// The odd numbers that the levels of IQ2 and IQ3 stand for. A table for IQ2 holds its four twice: the third bit of a
/// number belongs to the next coordinate.
TARGET INLINE f8 LEVEL(odd_levels)(int bits) {
  return bits == 2 ? (f8){1, 3, 5, 7, 1, 3, 5, 7} : (f8){1, 3, 5, 7, 9, 11, 13, 15};
}

/// The entry for the weights of a group whose point is given: the point itself, or the best of its neighbours by
/// Σ factor · (scale · level − x)². `isOff` receives whether the point is no entry.
TARGET INLINE unsigned LEVEL(entry_near)(
    const lathe_neighbourhood *book, int bits, unsigned point, const float *x, const float *factors, float scale,
    unsigned *isOff) {
  const uint32_t word = book->points[point];
  *isOff = (word & 255) != 0;
  if (!*isOff) return book->codes[word >> 8];
  const f8 levels = scale * LEVEL(odd_levels)(bits);
  f8 terms[8];
  for (int i = 0; i < (bits == 2 ? 8 : 4); i++) {
    const f8 off = levels - x[i];
    terms[i] = factors[i] * off * off;
  }
  return LEVEL(best_neighbour)(book->neighbours + 8 * (size_t)(word >> 8), word & 255, bits, terms);
}

/// The points nearest to x · inverse: of a group of eight (IQ2), or of eight groups of four (IQ3; lane r of turned[i]
/// is number i of group r).
TARGET INLINE unsigned LEVEL(ternary_point)(f8 x, float inverse) {
  const i8 rounded = (i8)(0.5f * (inverse * x - 1.0f) + 12582912.0f) & 0x7fffff;
  return powers_of_three[LEVEL(bits_of)(rounded > 0x400000)] + powers_of_three[LEVEL(bits_of)(rounded > 0x400001)];
}
TARGET INLINE i8 LEVEL(octal_points)(const f8 *turned, float inverse) {
  i8 points = 0;
  for (int i = 0; i < 4; i++)
    points |= LEVEL(limited)(LEVEL(nearest)(0.5f * (inverse * turned[i] - 1.0f)), 0, 7) << (3 * i);
  return points;
}

/// A run's entries at each of `trials` scales (and their inverses): those of group k in trial t to entries[k][t], and to
/// off[t] a bit a group whose point is no entry. Group by group: its points change little from trial to trial.
TARGET INLINE void LEVEL(entries_at)(
    const lathe_neighbourhood *book, int bits, int groups, const float *x, const f8 *turned, const float *factors,
    int trials, const float *inverses, const float *scales, int32_t (*entries)[32], uint8_t *off) {
  const int width = bits == 2 ? 8 : 4;
  int32_t points[32][8];
  for (int t = 0; t < trials; t++) {
    off[t] = 0;
    if (bits == 2) {
      for (int k = 0; k < groups; k++)
        points[t][k] = (int32_t)LEVEL(ternary_point)(LEVEL(load)(x + 8 * k), inverses[t]);
    } else {
      const i8 all = LEVEL(octal_points)(turned, inverses[t]);
      memcpy(points[t], &all, 32);
    }
  }
  for (int k = 0; k < groups; k++)
    for (int t = 0; t < trials; t++) {
      unsigned isOff;
      entries[k][t] = (int32_t)LEVEL(entry_near)(
          book, bits, (unsigned)points[t][k], x + width * k, factors + width * k, scales[t], &isOff);
      off[t] |= (uint8_t)(isOff << k);
    }
}

/// Σ w·x·level and Σ w·level² of a run's trials, eight trials a lane; entries[k][t] is group k's in trial t.
TARGET INLINE void LEVEL(fit_sums)(
    int bits, int groups, int eights, const float *x, const float *w, int32_t (*entries)[32], float *sumsXL,
    float *sumsLL) {
  const int width = bits == 2 ? 8 : 4;
  const f8 levels = LEVEL(odd_levels)(bits);
  f8 sumXL[4] = {0, 0, 0, 0}, sumLL[4] = {0, 0, 0, 0};
  for (int k = 0; k < groups; k++) {
    i8 codes[4];
    memcpy(codes, entries[k], 32 * (size_t)eights);
    for (int i = 0; i < width; i++) {
      const int at = width * k + i;
      const f8 byX = w[at] * x[at] * levels, byL = w[at] * levels * levels;
      for (int t = 0; t < eights; t++) {
        const i8 numbers = codes[t] >> (bits * i);
        sumXL[t] += LEVEL(entries_of)(byX, numbers);
        sumLL[t] += LEVEL(entries_of)(byL, numbers);
      }
    }
  }
  memcpy(sumsXL, sumXL, 32 * (size_t)eights);
  memcpy(sumsLL, sumLL, 32 * (size_t)eights);
}

/// The least squares scale of a run's entries, where there is one.
TARGET INLINE float LEVEL(fitted_scale)(
    int bits, int groups, const float *x, const float *w, const int32_t *entries, float scale) {
  const int width = bits == 2 ? 8 : 4;
  float sumXL = 0, sumLL = 0;
  for (int k = 0; k < groups; k++)
    for (int i = 0; i < width; i++) {
      const float level = (float)(2 * (entries[k] >> (bits * i) & ((1 << bits) - 1)) + 1), weight = w[width * k + i];
      sumXL += weight * x[width * k + i] * level;
      sumLL += weight * level * level;
    }
  return sumLL > 0 ? sumXL / sumLL : scale;
}

/// x ≈ scale · level for a run of magnitudes, by the form's trials: inverse scales (top level + step · k) / range, k
/// from −reach to reach; the greatest (Σ w·x·level)² / Σ w·level² wins. Then entries are chosen once more at the scale
/// that this gives. `scale` is what stays where no trial is any good; `factors` are the weights' roots.
TARGET INLINE float LEVEL(fit_entries)(
    const lathe_neighbourhood *book, codebook_form form, const float *x, const float *w, const float *factors,
    float range, float scale, int32_t *entries) {
  const int groups = form.run / (form.bits == 2 ? 8 : 4), trials = 2 * form.reach + 1;
  const float top = form.bits == 2 ? 5 : 15;
  int32_t tried[8][32];
  uint8_t off[32];
  f8 turned[4];
  if (form.bits == 3) LEVEL(turn)(x, 4, 8, turned);
  float inverses[32], scales[32];
  for (int t = 0; t < trials; t++) {
    inverses[t] = (top + (float)(t - form.reach) * form.step) / range;
    scales[t] = 1 / inverses[t];
  }
  LEVEL(entries_at)(book, form.bits, groups, x, turned, factors, trials, inverses, scales, tried, off);
  for (int k = 0; k < groups; k++)
    for (int t = trials; t < 32; t++) tried[k][t] = 0;
  float sumsXL[32], sumsLL[32];
  LEVEL(fit_sums)(form.bits, groups, (trials + 7) / 8, x, w, tried, sumsXL, sumsLL);
  float best = 0;
  int chosen = -1;
  for (int t = 0; t < trials; t++)
    if (sumsLL[t] > 0 && sumsXL[t] * sumsXL[t] > best * sumsLL[t]) {
      scale = sumsXL[t] / sumsLL[t];
      best = scale * sumsXL[t];
      chosen = t;
    }
  for (int k = 0; k < groups; k++) entries[k] = chosen < 0 ? 0 : tried[k][chosen];
  const unsigned every = (1u << groups) - 1;
  unsigned again = chosen < 0 ? 0 : off[chosen];
  if (form.again == AGAIN_ALWAYS || (form.again == AGAIN_ALL && (again != 0 || chosen < 0))) again = every;
  if (again == 0 || !(scale > 0)) return scale;
  inverses[0] = 1 / scale;
  LEVEL(entries_at)(book, form.bits, groups, x, turned, factors, 1, inverses, &scale, tried, off);
  for (int k = 0; k < groups; k++)
    if (again >> k & 1) entries[k] = tried[k][0];
  return LEVEL(fitted_scale)(form.bits, groups, x, w, entries, scale);
}

/// Scales of eight runs of 32 for codes from 0 to `top`: nine grids, the least weighted square error, then five passes
/// of coordinate descent. A code is a byte, which a negative number wraps around in.
TARGET INLINE f8 LEVEL(fit_bytes)(int top, const f8 *x, const f8 *w) {
  const f8 zero = 0;
  f8 greatest = 0;
  for (int i = 0; i < 32; i++) greatest = LEVEL(pick)(x[i] > greatest, x[i], greatest);
  f8 best = 0, chosen = 0;
  for (int k = 0; k < 9; k++) {
    // 0, then −4 … −1, 1 … 4.
    const int place = k == 0 ? 0 : k <= 4 ? k - 5 : k - 4;
    const f8 inverse = (k == 0 ? (float)top : 0.1f * (float)place + (float)top) / greatest, scale = 1 / inverse;
    f8 error = 0;
    for (int i = 0; i < 32; i++) {
      const i8 rounded = LEVEL(nearest)(inverse * x[i]);
      const i8 code = k == 0 ? rounded & 255 : __builtin_elementwise_min(rounded, (i8)top);
      const f8 off = x[i] - scale * LEVEL(floats)(code);
      error += w[i] * off * off;
    }
    const i8 better = k == 0 ? (i8)-1 : error < best;
    best = LEVEL(pick)(better, error, best);
    chosen = LEVEL(pick)(better, inverse, chosen);
  }
  f8 sumXL = 0, sumLL = 0;
  i8 codes[32];
  for (int i = 0; i < 32; i++) {
    const i8 code = __builtin_elementwise_min(LEVEL(nearest)(chosen * x[i]), (i8)top);
    const f8 level = LEVEL(floats)(code);
    codes[i] = code & 255;
    sumXL += w[i] * x[i] * level;
    sumLL += w[i] * level * level;
  }
  for (int pass = 0; pass < 5; pass++) {
    i8 changed = 0;
    for (int i = 0; i < 32; i++) {
      const f8 level = LEVEL(floats)(codes[i]);
      f8 partXL = sumXL - w[i] * x[i] * level;
      f8 partLL = sumLL - w[i] * level * level;
      i8 better = (partXL > zero) & (partLL > zero);
      const i8 moved = __builtin_elementwise_min(LEVEL(nearest)(x[i] * partLL / partXL), (i8)top);
      const f8 other = LEVEL(floats)(moved);
      better &= moved != codes[i];
      partXL += w[i] * x[i] * other;
      partLL += w[i] * other * other;
      better &= partXL * partXL * sumLL > sumXL * sumXL * partLL;
      codes[i] = (moved & 255 & better) | (codes[i] & ~better);
      sumXL = LEVEL(pick)(better, partXL, sumXL);
      sumLL = LEVEL(pick)(better, partLL, sumLL);
      changed |= better;
    }
    if (LEVEL(bits_of)(changed) == 0) break;
  }
  return LEVEL(pick)(~(greatest < 1e-15f) & (sumLL > zero), sumXL / sumLL, zero);
}

/// IQ2_XXS: the scales that the runs' trials start from, by a fit of codes from 0 to 4.
TARGET INLINE void LEVEL(fitted_starts)(const float *x, const float *w, float *starts) {
  f8 turned[32], weights[32];
  LEVEL(turn)(x, 32, 8, turned);
  LEVEL(turn)(w, 32, 8, weights);
  const f8 scale = LEVEL(fit_bytes)(4, turned, weights);
  memcpy(starts, &scale, 32);
}

/// A super-block of an IQ2 or IQ3 type: entries (numbers in the codebook) a group, signs a run of eight, scales a run.
TARGET INLINE void LEVEL(fit_super_block)(
    codebook_form form, const float *weights, const float *importance, codebook_block *block) {
  const lathe_neighbourhood *book = lathe_codebook_neighbourhood(form.book);
  const int runs = 256 / form.run, groups = form.run / (form.bits == 2 ? 8 : 4);
  float x[256], w[256], factors[256], starts[8];
  weigh_super_block(form, weights, importance, w);
  for (int i = 0; i < 256; i++) factors[i] = sqrtf(w[i]);
  split_signs(form.hasEvenSigns, weights, w, x, block->signs);
  if (form.again == AGAIN_ALWAYS) LEVEL(fitted_starts)(x, w, starts);
  for (int s = 0; s < runs; s++) {
    const float *runX = x + form.run * s, *runW = w + form.run * s;
    uint16_t *numbers = block->entries + groups * s;
    uint8_t *signs = block->signs + form.run / 8 * s;
    float range = runX[0];
    for (int i = 1; i < form.run; i++) range = range > runX[i] ? range : runX[i];
    float scale = range / (form.bits == 2 ? 5 : 15);
    int isEmpty = range < form.least;
    if (form.again == AGAIN_ALWAYS && !isEmpty) {
      scale = starts[s];
      range = scale * 3;
      isEmpty = range <= 0;
    }
    block->scales[s] = 0;
    if (isEmpty) {
      memset(numbers, 0, sizeof *numbers * (size_t)groups);
      memset(signs, 0, (size_t)form.run / 8);
      continue;
    }
    int32_t entries[8];
    scale = LEVEL(fit_entries)(book, form, runX, runW, factors + form.run * s, range, scale, entries);
    // Scales are stored without a sign: it goes to the weights.
    if (scale < 0) {
      scale = -scale;
      for (int k = 0; k < form.run / 8; k++) signs[k] = (uint8_t)~signs[k];
    }
    for (int k = 0; k < groups; k++)
      numbers[k] = (uint16_t)(book->points[lathe_point((unsigned)entries[k], form.bits)] >> 8);
    block->scales[s] = scale;
  }
}
