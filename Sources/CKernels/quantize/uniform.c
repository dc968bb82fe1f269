#pragma STDC FP_CONTRACT OFF

#include "uniform.h"

#include <math.h>
#include <stddef.h>

#include "half.h"

static const float symmetric_top[8] = {1, 3, 7, 15, 31, 63, 127, 127};
static const float affine_top[8] = {3, 7, 15, 31, 63, 127, 255, 255};

/// 1.5·2^23: adding and subtracting it rounds |x| < 2^22 to the nearest integer, halves to even.
#define ROUNDING 12582912.0f

#define FORMS "quantize/uniform.inc.h"
#include "dispatch/each_level.inc.h"

static float round_scale(float scale, lathe_scale_type type) {
  switch (type) {
    case LATHE_SCALE_FP16: return lathe_float_from_half(lathe_half_from_float(fminf(scale, 65504)));
    case LATHE_SCALE_POW2: {
      uint32_t bits;
      memcpy(&bits, &scale, 4);
      if (!(scale >= 0x1p-126f)) return scale;
      bits = bits > 0x7f000000u ? 0x7f000000u : (bits + 0x7fffff) & 0xff800000u;
      memcpy(&scale, &bits, 4);
      return scale;
    }
    case LATHE_SCALE_BF16: return lathe_float_from_bfloat(lathe_bfloat_from_float(fminf(scale, 0x1.fep127f)));
    default: return scale;
  }
}

/// A number that may be negative in the type of the scales.
static float round_number(float number, lathe_scale_type type) {
  return number < 0 ? -round_scale(-number, type) : round_scale(number, type);
}

/// MLX's grid: the end of the range that is farther from zero is a number of it, and zero is one but for rounding. Codes
/// are chosen with the scale as it is before it is rounded.
static lathe_grid make_edge_grid(float least, float most, int bits, lathe_scale_type scale_type) {
  lathe_grid grid = {0};
  const float levels = (float)((1 << bits) - 1), span = most - least;
  if (!(span > 0 || least != 0)) return grid;
  const int from_least = fabsf(least) > fabsf(most);
  float step = isfinite(span) ? span / levels : most / levels - least / levels;
  step = step > 1e-7f ? step : 1e-7f;
  float scale = from_least ? step : -step;
  const float edge = from_least ? least : most, whole = rintf(edge / scale);
  if (whole != 0) {
    scale = edge / whole;
    grid.bias = round_number(edge, scale_type);
  }
  grid.scale = round_number(scale, scale_type);
  if (!(fabsf(grid.scale) >= 0x1p-126f)) return (lathe_grid){0};
  grid.inverse = 1 / scale;
  grid.high = levels;
  return grid;
}

/// A grid that is found, and whose codes are, in the type of its scales.
static lathe_grid make_rounded_grid(
    float least, float most, int bits, lathe_symmetry symmetry, lathe_scale_type type, lathe_rounds rounds) {
  const float top = (float)((1 << (bits - 1)) - 1), levels = (float)((1 << bits) - 1);
  const float span = round_number(most - least, type), magnitude = -least > most ? -least : most;
  const int affine = symmetry == LATHE_AFFINE;
  const float beyond = symmetry == LATHE_SYMMETRIC ? 0 : symmetry == LATHE_SYMMETRIC_FULL ? 0.5f : 1;
  float scale = round_number(affine ? span / levels : magnitude / (top + beyond), type);
  const float normal = type == LATHE_SCALE_FP16 ? 0x1p-14f : 0x1p-126f;
  if (rounds == LATHE_ROUNDS_PRODUCT && magnitude > 0 && scale < normal) scale = normal;
  if (!(scale >= 0x1p-126f)) return (lathe_grid){0};
  if (symmetry == LATHE_SYMMETRIC_SIGNED && most >= -least) scale = -scale;
  lathe_grid grid = {.scale = scale, .inverse = 1 / scale, .low = -top - 1, .high = top, .rounds = rounds, .type = type};
  if (rounds == LATHE_ROUNDS_PRODUCT) grid.inverse = round_number(grid.inverse, type);
  if (symmetry == LATHE_SYMMETRIC) grid.low = -top;
  if (!affine) return grid;
  float zero = round_number(-least / scale, type);
  if (rounds == LATHE_ROUNDS_QUOTIENT) zero = round_number(round_number(-least * levels, type) / span, type);
  if (rounds == LATHE_ROUNDS_SUM) zero = rintf(round_number(zero - top - 1, type)) + top + 1;
  zero = rintf(zero);
  zero = zero < 0 ? 0 : zero > levels ? levels : zero;
  grid.low = -zero;
  grid.high = levels - zero;
  return grid;
}

lathe_grid lathe_make_grid(
    float minimum, float maximum, int bits, lathe_symmetry symmetry, lathe_scale_type scale_type, lathe_rounds rounds) {
  lathe_grid grid = {0};
  if (symmetry == LATHE_EDGE) return make_edge_grid(minimum, maximum, bits, scale_type);
  float least = minimum < 0 ? minimum : 0, most = maximum > 0 ? maximum : 0;
  if (rounds != LATHE_ROUNDS_NOTHING) return make_rounded_grid(least, most, bits, symmetry, scale_type, rounds);
  float top = (float)((1 << (bits - 1)) - 1), levels = (float)((1 << bits) - 1);
  int affine = symmetry == LATHE_AFFINE;
  float scale = affine ? most / levels - least / levels : (-least > most ? -least : most) / top;
  if (affine && isfinite(most - least)) scale = (most - least) / levels;
  if (symmetry == LATHE_SYMMETRIC_FULL) scale = (-least > most ? -least : most) / (top + 0.5f);
  if (symmetry == LATHE_SYMMETRIC_SIGNED) scale = (-least > most ? -least : most) / (top + 1);
  scale = round_scale(scale, scale_type);
  if (!(scale >= 0x1p-126f)) return grid;
  // The greatest number has the code -2^(b-1): where it is positive, the scale is not.
  if (symmetry == LATHE_SYMMETRIC_SIGNED && most >= -least) scale = -scale;
  grid.scale = scale;
  grid.inverse = 1 / scale;
  if (affine) {
    float zero = rintf(-least / scale);
    zero = zero > levels ? levels : zero;
    grid.low = -zero;
    grid.high = levels - zero;
  } else {
    grid.low = symmetry == LATHE_SYMMETRIC ? -top : -top - 1;
    grid.high = top;
  }
  return grid;
}

void lathe_make_table_grids(float minimum, float maximum, lathe_grid grids[LATHE_TABLE_GRIDS]) {
  DISPATCH(make_table_grids, minimum, maximum, grids);
}

void lathe_add_grid_errors(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grids, int grid_count, int wide,
    double *sums) {
  DISPATCH(add_grid_errors, weights, pruned, count, grids, grid_count, wide, sums);
}

void lathe_add_table_errors(
    const float *weights, const float *pruned, size_t count, size_t group, int wide,
    double sums[LATHE_TABLE_SUMS]) {
  DISPATCH(add_table_errors, weights, pruned, count, group, wide, sums);
}

void lathe_apply_grid(
    const float *weights, size_t count, lathe_grid grid, int32_t *codes, float *reconstruction) {
  DISPATCH(apply_grid, weights, count, grid, codes, reconstruction);
}

void lathe_apply_runs(
    const float *weights, size_t count, size_t run, int bits, lathe_symmetry symmetry, lathe_scale_type scale_type,
    lathe_rounds rounds, int32_t *codes, float *reconstruction, lathe_grid *grids) {
  DISPATCH(apply_runs, weights, count, run, bits, symmetry, scale_type, rounds, codes, reconstruction, grids);
}

void lathe_apply_columns(
    const float *weights, size_t rows, size_t columns, const lathe_grid *grids, int32_t *codes,
    float *reconstruction) {
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < columns; column++) {
      size_t at = row * columns + column;
      lathe_apply_grid(weights + at, 1, grids[column], codes + at, reconstruction + at);
    }
}

void lathe_add_square_distance(const float *a, const float *b, size_t count, double sums[8]) {
  DISPATCH(add_square_distance, a, b, count, sums);
}

void lathe_add_weighted_square_distance(
    const float *a, const float *b, size_t rows, size_t columns, const float *factors, double sums[8]) {
  for (size_t row = 0; row < rows; row++)
    DISPATCH(add_weighted_square_distance, a + row * columns, b + row * columns, columns, factors, sums);
}
