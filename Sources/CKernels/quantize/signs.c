#pragma STDC FP_CONTRACT OFF

#include "signs.h"

#include <math.h>
#include <string.h>

void lathe_add_magnitudes(
    const float *weights, size_t count, double threshold, double sums[8], int64_t *kept) {
  int64_t found = 0;
  for (size_t i = 0; i < count; i += 8) {
    size_t taken = count - i < 8 ? count - i : 8;
    for (size_t lane = 0; lane < taken; lane++) {
      double magnitude = fabs((double)weights[i + lane]);
      int counts = magnitude > threshold;
      sums[lane] += counts ? magnitude : 0;
      found += counts;
    }
  }
  *kept += found;
}

void lathe_apply_signs(
    const float *weights, size_t count, float magnitude, int masked, int32_t *codes, float *reconstruction) {
  for (size_t i = 0; i < count; i++) {
    int32_t code = weights[i] < 0 ? -1 : 1;
    code = masked && weights[i] == 0 ? 0 : code;
    codes[i] = code;
    reconstruction[i] = magnitude * (float)code;
  }
}

void lathe_apply_ternary(
    const float *weights, size_t count, double threshold, float magnitude, int32_t *codes, float *reconstruction) {
  // |w| > threshold decides as in double where the threshold is rounded down to a float.
  float limit = (float)threshold;
  if ((double)limit > threshold) limit = nextafterf(limit, -INFINITY);
  for (size_t i = 0; i < count; i++) {
    int32_t code = (weights[i] > limit) - (weights[i] < -limit);
    codes[i] = code;
    reconstruction[i] = magnitude * (float)code;
  }
}

void lathe_prune_below(const float *weights, size_t count, float limit, float *pruned) {
  for (size_t i = 0; i < count; i++) pruned[i] = fabsf(weights[i]) < limit ? 0 : weights[i];
}

void lathe_prune_pattern(
    const float *weights, size_t rows, size_t columns, int keep, int of, const float *factors, float *pruned) {
  for (size_t start = 0; start < rows * columns; start += (size_t)of) {
    float scores[64];
    const float *from = weights + start, *scale = factors ? factors + start % columns : NULL;
    float *to = pruned + start;
    int gone = 0;
    for (int k = 0; k < of; k++) {
      to[k] = from[k];
      // What is zero already is never the least of the rest.
      scores[k] = from[k] == 0 ? INFINITY : fabsf(from[k]) * (scale ? scale[k] : 1);
      gone += from[k] == 0;
    }
    for (; gone < of - keep; gone++) {
      int least = -1;
      for (int k = 0; k < of; k++)
        if (to[k] != 0 && (least < 0 || scores[k] < scores[least])) least = k;
      if (least < 0) break;
      to[least] = 0;
    }
  }
}
