#ifndef LATHE_UNIFORM_H
#define LATHE_UNIFORM_H

#include <stddef.h>
#include <stdint.h>

/// The type that a scale is rounded to before the codes are chosen.
typedef enum {
  LATHE_SCALE_FP16 = 0,  ///< half to even, at most 65504
  LATHE_SCALE_BF16 = 1,
  LATHE_SCALE_FP32 = 2,
  LATHE_SCALE_POW2 = 3,  ///< the least power of two that is not smaller
} lathe_scale_type;

typedef enum {
  LATHE_SYMMETRIC = 0,       ///< codes -(2^(b-1)-1)…2^(b-1)-1, scale max|w|/(2^(b-1)-1)
  LATHE_SYMMETRIC_FULL = 1,  ///< codes -2^(b-1)…2^(b-1)-1, scale max|w|/(2^(b-1)-1/2)
  LATHE_AFFINE = 2,          ///< codes 0…2^b-1 over the range with zero in it, integer zero point
  LATHE_SYMMETRIC_SIGNED = 3,  ///< codes -2^(b-1)…2^(b-1)-1, scale the number of the greatest magnitude over -2^(b-1)
  LATHE_EDGE = 4,              ///< codes 0…2^b-1 from the end of the range that is farther from zero, which is a number
} lathe_symmetry;

/// What is rounded to the type T of the scales, halves to even, between a weight and its code: nothing, or every step of an
/// arithmetic in T, which is fp16 or bf16. Affine grids have T(T(maximum - minimum) / (2^b - 1)) as their scale then.
typedef enum {
  LATHE_ROUNDS_NOTHING = 0,
  /// T(w·T(1/s)); zero point round(T(-minimum/s)); a scale is not below T's least normal number.
  LATHE_ROUNDS_PRODUCT = 1,
  /// T(w/s); zero point round(T(T(-minimum·(2^b - 1)) / T(maximum - minimum))).
  LATHE_ROUNDS_QUOTIENT = 2,
  /// T(T(w/s) + z) with codes from -2^(b-1) on and their zero point z = round(T(-2^(b-1) - T(minimum/s))).
  LATHE_ROUNDS_SUM = 3,
} lathe_rounds;

/// A uniform grid: ŵ = scale · round(clamp((w - bias) · inverse, low, high)) + bias, halves to even.
/// For an affine grid with zero point z and codes 0…m, low = -z, high = m - z and bias = 0, so that zero stays zero; one
/// with a bias has codes 0…m, and zero need not be one of its numbers. The scale may be negative.
/// scale = inverse = 0 where all weights are zero or the scale is too small for its type.
typedef struct {
  float scale, inverse, low, high, bias;
  /// How the product is computed in place of (w - bias) · inverse, and in which type.
  lathe_rounds rounds;
  lathe_scale_type type;
} lathe_grid;

/// The grid of `bits` (2…16) over weights between minimum and maximum.
lathe_grid lathe_make_grid(
    float minimum, float maximum, int bits, lathe_symmetry symmetry, lathe_scale_type scale_type, lathe_rounds rounds);

/// Grids of runs of `run` weights side by side, each over its own min-max range, applied at once: codes (relative to
/// the zero point), reconstruction, and the grids themselves (count/run of them). count is a multiple of run.
void lathe_apply_runs(
    const float *weights, size_t count, size_t run, int bits, lathe_symmetry symmetry, lathe_scale_type scale_type,
    lathe_rounds rounds, int32_t *codes, float *reconstruction, lathe_grid *grids);

/// One grid a column: what lathe_apply_grid does, row after row of a row-major matrix.
void lathe_apply_columns(
    const float *weights, size_t rows, size_t columns, const lathe_grid *grids, int32_t *codes,
    float *reconstruction);

/// The widths that the error table has: 2…8 bits symmetric, then 2…8 bits affine.
enum { LATHE_TABLE_WIDTHS = 7, LATHE_TABLE_GRIDS = 14, LATHE_TABLE_SUMS = 14 * 8 };

/// The table's grids over one range, fp16 scales: symmetric 2…8 bits, affine 2…8 bits.
void lathe_make_table_grids(float minimum, float maximum, lathe_grid grids[LATHE_TABLE_GRIDS]);

/// Adds Σ (weight - ŵ(pruned))² of each grid to its eight lanes: sums[8·grid + lane].
/// `pruned` holds the weights after sparsity (it may be the same array). The order of accumulation is fixed:
/// runs of 128 weights, eight lanes in each; every run but the tensor's last has a multiple of 128. A run's squares
/// are summed in float, or with `wide` in double: for tensors whose squares leave a float's range.
void lathe_add_grid_errors(
    const float *weights, const float *pruned, size_t count, const lathe_grid *grids, int grid_count, int wide,
    double *sums);

/// The same for the table's grids made anew for each group of `group` weights over the group's own range.
/// count is a multiple of group. A row a channel: group = columns.
void lathe_add_table_errors(
    const float *weights, const float *pruned, size_t count, size_t group, int wide,
    double sums[LATHE_TABLE_SUMS]);

/// Codes (relative to the zero point) and reconstruction of weights on one grid; either may be NULL.
void lathe_apply_grid(
    const float *weights, size_t count, lathe_grid grid, int32_t *codes, float *reconstruction);

/// Σ (a - b)² in double, in the order of lathe_add_grid_errors, added to eight lanes.
void lathe_add_square_distance(const float *a, const float *b, size_t count, double sums[8]);

/// Σ m_j (a - b)² over rows of a row-major matrix, m one factor a column; in eight lanes that begin anew in each row.
void lathe_add_weighted_square_distance(
    const float *a, const float *b, size_t rows, size_t columns, const float *factors, double sums[8]);

#endif
