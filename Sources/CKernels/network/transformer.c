#include "transformer.h"

#include <math.h>
#include <string.h>

#include "dispatch/vectors.inc.h"

// Compared with other programs within tolerances, not bit by bit: products and sums may be fused.
#pragma STDC FP_CONTRACT ON

#define FORMS "network/transformer.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_matrix_vector(
    const float *weights, size_t rows, size_t columns, size_t stride, const float *x, const float *bias, float *y) {
  DISPATCH(matrix_vector, weights, rows, columns, stride, x, bias, y);
}

void lathe_scaled_softmax(float *x, size_t count, float scale, float cap) {
  if (cap > 0) {
    DISPATCH(soft_cap, x, count, scale, cap);
    scale = 1;
  }
  DISPATCH(softmax, x, count, scale);
}

void lathe_soft_cap(float *x, size_t count, float cap) { DISPATCH(soft_cap, x, count, 1, cap); }

double lathe_log_sum_exp(const float *x, size_t count) { return DISPATCH(log_sum_exp, x, count); }

size_t lathe_greatest(const float *x, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

double lathe_divergence(const float *x, double xLogSum, const float *y, double yLogSum, size_t count) {
  return DISPATCH(divergence, x, xLogSum, y, yLogSum, count);
}

void lathe_activate(lathe_activation kind, const float *gate, const float *up, float *out, size_t count) {
  DISPATCH(activate, kind, gate, up, out, count);
}

void lathe_rms_norm(const float *x, const float *weight, float epsilon, float *out, size_t count) {
  DISPATCH(rms_norm, x, weight, epsilon, out, count);
}

void lathe_centred_norm(
    const float *x, const float *weight, const float *bias, float epsilon, float *out, size_t count) {
  DISPATCH(layer_norm, x, weight, bias, epsilon, out, count);
}

void lathe_accumulate(float *x, const float *y, size_t count) { DISPATCH(accumulate, x, y, count); }

void lathe_accumulate_scaled(float *x, const float *y, float factor, size_t count) {
  DISPATCH(accumulate_scaled, x, y, factor, count);
}

void lathe_chances(const float *scores, size_t experts, int sigmoid, float *chances) {
  if (sigmoid) {
    for (size_t i = 0; i < experts; i++) chances[i] = 1 / (1 + expf(-scores[i]));
  } else {
    memcpy(chances, scores, experts * sizeof *chances);
    lathe_scaled_softmax(chances, experts, 1, 0);
  }
}

void lathe_route(const float *chances, size_t experts, size_t used, int32_t *chosen) {
  for (size_t slot = 0; slot < used; slot++) {
    int32_t best = -1;
    for (size_t i = 0; i < experts; i++) {
      int isTaken = 0;
      for (size_t k = 0; k < slot; k++) isTaken |= chosen[k] == (int32_t)i;
      if (!isTaken && (best < 0 || chances[i] > chances[best])) best = (int32_t)i;
    }
    chosen[slot] = best;
  }
}

void lathe_rotate(float *x, const float *cosines, const float *sines, size_t pairs, int interleaved) {
  DISPATCH(rotate, x, cosines, sines, pairs, interleaved);
}
