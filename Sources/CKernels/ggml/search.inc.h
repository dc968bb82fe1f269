// The searches that ggml's quantisers make, eight runs of numbers at a time: lane r of x[i] is number i of run r. Every
// lane does in the reference's order what the reference does to one run, so the results are its bits.
//
// Compiled once a level: LEVEL(name) names the level's functions.

/// a where the mask is all ones, b where it is zero.
TARGET INLINE f8 LEVEL(pick)(i8 mask, f8 a, f8 b) { return (f8)(((i8)a & mask) | ((i8)b & ~mask)); }

TARGET INLINE f8 LEVEL(magnitude)(f8 x) { return (f8)((i8)x & 0x7fffffff); }

/// To the nearest integer, halves to even, for |x| ≤ 2^22; beyond, the same bits as the reference makes of it.
TARGET INLINE i8 LEVEL(nearest)(f8 x) { return ((i8)(x + 12582912.0f) & 0x7fffff) - 0x400000; }

TARGET INLINE i8 LEVEL(limited)(i8 x, int least, int most) {
  x = __builtin_elementwise_max(x, (i8)least);
  return __builtin_elementwise_min(x, (i8)most);
}

TARGET INLINE f8 LEVEL(floats)(i8 x) { return __builtin_convertvector(x, f8); }

/// Reads `length` numbers of each of eight runs that lie `length` apart; runs from `runs` on repeat the last one.
TARGET INLINE void LEVEL(turn)(const float *from, int length, int runs, f8 *into) {
  for (int i = 0; i < length; i++)
    for (int r = 0; r < 8; r++) into[i][r] = from[(r < runs ? r : runs - 1) * length + i];
}

/// The number of the greatest magnitude in each run, with its sign; the first of equals.
TARGET INLINE f8 LEVEL(extreme)(int n, const f8 *x) {
  f8 greatest = 0, extreme = 0;
  for (int i = 0; i < n; i++) {
    const f8 size = LEVEL(magnitude)(x[i]);
    const i8 more = size > greatest;
    greatest = LEVEL(pick)(more, size, greatest);
    extreme = LEVEL(pick)(more, x[i], extreme);
  }
  return extreme;
}

/// x ≈ scale · code − depth with codes from 0 to `top` and depth ≥ 0: starts from the range, then tries `steps` + 1
/// other grids, (first + step · k + top) / range, each with its least squares fit for both; the least weighted error
/// wins (its square, or its magnitude where `isAbsolute`).
TARGET INLINE void LEVEL(fit_affine)(
    int n, int top, const f8 *x, const f8 *w, float first, float step, int steps, int isAbsolute, i8 *codes,
    f8 *scaleOut, f8 *depthOut) {
  f8 least = x[0], most = x[0], sumW = w[0], sumX = w[0] * x[0];
  for (int i = 1; i < n; i++) {
    least = LEVEL(pick)(x[i] < least, x[i], least);
    most = LEVEL(pick)(x[i] > most, x[i], most);
    sumW += w[i];
    sumX += w[i] * x[i];
  }
  const f8 zero = 0;
  least = LEVEL(pick)(least > zero, zero, least);
  const i8 flat = most <= least;
  f8 inverse = (float)top / (most - least), scale = 1.0f / inverse, error = 0;
  f8 chosenInverse = inverse, chosenLeast = least;
  for (int i = 0; i < n; i++) {
    const f8 level = LEVEL(floats)(LEVEL(limited)(LEVEL(nearest)(inverse * (x[i] - least)), 0, top));
    const f8 off = scale * level + least - x[i];
    error += w[i] * (isAbsolute ? LEVEL(magnitude)(off) : off * off);
  }
  for (int k = 0; k <= steps; k++) {
    f8 levels[32];
    f8 sumL = 0, sumLL = 0, sumXL = 0;
    inverse = (first + step * (float)k + (float)top) / (most - least);
    for (int i = 0; i < n; i++) {
      levels[i] = LEVEL(floats)(LEVEL(limited)(LEVEL(nearest)(inverse * (x[i] - least)), 0, top));
      const f8 weighted = w[i] * levels[i];
      sumL += weighted;
      sumLL += weighted * levels[i];
      sumXL += weighted * x[i];
    }
    const f8 determinant = sumW * sumLL - sumL * sumL;
    f8 newScale = (sumW * sumXL - sumX * sumL) / determinant;
    f8 newLeast = (sumLL * sumX - sumL * sumXL) / determinant;
    const i8 above = newLeast > zero;
    newLeast = LEVEL(pick)(above, zero, newLeast);
    newScale = LEVEL(pick)(above, sumXL / sumLL, newScale);
    f8 newError = 0;
    for (int i = 0; i < n; i++) {
      const f8 off = newScale * levels[i] + newLeast - x[i];
      newError += w[i] * (isAbsolute ? LEVEL(magnitude)(off) : off * off);
    }
    const i8 better = (determinant > zero) & (newError < error) & ~flat;
    chosenInverse = LEVEL(pick)(better, inverse, chosenInverse);
    chosenLeast = LEVEL(pick)(better, least, chosenLeast);
    error = LEVEL(pick)(better, newError, error);
    scale = LEVEL(pick)(better, newScale, scale);
    least = LEVEL(pick)(better, newLeast, least);
  }
  for (int i = 0; i < n; i++)
    codes[i] = LEVEL(limited)(LEVEL(nearest)(chosenInverse * (x[i] - chosenLeast)), 0, top) & ~flat;
  *scaleOut = LEVEL(pick)(flat, zero, scale);
  *depthOut = -least;
}

/// x ≈ scale · code with codes from −top to top − 1: starts from −top at the number of the greatest magnitude, then
/// tries 18 grids beside it; the greatest (Σ w·x·code)² / Σ w·code² wins, and gives the least squares scale. `w` may be
/// NULL for x². Codes come out counted from −top; those of a run of zeros are 0.
TARGET INLINE f8 LEVEL(fit_symmetric)(int n, int top, const f8 *x, const f8 *w, i8 *codes) {
  const f8 zero = 0, extreme = LEVEL(extreme)(n, x);
  const i8 flat = LEVEL(magnitude)(extreme) < 1e-15f;
  f8 scale = 0, best = 0, chosen = 0;
  for (int k = 0; k < 19; k++) {
    // 0, then −9 … −1, 1 … 9.
    const int place = k == 0 ? 0 : k <= 9 ? k - 10 : k - 9;
    const f8 inverse = (k == 0 ? -(float)top : -((float)top + 0.1f * (float)place)) / extreme;
    f8 sumXL = 0, sumLL = 0;
    for (int i = 0; i < n; i++) {
      const f8 level = LEVEL(floats)(LEVEL(limited)(LEVEL(nearest)(inverse * x[i]), -top, top - 1));
      const f8 weight = w ? w[i] : x[i] * x[i];
      sumXL += weight * x[i] * level;
      sumLL += weight * level * level;
    }
    if (k == 0) {
      scale = LEVEL(pick)(sumLL != zero, sumXL / sumLL, zero);
      best = scale * sumXL;
      chosen = inverse;
      continue;
    }
    const i8 better = (sumLL > zero) & (sumXL * sumXL > best * sumLL);
    chosen = LEVEL(pick)(better, inverse, chosen);
    scale = LEVEL(pick)(better, sumXL / sumLL, scale);
    best = LEVEL(pick)(better, scale * sumXL, best);
  }
  for (int i = 0; i < n; i++)
    codes[i] = (LEVEL(limited)(LEVEL(nearest)(chosen * x[i]), -top, top - 1) + top) & ~flat;
  return LEVEL(pick)(flat, zero, scale);
}

/// The same by coordinate descent with weights x²: at most five passes in which each code moves to its best place
/// given the others.
TARGET INLINE f8 LEVEL(fit_descending)(int n, int top, const f8 *x, i8 *codes) {
  const f8 zero = 0, extreme = LEVEL(extreme)(n, x);
  const i8 flat = LEVEL(magnitude)(extreme) < 1e-15f;
  const f8 inverse = -(float)top / extreme;
  f8 sumXL = 0, sumLL = 0;
  for (int i = 0; i < n; i++) {
    codes[i] = LEVEL(limited)(LEVEL(nearest)(inverse * x[i]), -top, top - 1);
    const f8 level = LEVEL(floats)(codes[i]), weight = x[i] * x[i];
    sumXL += weight * x[i] * level;
    sumLL += weight * level * level;
  }
  for (int pass = 0; pass < 5; pass++) {
    i8 changed = 0;
    for (int i = 0; i < n; i++) {
      const f8 weight = x[i] * x[i], level = LEVEL(floats)(codes[i]);
      f8 partXL = sumXL - weight * x[i] * level;
      f8 partLL = sumLL - weight * level * level;
      const i8 moved = LEVEL(limited)(LEVEL(nearest)(x[i] * partLL / partXL), -top, top - 1);
      const f8 other = LEVEL(floats)(moved);
      i8 better = (partXL > zero) & (moved != codes[i]);
      partXL += weight * x[i] * other;
      partLL += weight * other * other;
      better &= (partLL > zero) & (partXL * partXL * sumLL > sumXL * sumXL * partLL);
      codes[i] = (moved & better) | (codes[i] & ~better);
      sumXL = LEVEL(pick)(better, partXL, sumXL);
      sumLL = LEVEL(pick)(better, partLL, sumLL);
      changed |= better;
    }
    if (!(changed[0] | changed[1] | changed[2] | changed[3] | changed[4] | changed[5] | changed[6] | changed[7])) break;
  }
  for (int i = 0; i < n; i++) codes[i] = (codes[i] + top) & ~flat;
  return LEVEL(pick)(flat | ~(sumLL > zero), zero, sumXL / sumLL);
}

/// The nearest of IQ4_NL's levels, the higher one of two as near; its number.
TARGET INLINE i8 LEVEL(nearest_level)(f8 x) {
  static const float middles[15] = {-115.5f, -93.5f, -74, -57, -42, -28.5f, -16, -4.5f,
                                    7,       19,     31.5f, 45.5f, 61, 79, 101};
  i8 index = 0;
  for (int k = 0; k < 15; k++) index -= (i8)(x >= middles[k]);
  return index;
}

TARGET INLINE f8 LEVEL(level_of)(i8 index) {
  static const float levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  f8 values;
  for (int r = 0; r < 8; r++) values[r] = levels[index[r] & 15];
  return values;
}

/// x ≈ scale · level with IQ4_NL's levels: 16 grids, as fit_symmetric.
TARGET INLINE f8 LEVEL(fit_levels)(int n, const f8 *x, const f8 *w) {
  const f8 zero = 0, extreme = LEVEL(extreme)(n, x);
  f8 scale = 0, best = 0;
  for (int k = -8; k <= 7; k++) {
    const f8 inverse = k == -8 ? 1.0f / (-extreme / -127.0f) : ((float)k - 127.0f) / extreme;
    f8 sumXL = 0, sumLL = 0;
    for (int i = 0; i < n; i++) {
      const f8 level = LEVEL(level_of)(LEVEL(nearest_level)(inverse * x[i]));
      sumXL += w[i] * level * x[i];
      sumLL += w[i] * level * level;
    }
    if (k == -8) {
      scale = LEVEL(pick)(sumLL > zero, sumXL / sumLL, zero);
      best = scale * sumXL;
      continue;
    }
    const i8 better = (sumLL > zero) & (sumXL * sumXL > best * sumLL);
    scale = LEVEL(pick)(better, sumXL / sumLL, scale);
    best = LEVEL(pick)(better, scale * sumXL, best);
  }
  return LEVEL(pick)(LEVEL(magnitude)(extreme) < 1e-15f, zero, scale);
}
