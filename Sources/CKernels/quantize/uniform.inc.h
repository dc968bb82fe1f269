// The uniform quantisers' kernels, compiled once a level (dispatch/each_level.inc.h).

/// To half precision and back.
TARGET INLINE f8 LEVEL(half_round)(f8 values) {
#if AVX2
  return (f8)_mm256_cvtph_ps(_mm256_cvtps_ph((__m256)values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif NEON
  for (int half = 0; half < 2; half++) {
    float *four = (float *)&values + 4 * half;
    vst1q_f32(four, vcvt_f32_f16(vcvt_f16_f32(vld1q_f32(four))));
  }
  return values;
#else
  for (int lane = 0; lane < 8; lane++) values[lane] = lathe_float_from_half(lathe_half_from_float(values[lane]));
  return values;
#endif
}

/// Grids of eight widths at once over one range: symmetric and affine.
TARGET INLINE void LEVEL(grids_of)(
    float minimum, float maximum, lathe_grid grids[LATHE_TABLE_GRIDS]) {
  float least = minimum < 0 ? minimum : 0, most = maximum > 0 ? maximum : 0;
  f8 top, levels;
  memcpy(&top, symmetric_top, 32);
  memcpy(&levels, affine_top, 32);
  f8 span = isfinite(most - least) ? (f8)(most - least) / levels : (f8)(most) / levels - (f8)(least) / levels;
  f8 symmetric = (f8)(-least > most ? -least : most) / top;
  f8 limit = (f8)(65504.0f);
  symmetric = LEVEL(half_round)(symmetric > limit ? limit : symmetric);
  span = LEVEL(half_round)(span > limit ? limit : span);
  // The least half is 2^-24, so a scale is zero or has a finite inverse.
  f8 symmetric_inverse = symmetric > 0 ? 1 / symmetric : (f8)(0);
  f8 inverse = span > 0 ? 1 / span : (f8)(0);
  // A true quotient: where weights were quantised before, halves are common here, and a step more or less counts.
  f8 zero = span > 0 ? (f8)(-least) / span : (f8)(0);
  zero = zero > levels ? levels : zero;
  zero = (zero + ROUNDING) - ROUNDING;
  for (int width = 0; width < LATHE_TABLE_WIDTHS; width++) {
    grids[width] = (lathe_grid){symmetric[width], symmetric_inverse[width], -top[width], top[width], 0, 0, 0};
    grids[LATHE_TABLE_WIDTHS + width] =
        (lathe_grid){span[width], inverse[width], -zero[width], levels[width] - zero[width], 0, 0, 0};
  }
}

TARGET static void LEVEL(make_table_grids)(
    float minimum, float maximum, lathe_grid grids[LATHE_TABLE_GRIDS]) {
  LEVEL(grids_of)(minimum, maximum, grids);
}

/// Clamps, then rounds: the same as rounding, then clamping to integers.
TARGET INLINE f8 LEVEL(step)(f8 w, f8 inverse, f8 low, f8 high) {
  f8 x = w * inverse;
  x = x > low ? x : low;
  x = x < high ? x : high;
  return (x + ROUNDING) - ROUNDING;
}

/// To the type of a grid's scales and back, where grids round.
TARGET INLINE f8 LEVEL(type_round)(f8 values, lathe_scale_type type) {
  if (type == LATHE_SCALE_FP16) return LEVEL(half_round)(values);
  i8 bits = (i8)values;
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & (int32_t)0xffff0000;
  return (f8)bits;
}

/// As step, on a grid that rounds on the way.
TARGET INLINE f8 LEVEL(rounded_step)(f8 w, const lathe_grid *grid) {
  f8 x = LEVEL(type_round)(grid->rounds == LATHE_ROUNDS_PRODUCT ? w * grid->inverse : w / grid->scale, grid->type);
  // The zero point of codes from -2^(b-1) on; a symmetric grid has none.
  const int shifted = grid->rounds == LATHE_ROUNDS_SUM && grid->low != -grid->high;
  const float zero = shifted ? -grid->low - (grid->high - grid->low + 1) / 2 : 0;
  if (zero != 0) x = LEVEL(type_round)(x + zero, grid->type);
  f8 low = (f8)(grid->low + zero), high = (f8)(grid->high + zero);
  x = x > low ? x : low;
  x = x < high ? x : high;
  return ((x + ROUNDING) - ROUNDING) - zero;
}

/// What a weight becomes on a grid with a bias, or on one that rounds.
TARGET INLINE f8 LEVEL(special_value)(f8 w, const lathe_grid *grid) {
  if (grid->rounds) return grid->scale * LEVEL(rounded_step)(w, grid);
  f8 inverse = (f8)(grid->inverse), low = (f8)(grid->low), high = (f8)(grid->high);
  return grid->scale * LEVEL(step)(w - grid->bias, inverse, low, high) + grid->bias;
}

/// The same as run_errors on such a grid: apart, so that it costs plain ones nothing.
TARGET static __attribute__((noinline)) void LEVEL(special_errors)(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grid, int wide, double *sums) {
  f8 sum = (f8)(0);
  d8 total;
  memcpy(&total, sums, sizeof total);
  for (size_t i = 0; i < count; i += 8) {
    f8 w, p;
    memcpy(&w, weights + i, 32);
    memcpy(&p, pruned + i, 32);
    f8 error = w - LEVEL(special_value)(p, grid);
    if (wide) {
      d8 large = __builtin_convertvector(error, d8);
      total += large * large;
    } else {
      sum += error * error;
    }
  }
  if (!wide) total += __builtin_convertvector(sum, d8);
  memcpy(sums, &total, sizeof total);
}

/// One run of at most 128 weights, a multiple of eight. `wide` squares in double, for weights whose squares a float
/// cannot hold.
TARGET INLINE void LEVEL(run_errors)(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grids, int grid_count, int wide,
    double *sums) {
  for (int g = 0; g < grid_count; g++) {
    if (__builtin_expect(grids[g].bias != 0 || grids[g].rounds, 0)) {
      LEVEL(special_errors)(weights, pruned, count, grids + g, wide, sums + 8 * g);
      continue;
    }
    f8 scale = (f8)(grids[g].scale), inverse = (f8)(grids[g].inverse);
    f8 low = (f8)(grids[g].low), high = (f8)(grids[g].high), sum = (f8)(0);
    d8 total;
    memcpy(&total, sums + 8 * g, sizeof total);
    for (size_t i = 0; i < count; i += 8) {
      f8 w, p;
      memcpy(&w, weights + i, 32);
      memcpy(&p, pruned + i, 32);
      f8 error = w - scale * LEVEL(step)(p, inverse, low, high);
      if (wide) {
        d8 large = __builtin_convertvector(error, d8);
        total += large * large;
      } else {
        sum += error * error;
      }
    }
    if (!wide) total += __builtin_convertvector(sum, d8);
    memcpy(sums + 8 * g, &total, sizeof total);
  }
}

/// Any number of weights: runs of 128, the last one filled up with zeros, whose error is zero.
TARGET INLINE void LEVEL(all_errors)(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grids, int grid_count, int wide,
    double *sums) {
  size_t i = 0;
  for (; i + 128 <= count; i += 128)
    LEVEL(run_errors)(weights + i, pruned + i, 128, grids, grid_count, wide, sums);
  size_t rest = count - i;
  if (rest % 8 == 0) {
    if (rest) LEVEL(run_errors)(weights + i, pruned + i, rest, grids, grid_count, wide, sums);
    return;
  }
  float tail[128] = {0}, pruned_tail[128] = {0};
  memcpy(tail, weights + i, rest * 4);
  memcpy(pruned_tail, pruned + i, rest * 4);
  const size_t filled = (rest + 7) / 8 * 8;
  for (int g = 0; g < grid_count; g++) {
    // What fills up is a number of the grid: zero, or where there is a bias the bias.
    for (size_t k = rest; k < filled; k++) tail[k] = pruned_tail[k] = grids[g].bias;
    LEVEL(run_errors)(tail, pruned_tail, filled, grids + g, 1, wide, sums + 8 * g);
  }
}

TARGET static void LEVEL(add_grid_errors)(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grids, int grid_count, int wide,
    double *sums) {
  if (wide) LEVEL(all_errors)(weights, pruned, count, grids, grid_count, 1, sums);
  else LEVEL(all_errors)(weights, pruned, count, grids, grid_count, 0, sums);
}

TARGET INLINE void LEVEL(range_of)(const float *weights, size_t count, float *minimum, float *maximum) {
  float least = weights[0], most = weights[0];
  size_t i = 0;
  if (count >= 8) {
    f8 low, high;
    memcpy(&low, weights, 32);
    high = low;
    for (i = 8; i + 8 <= count; i += 8) {
      f8 w;
      memcpy(&w, weights + i, 32);
      low = w < low ? w : low;
      high = w > high ? w : high;
    }
    least = __builtin_reduce_min(low);
    most = __builtin_reduce_max(high);
  }
  for (; i < count; i++) {
    least = weights[i] < least ? weights[i] : least;
    most = weights[i] > most ? weights[i] : most;
  }
  *minimum = least;
  *maximum = most;
}

TARGET static void LEVEL(add_table_errors)(
    const float *weights, const float *pruned, size_t count, size_t group, int wide,
    double sums[LATHE_TABLE_SUMS]) {
  for (size_t start = 0; start + group <= count; start += group) {
    float minimum, maximum;
    lathe_grid grids[LATHE_TABLE_GRIDS];
    LEVEL(range_of)(pruned + start, group, &minimum, &maximum);
    LEVEL(grids_of)(minimum, maximum, grids);
    const float *w = weights + start, *p = pruned + start;
    if (wide) LEVEL(all_errors)(w, p, group, grids, LATHE_TABLE_GRIDS, 1, sums);
    else if (group == 32) LEVEL(run_errors)(w, p, 32, grids, LATHE_TABLE_GRIDS, 0, sums);
    else if (group == 64) LEVEL(run_errors)(w, p, 64, grids, LATHE_TABLE_GRIDS, 0, sums);
    else LEVEL(all_errors)(w, p, group, grids, LATHE_TABLE_GRIDS, 0, sums);
  }
}

TARGET static void LEVEL(apply_rounded)(
    const float *weights, size_t count, const lathe_grid *grid, int32_t *codes, float *reconstruction) {
  for (size_t i = 0; i < count; i += 8) {
    const size_t taken = (count - i < 8 ? count - i : 8) * 4;
    f8 w = (f8)(0);
    memcpy(&w, weights + i, taken);
    f8 x = LEVEL(rounded_step)(w, grid);
    i8 code = __builtin_convertvector(x, i8);
    x *= grid->scale;
    if (codes) memcpy(codes + i, &code, taken);
    if (reconstruction) memcpy(reconstruction + i, &x, taken);
  }
}

TARGET static void LEVEL(apply_grid)(
    const float *weights, size_t count, lathe_grid grid, int32_t *codes, float *reconstruction) {
  if (grid.rounds) return LEVEL(apply_rounded)(weights, count, &grid, codes, reconstruction);
  size_t i = 0;
  if (codes && reconstruction) {
    f8 inverse = (f8)(grid.inverse), low = (f8)(grid.low), high = (f8)(grid.high);
    for (; i + 8 <= count; i += 8) {
      f8 w;
      memcpy(&w, weights + i, 32);
      f8 x = LEVEL(step)(grid.bias == 0 ? w : w - grid.bias, inverse, low, high);
      i8 code = __builtin_convertvector(x, i8);
      x *= grid.scale;
      if (grid.bias != 0) x += grid.bias;
      memcpy(codes + i, &code, 32);
      memcpy(reconstruction + i, &x, 32);
    }
  }
  for (; i < count; i++) {
    float x = (grid.bias == 0 ? weights[i] : weights[i] - grid.bias) * grid.inverse;
    x = x > grid.low ? x : grid.low;
    x = x < grid.high ? x : grid.high;
    x = (x + ROUNDING) - ROUNDING;
    if (codes) codes[i] = (int32_t)x;
    if (reconstruction) reconstruction[i] = grid.bias == 0 ? grid.scale * x : grid.scale * x + grid.bias;
  }
}

/// As lathe_make_grid for eight ranges with scales in half precision.
TARGET INLINE void LEVEL(eight_grids)(
    const float *minima, const float *maxima, int bits, lathe_symmetry symmetry, lathe_grid *grids) {
  f8 least, most, limit = (f8)(65504.0f);
  memcpy(&least, minima, 32);
  memcpy(&most, maxima, 32);
  least = least < 0 ? least : (f8)(0);
  most = most > 0 ? most : (f8)(0);
  f8 top = (f8)((float)((1 << (bits - 1)) - 1)), levels = (f8)((float)((1 << bits) - 1));
  f8 scale, low = -top, high = top;
  if (symmetry == LATHE_AFFINE) {
    f8 span = most - least;
    scale = (span <= (f8)(0x1.fffffep127f)) ? span / levels : most / levels - least / levels;
  } else {
    const float beyond = symmetry == LATHE_SYMMETRIC ? 0 : symmetry == LATHE_SYMMETRIC_FULL ? 0.5f : 1;
    scale = (-least > most ? -least : most) / (top + beyond);
  }
  scale = LEVEL(half_round)(scale > limit ? limit : scale);
  f8 inverse = scale > 0 ? 1 / scale : (f8)(0);
  if (symmetry == LATHE_AFFINE) {
    f8 zero = scale > 0 ? -least / scale : (f8)(0);
    zero = zero > levels ? levels : zero;
    zero = (zero + ROUNDING) - ROUNDING;
    low = -zero;
    high = levels - zero;
  } else if (symmetry != LATHE_SYMMETRIC) {
    low = -top - 1;
  }
  for (int lane = 0; lane < 8; lane++) {
    const float sign = symmetry == LATHE_SYMMETRIC_SIGNED && most[lane] >= -least[lane] ? -1 : 1;
    grids[lane] = scale[lane] > 0
                      ? (lathe_grid){sign * scale[lane], sign * inverse[lane], low[lane], high[lane], 0, 0, 0}
                      : (lathe_grid){0};
  }
}

TARGET static void LEVEL(apply_runs)(
    const float *weights, size_t count, size_t run, int bits, lathe_symmetry symmetry, lathe_scale_type scale_type,
    lathe_rounds rounds, int32_t *codes, float *reconstruction, lathe_grid *grids) {
  size_t runs = count / run;
  for (size_t first = 0; first < runs; first += 8) {
    size_t taken = runs - first < 8 ? runs - first : 8;
    float minima[8] = {0}, maxima[8] = {0};
    for (size_t k = 0; k < taken; k++) {
      const float *from = weights + (first + k) * run;
      if (run == 32) LEVEL(range_of)(from, 32, minima + k, maxima + k);
      else LEVEL(range_of)(from, run, minima + k, maxima + k);
    }
    lathe_grid made[8];
    if (scale_type == LATHE_SCALE_FP16 && symmetry != LATHE_EDGE && !rounds) {
      LEVEL(eight_grids)(minima, maxima, bits, symmetry, made);
    } else {
      for (size_t k = 0; k < taken; k++)
        made[k] = lathe_make_grid(minima[k], maxima[k], bits, symmetry, scale_type, rounds);
    }
    for (size_t k = 0; k < taken; k++) {
      size_t at = (first + k) * run;
      grids[first + k] = made[k];
      LEVEL(apply_grid)(weights + at, run, made[k], codes + at, reconstruction + at);
    }
  }
}

TARGET static void LEVEL(add_square_distance)(
    const float *a, const float *b, size_t count, double sums[8]) {
  static const lathe_grid keep = {0};
  float difference[128];
  for (size_t start = 0; start < count; start += 128) {
    size_t n = count - start < 128 ? count - start : 128;
    for (size_t i = 0; i < n; i++) difference[i] = a[start + i] - b[start + i];
    for (size_t i = n; i < (n + 7) / 8 * 8; i++) difference[i] = 0;
    LEVEL(run_errors)(difference, difference, (n + 7) / 8 * 8, &keep, 1, 1, sums);
  }
}

TARGET static void LEVEL(add_weighted_square_distance)(
    const float *a, const float *b, size_t count, const float *factors, double sums[8]) {
  d8 total;
  memcpy(&total, sums, sizeof total);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 x, y, m;
    memcpy(&x, a + i, 32);
    memcpy(&y, b + i, 32);
    memcpy(&m, factors + i, 32);
    d8 difference = __builtin_convertvector(x - y, d8);
    total += __builtin_convertvector(m, d8) * (difference * difference);
  }
  memcpy(sums, &total, sizeof total);
  for (size_t lane = 0; i < count; i++, lane++) {
    double difference = (double)(a[i] - b[i]);
    sums[lane] += (double)factors[i] * (difference * difference);
  }
}
