#pragma STDC FP_CONTRACT OFF

#include "halves.h"

#include <string.h>


#define FORMS "summary/halves.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_count_halves(const uint16_t *halves, size_t count, uint32_t *counts) {
  DISPATCH(count_halves, halves, count, counts);
}

void lathe_half_row_ranges(
    const uint16_t *halves, size_t rows, size_t columns, uint16_t *minima, uint16_t *maxima) {
  for (size_t row = 0; row < rows; row++)
    DISPATCH(half_range, halves + row * columns, columns, minima + row, maxima + row);
}

void lathe_add_value_errors(
    const float *values, const float *pruned, const double *counts, size_t count, const lathe_grid *grids,
    int grid_count, double *sums) {
  for (int g = 0; g < grid_count; g++) sums[g] += DISPATCH(value_errors, values, pruned, counts, count, grids[g]);
}
