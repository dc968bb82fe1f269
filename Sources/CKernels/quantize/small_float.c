#pragma STDC FP_CONTRACT OFF

#include "small_float.h"

#include "ggml_legacy.h"

#include <math.h>


static const lathe_small_float e4m3 = {4, 3, 7, 448};
static const lathe_small_float e2m1 = {2, 1, 1, 6};

/// The power of two that a rule makes of a magnitude, as E8M0; 0 for zero.
static int shared_exponent(float magnitude, lathe_small_float format, lathe_exponent_rule rule) {
  int most, top;
  if (!(magnitude > 0)) return 0;
  float fraction = frexpf(magnitude, &most);
  float greatest = frexpf(format.greatest, &top);
  // Halves of the last place that the element's mantissa has go up.
  int higher = rule == LATHE_EXPONENT_ROUNDED ? fraction >= 1 - ldexpf(1, -format.mantissa - 2)
                  : rule == LATHE_EXPONENT_ABOVE ? fraction > greatest
                                                 : 0;
  int exponent = most - top + higher + 127;
  return exponent < 0 ? 0 : exponent > 254 ? 254 : exponent;
}

#define FORMS "quantize/small_float.inc.h"
#include "dispatch/each_level.inc.h"

float lathe_small_float_scale(float magnitude, lathe_small_float format) {
  float scale = magnitude / format.greatest;
  if (!(scale >= 0x1p-126f)) return 0;
  return isinf(scale * format.greatest) ? nextafterf(scale, 0) : scale;
}

void lathe_apply_small_float(
    const float *weights, size_t count, lathe_small_float format, float scale, int32_t *codes, float *reconstruction) {
  DISPATCH(apply_small_float, weights, count, format, scale, codes, reconstruction);
}

void lathe_apply_small_float_runs(
    const float *weights, size_t count, size_t run, lathe_small_float format, int32_t *codes, float *reconstruction,
    float *scales) {
  for (size_t start = 0; start < count; start += run) {
    float scale = lathe_small_float_scale(lathe_greatest_magnitude(weights + start, run), format);
    scales[start / run] = scale;
    lathe_apply_small_float(weights + start, run, format, scale, codes + start, reconstruction + start);
  }
}

void lathe_apply_microscaled(
    const float *weights, size_t count, lathe_small_float format, int32_t *codes, float *reconstruction,
    uint8_t *exponents, lathe_exponent_rule rule) {
  DISPATCH(apply_microscaled, weights, count, format, codes, reconstruction, exponents, rule);
}

void lathe_apply_nvfp4(
    const float *weights, size_t count, float tensor_scale, int32_t *codes, float *reconstruction, uint8_t *scales) {
  DISPATCH(apply_nvfp4, weights, count, tensor_scale, codes, reconstruction, scales);
}
