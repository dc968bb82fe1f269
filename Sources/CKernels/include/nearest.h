#ifndef LATHE_NEAREST_H
#define LATHE_NEAREST_H

#include <stddef.h>
#include <stdint.h>

/// Levels that weights are taken to, in rising order: at most 256.
typedef struct {
  int count;
  /// The level that has the code 0; codes are distances from it.
  int zero;
  float values[256];
  /// A number beyond bounds[i] belongs to a level after the i-th; there are count − 1.
  float bounds[256];
} lathe_levels;

/// Codes and reconstruction of weights: the nearest level of w · inverse (halfway between two, the lower), times scale.
void lathe_apply_levels(
    const float *weights, size_t count, const lathe_levels *levels, float inverse, float scale, int32_t *codes,
    float *reconstruction);

#endif
