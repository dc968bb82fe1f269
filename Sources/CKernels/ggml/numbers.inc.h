// Numbers of one block, in the order of ggml's reference quantisers: what the searches are put together with.
#ifndef LATHE_GGML_NUMBERS_INC_H
#define LATHE_GGML_NUMBERS_INC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "half.h"

/// Writes a half; returns the number that it stands for.
static inline float put_half(uint8_t *bytes, float value) {
  const uint16_t half = lathe_half_from_float(value);
  bytes[0] = (uint8_t)half;
  bytes[1] = (uint8_t)(half >> 8);
  return lathe_float_from_half(half);
}

/// To the nearest integer, halves to even, for |x| ≤ 2^22.
static inline int nearest(float x) {
  x += 12582912.0f;
  int32_t bits;
  memcpy(&bits, &x, 4);
  return (bits & 0x7fffff) - 0x400000;
}

static inline float sum_of_squares(const float *x, size_t count) {
  float sum = 0;
  for (size_t i = 0; i < count; i++) sum += x[i] * x[i];
  return sum;
}

static inline float mean_square(const float *x, size_t count) { return sum_of_squares(x, count) / (float)count; }

/// The number of the greatest magnitude, with its sign; the first of equals, 0 where all are.
static inline float signed_greatest(const float *x, int count) {
  float greatest = 0, extreme = 0;
  for (int i = 0; i < count; i++)
    if (fabsf(x[i]) > greatest) greatest = fabsf(x[i]), extreme = x[i];
  return extreme;
}

#endif
