#pragma STDC FP_CONTRACT OFF

#include "feedback.h"

#include <math.h>

#define FORMS "quantize/feedback.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_feed_back(
    const float *weights, float *corrections, float *errors, float *values, uint8_t *codes, const uint8_t *mask,
    size_t rows, size_t width, size_t stride, const float *u, size_t u_stride, const lathe_choice *choice) {
  DISPATCH(
      feed_back, weights, corrections, errors, values, codes, mask, rows, width, stride, u, u_stride, choice);
}

size_t lathe_cholesky(double *a, size_t n, double least) { return DISPATCH(cholesky, a, n, least); }
