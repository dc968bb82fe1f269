// The searches of IQ1_S and IQ1_M, compiled once a level (see codebook.inc.h). Lanes are places where a
// sorted run may be split.

#include "ggml/search.inc.h"
#include "ggml/neighbour.inc.h"

/// The places of each number in ascending order, of equals the first before the others: `count` is 16 or 32. Numbers
/// compare as ordered integers do, so that what is no number has its place too.
TARGET INLINE void LEVEL(sorted_order)(const float *x, int count, uint8_t *order) {
  const i8 lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  int32_t keys[32];
  for (int v = 0; v < count; v += 8) {
    // −0 is 0; negative numbers run the other way.
    i8 bits = (i8)(LEVEL(load)(x + v) + 0.0f);
    bits ^= (bits >> 31) & 0x7fffffff;
    memcpy(keys + v, &bits, 32);
  }
  for (int v = 0; v < count; v += 8) {
    i8 own, rank = 0;
    memcpy(&own, keys + v, 32);
    for (int j = 0; j < v; j++) rank -= (i8)(keys[j] <= own);
    for (int j = v; j < v + 8; j++) rank -= (keys[j] < own) | ((keys[j] == own) & (j - v < lanes));
    for (int j = v + 8; j < count; j++) rank -= (i8)(keys[j] < own);
    for (int r = 0; r < 8; r++) order[rank[r]] = (uint8_t)(v + r);
  }
}

/// Goes on with eight more places of a split: of `kinds` times eight candidates, place by place, each takes the lead
/// whose (Σ w·x·level)² / Σ w·level² is greater than the leader's.
TARGET INLINE void LEVEL(take_lead)(int kinds, int first, int second, const f8 *sumXL, const f8 *sumLL, split *lead) {
  i8 ahead = 0;
  for (int k = 0; k < kinds; k++) ahead |= (sumLL[k] > (f8)0) & (sumXL[k] * sumXL[k] > lead->score * sumLL[k]);
  const unsigned places = LEVEL(bits_of)(ahead);
  if (places == 0) return;
  float xl[4][8], ll[4][8];
  memcpy(xl, sumXL, 32 * (size_t)kinds);
  memcpy(ll, sumLL, 32 * (size_t)kinds);
  for (int r = __builtin_ctz(places); r < 8; r++)
    for (int k = 0; k < kinds; k++)
      if (ll[k][r] > 0 && xl[k][r] * xl[k][r] > lead->score * ll[k][r]) {
        lead->scale = xl[k][r] / ll[k][r];
        lead->score = lead->scale * xl[k][r];
        lead->first = first, lead->second = second + r, lead->kind = k;
      }
}

/// IQ1_S: the best split of a sorted run of 32 in three, levels −1, 0, 1 shifted by ⅛ up (kind 0) or down (kind 1).
/// `sumsX` and `sumsW` are Σ w·x and Σ w up to each place, followed by seven that are no numbers.
TARGET INLINE void LEVEL(split_run)(const float *sumsX, const float *sumsW, split *lead) {
  f8 lastX[2], lastW[2];
  for (int first = 0; first <= 32; first++) {
    float headX[2], headW[2];
    for (int k = 0; k < 2; k++) {
      headX[k] = sumsX[first] * levels_iq1[k][0];
      headW[k] = sumsW[first] * levels_iq1[k][0] * levels_iq1[k][0];
    }
    for (int second = first; second <= 32; second += 8) {
      const f8 placeX = LEVEL(load)(sumsX + second), placeW = LEVEL(load)(sumsW + second);
      for (int k = 0; k < 2; k++) {
        const float zero = levels_iq1[k][1], one = levels_iq1[k][2];
        lastX[k] = headX[k] + (placeX - sumsX[first]) * zero + (sumsX[32] - placeX) * one;
        lastW[k] = headW[k] + (placeW - sumsW[first]) * zero * zero + (sumsW[32] - placeW) * one * one;
      }
      LEVEL(take_lead)(2, first, second, lastX, lastW, lead);
    }
  }
}

/// IQ1_M: the same of a run of 16 whose halves shift on their own: the kind's upper bit is the first half's, the
/// lower one the second's. The sums are each half's.
TARGET INLINE void LEVEL(split_halves)(float (*sumsX)[24], float (*sumsW)[24], split *lead) {
  for (int first = 0; first <= 16; first++)
    for (int second = first; second <= 16; second += 8) {
      f8 halfX[2][2], halfW[2][2], sumX[4], sumW[4];
      for (int h = 0; h < 2; h++) {
        const f8 placeX = sumsX[h][first] + LEVEL(load)(sumsX[h] + second), placeW = LEVEL(load)(sumsW[h] + second);
        for (int k = 0; k < 2; k++) {
          const float low = levels_iq1[k][0], zero = levels_iq1[k][1], one = levels_iq1[k][2];
          // What moving a weight one level down takes away.
          const float toZero = low * low - zero * zero, toOne = zero * zero - one * one;
          halfX[h][k] = sumsX[h][16] * one - placeX;
          halfW[h][k] = sumsW[h][16] * one * one + sumsW[h][first] * toZero + placeW * toOne;
        }
      }
      for (int k = 0; k < 4; k++) {
        sumX[k] = halfX[0][k >> 1] + halfX[1][k & 1];
        sumW[k] = halfW[0][k >> 1] + halfW[1][k & 1];
      }
      LEVEL(take_lead)(4, first, second, sumX, sumW, lead);
    }
}

/// The best split of a run, by its weights; levels come out counted from 0. Returns 0 where there is none.
TARGET INLINE int LEVEL(split_of)(int count, const float *x, const float *w, split *lead, uint8_t *levels) {
  uint8_t order[32];
  LEVEL(sorted_order)(x, count, order);
  *lead = (split){.score = -FLT_MAX, .first = -1};
  if (count == 32) {
    float sumsX[40], sumsW[40];
    sumsX[0] = sumsW[0] = 0;
    for (int j = 0; j < 32; j++) {
      sumsX[j + 1] = sumsX[j] + w[order[j]] * x[order[j]];
      sumsW[j + 1] = sumsW[j] + w[order[j]];
    }
    for (int j = 33; j < 40; j++) sumsX[j] = sumsW[j] = NAN;
    LEVEL(split_run)(sumsX, sumsW, lead);
  } else {
    float sumsX[2][24], sumsW[2][24];
    for (int h = 0; h < 2; h++) {
      sumsX[h][0] = sumsW[h][0] = 0;
      for (int j = 0; j < 16; j++) {
        const int isOwn = order[j] / 8 == h;
        sumsX[h][j + 1] = isOwn ? sumsX[h][j] + w[order[j]] * x[order[j]] : sumsX[h][j];
        sumsW[h][j + 1] = isOwn ? sumsW[h][j] + w[order[j]] : sumsW[h][j];
      }
      for (int j = 17; j < 24; j++) sumsX[h][j] = sumsW[h][j] = NAN;
    }
    LEVEL(split_halves)(sumsX, sumsW, lead);
  }
  if (lead->first < 0) return 0;
  for (int j = 0; j < count; j++) levels[order[j]] = (uint8_t)((j >= lead->first) + (j >= lead->second));
  return 1;
}

/// The entry for eight weights of given levels: the levels themselves, or the best neighbour by
/// Σ w · (scale · shifted level − x)².
TARGET INLINE unsigned LEVEL(ternary_entry)(
    const lathe_neighbourhood *book, const uint8_t *levels, const float *shifted, const float *x, const float *w,
    float scale, int *isOff) {
  unsigned code = 0;
  for (int i = 0; i < 8; i++) code |= (unsigned)levels[i] << (2 * i);
  const uint32_t word = book->points[lathe_point(code, 2)];
  if ((word & 255) == 0) return code;
  *isOff = 1;
  const f8 values = scale * (f8){shifted[0], shifted[1], shifted[2], 0, shifted[0], shifted[1], shifted[2], 0};
  f8 terms[8];
  for (int i = 0; i < 8; i++) {
    const f8 off = values - x[i];
    terms[i] = w[i] * off * off;
  }
  return LEVEL(best_neighbour)(book->neighbours + 8 * (size_t)(word >> 8), word & 255, 2, terms);
}

/// A super-block of IQ1: runs of `run` weights (32 with one shift, 16 with two).
TARGET INLINE void LEVEL(fit_ternary)(
    int run, float least, int isPlainSquare, const float *weights, const float *importance, ternary_block *block) {
  const lathe_neighbourhood *book = lathe_codebook_neighbourhood(LATHE_CODEBOOK_IQ1);
  const int groups = run / 8;
  const float variance = 2 * sum_of_squares(weights, 256) / 256;
  memset(block, 0, sizeof *block);
  float *w = block->weights;
  if (importance) {
    for (int i = 0; i < 256; i++) w[i] = importance[i] * sqrtf(variance + weights[i] * weights[i]);
  } else if (isPlainSquare) {
    for (int i = 0; i < 256; i++) w[i] = weights[i] * weights[i];
  } else {
    for (int i = 0; i < 256; i++) w[i] = sqrtf(variance + weights[i] * weights[i]);
  }
  for (int s = 0; s < 256 / run; s++, weights += run, w += run) {
    float greatest = fabsf(weights[0]);
    for (int i = 1; i < run; i++) greatest = greatest > fabsf(weights[i]) ? greatest : fabsf(weights[i]);
    if (greatest < least) continue;
    split lead;
    uint8_t levels[32];
    if (!LEVEL(split_of)(run, weights, w, &lead, levels)) continue;
    if (lead.scale < 0) {
      for (int i = 0; i < run; i++) levels[i] = 2 - levels[i];
      lead.scale = -lead.scale;
      lead.kind = (run == 32 ? 1 : 3) - lead.kind;
    }
    const uint8_t shift[2] = {run == 32 ? lead.kind : lead.kind >> 1, lead.kind & 1};
    unsigned codes[4];
    int isOff = 0;
    for (int k = 0; k < groups; k++)
      codes[k] = LEVEL(ternary_entry)(
          book, levels + 8 * k, levels_iq1[shift[k & 1]], weights + 8 * k, w + 8 * k, lead.scale, &isOff);
    if (isOff) {
      float sumXL = 0, sumLL = 0;
      for (int k = 0; k < groups; k++)
        for (int i = 0; i < 8; i++) {
          const float level = levels_iq1[shift[k & 1]][codes[k] >> (2 * i) & 3], weight = w[8 * k + i];
          sumXL += weight * level * weights[8 * k + i];
          sumLL += weight * level * level;
        }
      if (sumXL > 0 && sumLL > 0) lead.scale = sumXL / sumLL;
    }
    for (int k = 0; k < groups; k++)
      block->entries[groups * s + k] = (uint16_t)(book->points[lathe_point(codes[k], 2)] >> 8);
    block->scales[s] = lead.scale;
    block->shifts[s] = (uint8_t)lead.kind;
  }
}
