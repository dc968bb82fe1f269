#pragma STDC FP_CONTRACT OFF

#include "feedback.h"

#include <math.h>

#define FORMS "quantize/feedback.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_feed_back(
    const float *weights, float *corrections, float *errors, float *values, uint8_t *codes, const uint8_t *mask,
    size_t rows, size_t taken, size_t width, size_t stride, const float *u, size_t u_stride, const lathe_choice *choice) {
  DISPATCH(
      feed_back, weights, corrections, errors, values, codes, mask, rows, taken, width, stride, u, u_stride, choice);
}

size_t lathe_cholesky(double *a, size_t n, double least) { return DISPATCH(cholesky, a, n, least); }

void lathe_cholesky_solve(const double *l, size_t n, double *b, size_t rows) { DISPATCH(cholesky_solve, l, n, b, rows); }

void lathe_add_level_errors(
    const float *weights, const float *factors, size_t count, const float *levels, int level_count, int is_even,
    float scale, float base, double sums[3]) {
  DISPATCH(add_level_errors, weights, factors, count, levels, level_count, is_even, scale, base, sums);
}
