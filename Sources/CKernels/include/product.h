#ifndef LATHE_PRODUCT_H
#define LATHE_PRODUCT_H

#include <stddef.h>

/// What is done to each row of a product while it is at hand: y ← min(high, max(low, gain · (y + bias) + offset)), with a
/// number a row; an array that is NULL does nothing. NaNs stay.
typedef struct {
  const float *bias, *gains, *offsets;
  float low, high;
} lathe_finish;

/// y (rows, columns) ← w (rows, depth) · x (depth, columns), then `finish`; w lies row after row, rows of x and of y are
/// `x_stride` and `y_stride` apart.
///
/// For convolutions: few rows, many columns, so that x is what is laid out anew, some columns at a time, and w is read
/// as it is. Sums run along the depth in one order, whatever the number of columns at the vector levels, but for the last
/// one or two columns. `scratch` has room for `lathe_product_scratch(depth)` numbers.
void lathe_product(
    const float *w, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t depth,
    size_t columns, const lathe_finish *finish, float *scratch);
size_t lathe_product_scratch(size_t depth);

#endif
