// Compared with other programs within tolerances, not bit by bit: products and sums may be fused.
#pragma STDC FP_CONTRACT ON

#include "product.h"

#include "dispatch/vectors.inc.h"

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

#define FORMS "network/product.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_product(
    const float *w, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t depth,
    size_t columns, const lathe_finish *finish, float *scratch) {
  DISPATCH(product, w, x, x_stride, y, y_stride, rows, depth, columns, finish, scratch);
}
