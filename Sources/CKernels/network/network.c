// Compared with other programs within tolerances, not bit by bit: products and sums may be fused.
#pragma STDC FP_CONTRACT ON

#include "network.h"

#include <math.h>

#include "dispatch/vectors.inc.h"

size_t lathe_plane_pitch(const lathe_plane *p) {
  size_t last = ((size_t)p->out_width + 7) / 8 * 8;
  size_t reach = last * (size_t)p->stride_width + (size_t)(p->kernel_width - 1) * (size_t)p->dilation_width + 8;
  size_t own = (size_t)p->left + (size_t)p->width;
  return reach > own ? reach : own;
}

size_t lathe_plane_rows(const lathe_plane *p) {
  return (size_t)(p->out_height - 1) * (size_t)p->stride_height +
         (size_t)(p->kernel_height - 1) * (size_t)p->dilation_height + 1;
}

#define FORMS "network/network.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_map(lathe_function function, const float *x, float *y, size_t count) {
  DISPATCH(map, function, x, y, count);
}

void lathe_softmax(const float *x, float *y, size_t count) { DISPATCH(softmax, x, y, count); }

void lathe_layer_norm(
    const float *x, const float *scale, const float *bias, float epsilon, float *y, size_t count, float *mean,
    float *gain) {
  DISPATCH(layer_norm, x, scale, bias, epsilon, y, count, mean, gain);
}

float lathe_sum(const float *x, size_t count) { return DISPATCH(total, x, count); }

float lathe_largest(const float *x, size_t count) { return DISPATCH(largest, x, count); }

void lathe_combine(
    lathe_operation operation, const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t count) {
  DISPATCH(combine, operation, a, a_step, b, b_step, y, count);
}

void lathe_scale_clip(const float *x, float gain, float offset, float low, float high, float *y, size_t count) {
  DISPATCH(scale_clip, x, gain, offset, low, high, y, count);
}

void lathe_depthwise(
    const lathe_plane *plane, const float *x, const float *w, float bias, float *y, float *scratch) {
  DISPATCH(depthwise, plane, x, w, bias, y, scratch);
}

void lathe_transpose(const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t columns) {
  DISPATCH(transpose, x, x_stride, y, y_stride, rows, columns);
}
