#ifndef LATHE_SIGNS_H
#define LATHE_SIGNS_H

#include <stddef.h>
#include <stdint.h>

// Binary and ternary weights, and what is pruned before any scheme: loops without instruction-set forms of their own.

/// Adds Σ |w| over the weights with |w| > threshold to eight lanes that begin at the run's first weight, and their
/// number to `kept`. A threshold below zero takes all.
void lathe_add_magnitudes(
    const float *weights, size_t count, double threshold, double sums[8], int64_t *kept);

/// ŵ = ±magnitude by the sign, zero taken as positive; with `masked` zeros stay zero. Codes -1, 0, 1.
void lathe_apply_signs(
    const float *weights, size_t count, float magnitude, int masked, int32_t *codes, float *reconstruction);

/// ŵ = ±magnitude where |w| > threshold, else zero. Codes -1, 0, 1.
void lathe_apply_ternary(
    const float *weights, size_t count, double threshold, float magnitude, int32_t *codes, float *reconstruction);

/// The weights with those below a magnitude set to zero.
void lathe_prune_below(const float *weights, size_t count, float limit, float *pruned);

/// Of every `of` weights side by side the `keep` with the greatest |w|·factor stay, of equal ones the later; zeros
/// count as gone. `factors` has one number a column of a row-major matrix, or is NULL for ones. columns is a multiple
/// of `of`, `of` at most 64.
void lathe_prune_pattern(
    const float *weights, size_t rows, size_t columns, int keep, int of, const float *factors, float *pruned);

#endif
