#pragma STDC FP_CONTRACT OFF

#include "network.h"

#include <math.h>

#include "level.h"
#include "vectors.inc.h"

#define LEVEL(name) name##_baseline
#define TARGET
#include "network.inc.h"
#undef LEVEL
#undef TARGET

#if defined(__x86_64__)
#define LEVEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#pragma STDC FP_CONTRACT ON
#include "network.inc.h"
#pragma STDC FP_CONTRACT OFF
#undef LEVEL
#undef TARGET
#define DISPATCH(name, ...) \
  (lathe_kernel_level() >= LATHE_LEVEL_AVX2 ? name##_avx2(__VA_ARGS__) : name##_baseline(__VA_ARGS__))
#else
#define DISPATCH(name, ...) name##_baseline(__VA_ARGS__)
#endif

void lathe_map(lathe_function function, const float *x, float *y, size_t count) {
  DISPATCH(map, function, x, y, count);
}

void lathe_softmax(const float *x, float *y, size_t count) { DISPATCH(softmax, x, y, count); }

void lathe_layer_norm(
    const float *x, const float *scale, const float *bias, float epsilon, float *y, size_t count, float *mean,
    float *gain) {
  DISPATCH(layer_norm, x, scale, bias, epsilon, y, count, mean, gain);
}

void lathe_combine(
    lathe_operation operation, const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t count) {
  DISPATCH(combine, operation, a, a_step, b, b_step, y, count);
}

void lathe_scale_clip(const float *x, float gain, float offset, float low, float high, float *y, size_t count) {
  DISPATCH(scale_clip, x, gain, offset, low, high, y, count);
}

void lathe_depthwise(const lathe_plane *plane, const float *x, const float *w, float bias, float *y) {
  DISPATCH(depthwise, plane, x, w, bias, y);
}

void lathe_transpose(const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t columns) {
  DISPATCH(transpose, x, x_stride, y, y_stride, rows, columns);
}
