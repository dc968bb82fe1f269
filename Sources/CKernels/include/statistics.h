#ifndef LATHE_STATISTICS_H
#define LATHE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/// Sums over a run of weights, in eight lanes: lane j takes the elements j, j + 8, j + 16 … of the run.
/// Runs are chained by calling again with the same value; every run but the last must have a multiple of
/// eight elements, so that the order of accumulation does not depend on where the runs are cut.
typedef struct {
  float minimum, maximum;      ///< start with +INFINITY and -INFINITY
  double sum[8], squares[8];   ///< Σ w and Σ w²
  int64_t zeros;               ///< elements that are +0 or -0
} lathe_range_sums;

/// Sums of powers of the distance from the mean, lanes as above.
typedef struct {
  double second[8], third[8], fourth[8];  ///< Σ (w - mean)^k
  int64_t outliers;                       ///< elements with |w - mean| > limit
} lathe_central_sums;

/// Replaces NaN and infinities by zero; adds what it replaced to the counts.
void lathe_sanitize(float *weights, size_t count, int64_t *nans, int64_t *infinities);

/// First pass: range, sum, sum of squares, zeros. The weights are finite.
void lathe_add_range_sums(const float *weights, size_t count, lathe_range_sums *sums);

/// Second pass, once mean and limit are known.
void lathe_add_central_sums(
    const float *weights, size_t count, double mean, double limit, lathe_central_sums *sums);

/// Adds each weight to one of `bins` equal bins between minimum and maximum: bin i holds
/// edge(i) <= w < edge(i + 1) with edge(i) = minimum + i·(maximum - minimum)/bins, the last bin its upper edge too.
/// Exact, edges included. Weights outside the range, and what is no number, are not counted; nothing is without a
/// range (maximum > minimum).
void lathe_add_histogram(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts);

/// What a bin holds besides its count: sums of the distances from the bin's middle, and of their squares.
typedef struct {
  double sum, squares;
} lathe_bin_sums;

/// As lathe_add_histogram, with the sums of each bin: Σ (w - c) and Σ (w - c)² with c = edge(i) + width/2, added one
/// weight after another. All weights lie in the range; one that does not is counted in the outermost bin.
void lathe_add_bin_moments(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts,
    lathe_bin_sums *sums);

/// Least and greatest of each row of a row-major matrix.
void lathe_row_ranges(
    const float *weights, size_t rows, size_t columns, float *minima, float *maxima);

/// Counts magnitudes by the upper 16 of their 31 bits (32,768 counts): the first step of an exact selection.
void lathe_count_magnitudes_high(const float *weights, size_t count, uint64_t *counts);

/// Counts by the lower 15 bits (32,768 counts) the magnitudes whose upper 16 bits are `high`.
void lathe_count_magnitudes_low(const float *weights, size_t count, uint32_t high, uint64_t *counts);

#endif
