#pragma STDC FP_CONTRACT OFF

#include "product.h"

#include "level.h"
#include "vectors.inc.h"

/// Columns that are laid out side by side: two vectors.
#define LATHE_PANEL 16

/// Panels that are laid out at once: 128 KiB, which a processor's second cache holds beside the rest.
INLINE size_t lathe_panels(size_t depth) {
  size_t panels = 32768 / LATHE_PANEL / (depth ? depth : 1);
  return panels < 4 ? 4 : panels;
}

/// Numbers from panel to panel: an odd number of cache lines, so that panels do not all fall on the same places of the
/// first cache.
INLINE size_t lathe_pitch(size_t depth) { return (depth | 1) * LATHE_PANEL; }

size_t lathe_product_scratch(size_t depth) { return lathe_panels(depth) * lathe_pitch(depth) + depth; }

#define LEVEL(name) name##_baseline
#define TARGET
#include "product.inc.h"
#undef LEVEL
#undef TARGET

#if defined(__x86_64__)
#define LEVEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#pragma STDC FP_CONTRACT ON
#include "product.inc.h"
#pragma STDC FP_CONTRACT OFF
#undef LEVEL
#undef TARGET
#define DISPATCH(name, ...) \
  (lathe_kernel_level() >= LATHE_LEVEL_AVX2 ? name##_avx2(__VA_ARGS__) : name##_baseline(__VA_ARGS__))
#else
#define DISPATCH(name, ...) name##_baseline(__VA_ARGS__)
#endif

void lathe_product(
    const float *w, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t depth,
    size_t columns, const lathe_finish *finish, float *scratch) {
  DISPATCH(product, w, x, x_stride, y, y_stride, rows, depth, columns, finish, scratch);
}
