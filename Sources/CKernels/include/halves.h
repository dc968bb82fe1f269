#ifndef LATHE_HALVES_H
#define LATHE_HALVES_H

#include <stddef.h>
#include <stdint.h>

#include "uniform.h"

// Weights of 16 bits have at most 65,536 values: how often each occurs answers every question about a weight as a
// whole.

/// Adds each number, as it is stored, to its count in a table of 65,536.
void lathe_count_halves(const uint16_t *halves, size_t count, uint32_t *counts);

/// Least and greatest of each row in the order of the numbers (sign and magnitude, of binary16 and bfloat16 alike); as
/// they are stored. Not-a-numbers stand beyond the infinities.
void lathe_half_row_ranges(
    const uint16_t *halves, size_t rows, size_t columns, uint16_t *minima, uint16_t *maxima);

/// Adds Σ count · (value - ŵ(pruned))² of each grid to sums[grid], in the order of the values, in double.
void lathe_add_value_errors(
    const float *values, const float *pruned, const double *counts, size_t count, const lathe_grid *grids,
    int grid_count, double *sums);

#endif
