#ifndef LATHE_NETWORK_H
#define LATHE_NETWORK_H

#include <stddef.h>

/// The hot loops of networks that are no matrix products. Results of the levels may differ in the last digits.

/// Functions of one number. Their errors against the exact value: exp 2 ulp; tanh, sigmoid and erf 4 ulp or 1e−7,
/// whichever is larger; the rest follow from these.
typedef enum {
  LATHE_EXP,
  LATHE_TANH,
  LATHE_SIGMOID,
  LATHE_ERF,
  /// x Φ(x), with erf.
  LATHE_GELU,
  /// x Φ(x), by the approximation with tanh (Hendrycks and Gimpel 2016).
  LATHE_GELU_TANH,
  /// x · sigmoid(x).
  LATHE_SILU,
  /// x · min(1, max(0, x / 6 + 1/2)).
  LATHE_HARD_SWISH,
} lathe_function;

/// y[i] ← f(x[i]); x and y may be the same.
void lathe_map(lathe_function function, const float *x, float *y, size_t count);

/// The largest number and Σ e^(x − largest), with y[i] ← e^(x[i] − largest); then y[i] ← y[i] / sum.
void lathe_softmax(const float *x, float *y, size_t count);

/// y ← (x − mean) / √(variance + epsilon) · scale + bias; `bias` may be NULL. Gives the mean and 1 / deviation.
void lathe_layer_norm(
    const float *x, const float *scale, const float *bias, float epsilon, float *y, size_t count, float *mean,
    float *gain);

/// Σ x, in eight sums side by side.
float lathe_sum(const float *x, size_t count);

/// The largest number; NaN where one is no number.
float lathe_largest(const float *x, size_t count);

/// Arithmetic of two arrays of which each may be a single number: step 0 instead of 1.
typedef enum { LATHE_ADD, LATHE_SUB, LATHE_MUL, LATHE_DIV } lathe_operation;
void lathe_combine(
    lathe_operation operation, const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t count);

/// y[i] ← min(high, max(low, y[i] · gain + offset)); NaNs stay.
void lathe_scale_clip(const float *x, float gain, float offset, float low, float high, float *y, size_t count);

/// One channel of a convolution by channels: x (height, width), w (kernel_height, kernel_width) → y (out_height,
/// out_width), all starting at `bias`.
typedef struct {
  int height, width, kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width, top,
      left, out_height, out_width;
} lathe_plane;

/// `scratch` has room for pitch · rows numbers. Without w: the largest number of each window (bias is not used).
void lathe_depthwise(
    const lathe_plane *plane, const float *x, const float *w, float bias, float *y, float *scratch);
size_t lathe_plane_pitch(const lathe_plane *plane);
size_t lathe_plane_rows(const lathe_plane *plane);

/// y (columns, rows) ← xᵀ with x (rows, columns), rows `x_stride` and `y_stride` apart.
void lathe_transpose(const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t columns);

#endif
