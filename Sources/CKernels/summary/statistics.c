#pragma STDC FP_CONTRACT OFF

#include "statistics.h"

#include <math.h>
#include <string.h>


#define FORMS "summary/statistics.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_sanitize(float *weights, size_t count, int64_t *nans, int64_t *infinities) {
  size_t i = 0;
  while ((i = DISPATCH(first_non_finite, weights, i, count)) < count) {
    if (isnan(weights[i])) ++*nans; else ++*infinities;
    weights[i++] = 0;
  }
}

void lathe_add_range_sums(const float *weights, size_t count, lathe_range_sums *sums) {
  DISPATCH(add_range_sums, weights, count, sums);
}

void lathe_add_central_sums(
    const float *weights, size_t count, double mean, double limit, lathe_central_sums *sums) {
  DISPATCH(add_central_sums, weights, count, mean, limit, sums);
}

void lathe_add_histogram(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts) {
  DISPATCH(add_histogram, weights, count, minimum, maximum, bins, counts);
}

void lathe_add_bin_moments(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts,
    lathe_bin_sums *sums) {
  DISPATCH(add_bin_moments, weights, count, minimum, maximum, bins, counts, sums);
}

void lathe_row_ranges(
    const float *weights, size_t rows, size_t columns, float *minima, float *maxima) {
  for (size_t row = 0; row < rows; row++)
    DISPATCH(row_range, weights + row * columns, columns, minima + row, maxima + row);
}

static inline uint32_t magnitude_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits & 0x7fffffff;
}

void lathe_count_magnitudes_high(const float *weights, size_t count, uint64_t *counts) {
  for (size_t i = 0; i < count; i++) counts[magnitude_bits(weights[i]) >> 15]++;
}

void lathe_count_magnitudes_low(const float *weights, size_t count, uint32_t high, uint64_t *counts) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = magnitude_bits(weights[i]);
    if (bits >> 15 == high) counts[bits & 0x7fff]++;
  }
}
