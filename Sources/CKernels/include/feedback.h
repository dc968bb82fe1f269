#ifndef LATHE_FEEDBACK_H
#define LATHE_FEEDBACK_H

#include <stddef.h>
#include <stdint.h>

/// The numbers that weights may become: scale · levels[k] + base, scale and base a run's. Without levels any number.
typedef struct {
  /// Rising; `count` of them. Evenly spaced by 1 where `is_even`.
  const float *levels;
  int count;
  int is_even;
  /// Of each run, and how many runs a row is apart from the next one's: 0 where all rows have the same.
  const float *scales;
  const float *bases;
  size_t run_stride;
  /// The run of each column, within its row.
  const uint32_t *runs;
} lathe_choice;

/// Chooses the codes of the first `taken` of some columns, row by row, each with the errors of those before it fed back:
/// for column k of a row
///
///     t = w[k] + c[k],   ŵ[k] = the level nearest to t (0 where mask[k]),   e[k] = w[k] − ŵ[k],
///     c[j] += e[k] · u[k][j] for the columns j after it
///
/// (rows, width) arrays have `stride` numbers from a row to the next: weights w, corrections c (overwritten), errors e,
/// reconstruction ŵ, codes k, and the mask, which may be NULL. u is (width, width), `u_stride` apart;
/// NULL feeds nothing back.
void lathe_feed_back(
    const float *weights, float *corrections, float *errors, float *values, uint8_t *codes, const uint8_t *mask,
    size_t rows, size_t taken, size_t width, size_t stride, const float *u, size_t u_stride, const lathe_choice *choice);

/// The Cholesky factor of a symmetric matrix, in place: lower triangle L with L Lᵀ = A; what lies above is left as it is.
///
/// Returns 0, or 1 + the row whose pivot is not above `least`: rows before it are done.
size_t lathe_cholesky(double *a, size_t n, double least);

/// Solves L Lᵀ x = b for each of `rows` right-hand sides, one after another, in place.
void lathe_cholesky_solve(const double *l, size_t n, double *b, size_t rows);

/// What the nearest levels make of some weights under one scale and base: Σ h (w − ŵ)², Σ h (w − base) q and Σ h q² with
/// q = levels[k].
void lathe_add_level_errors(
    const float *weights, const float *factors, size_t count, const float *levels, int level_count, int is_even,
    float scale, float base, double sums[3]);

#endif
