#ifndef LATHE_SMALL_FLOAT_H
#define LATHE_SMALL_FLOAT_H

#include <stddef.h>
#include <stdint.h>

// Floats of four to eight bits under scales: rounded to the nearest, halves to even, saturated.

/// A sign, exponent bits with a bias, mantissa bits; subnormals where the exponent is zero. Codes beyond the greatest
/// magnitude (infinities, NaN) are never written. Of at most eight bits in all.
typedef struct {
  int exponent, mantissa, bias;
  float greatest;
} lathe_small_float;

/// Codes (sign, exponent, mantissa from the highest bit on) and reconstruction of weights under one scale:
/// q = round(w / scale), ŵ = q · scale. Under the scale 0 all are zero.
void lathe_apply_small_float(
    const float *weights, size_t count, lathe_small_float format, float scale, int32_t *codes, float *reconstruction);

/// A scale of a greatest magnitude: magnitude / format.greatest, such that the greatest code's value is finite; 0 where
/// that is below 2^-126.
float lathe_small_float_scale(float magnitude, lathe_small_float format);

/// Runs of `run` weights side by side, each with the scale of its greatest magnitude; the scales, count/run of them.
/// count is a multiple of run.
void lathe_apply_small_float_runs(
    const float *weights, size_t count, size_t run, lathe_small_float format, int32_t *codes, float *reconstruction,
    float *scales);

/// How a block's greatest magnitude m becomes a power of two.
typedef enum {
  /// 2^(⌊log2 m⌋ − ⌊log2 greatest⌋), OCP's.
  LATHE_EXPONENT_BELOW,
  /// The same of m rounded to as many places as the element's mantissa has, halves up.
  LATHE_EXPONENT_ROUNDED,
  /// 2^⌈log2(m / greatest)⌉: nothing is beyond the greatest number.
  LATHE_EXPONENT_ABOVE,
} lathe_exponent_rule;

/// OCP Microscaling Formats 1.0: blocks of 32 under a power of two between 2^-127 and 2^127; `exponents` are the scales
/// as E8M0 (2^(e − 127)), 0 for a block of zeros. count is a multiple of 32.
void lathe_apply_microscaled(
    const float *weights, size_t count, lathe_small_float format, int32_t *codes, float *reconstruction,
    uint8_t *exponents, lathe_exponent_rule rule);

/// NVFP4: blocks of 16 in E2M1 under tensor_scale · s, s = max|w| / 6 / tensor_scale rounded to E4M3; `scales` are the
/// codes of s. count is a multiple of 16.
void lathe_apply_nvfp4(
    const float *weights, size_t count, float tensor_scale, int32_t *codes, float *reconstruction, uint8_t *scales);

#endif
