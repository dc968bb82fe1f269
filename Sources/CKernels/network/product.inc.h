// The kernel of product.h for one instruction set: LEVEL names it, TARGET selects it.

TARGET INLINE f8 LEVEL(read)(const float *x) {
  f8 v;
  memcpy(&v, x, sizeof v);
  return v;
}

TARGET INLINE float LEVEL(finished)(float v, const lathe_finish *f, size_t row) {
  if (f->bias) v += f->bias[row];
  if (f->gains) v = v * f->gains[row] + f->offsets[row];
  v = v < f->low ? f->low : v;
  return v > f->high ? f->high : v;
}

// `height` rows by `vectors` · 8 columns, of which `count` are stored: twelve vectors of sums at most, which with two of
// x and one of w fill sixteen registers.
TARGET INLINE void LEVEL(tile)(
    const float *w, const float *panel, float *y, size_t y_stride, size_t row, size_t depth, size_t count,
    const lathe_finish *f, const int height, const int vectors) {
  f8 sums[12];
  for (int i = 0; i < height * vectors; i++) sums[i] = (f8)0;
  const float *from = w + row * depth;
  for (size_t k = 0; k < depth; k++) {
    f8 x[2];
    for (int v = 0; v < vectors; v++) x[v] = LEVEL(read)(panel + k * LATHE_PANEL + 8 * v);
    for (int i = 0; i < height; i++) {
      f8 factor = from[(size_t)i * depth + k];
      for (int v = 0; v < vectors; v++) sums[i * vectors + v] += factor * x[v];
    }
  }
  for (int i = 0; i < height; i++) {
    float *target = y + (row + i) * y_stride;
    for (int v = 0; v < vectors; v++) {
      f8 s = sums[i * vectors + v];
      if (f->bias) s += f->bias[row + i];
      if (f->gains) s = s * f->gains[row + i] + f->offsets[row + i];
      i8 below = s < f->low;
      s = (f8)(((i8)s & ~below) | ((i8)(f8)f->low & below));
      i8 above = s > f->high;
      s = (f8)(((i8)s & ~above) | ((i8)(f8)f->high & above));
      size_t place = 8 * (size_t)v;
      if (place + 8 <= count) memcpy(target + place, &s, sizeof s);
      else if (place < count) memcpy(target + place, &s, 4 * (count - place));
    }
  }
}

#define TILE(height, vectors) LEVEL(tile)(w, panel, y, y_stride, row, depth, count, f, height, vectors)

// One panel under all rows from `row` on, six or twelve at a time.
TARGET static void LEVEL(some_rows)(
    const float *w, const float *panel, float *y, size_t y_stride, size_t row, size_t rows, size_t depth, size_t count,
    const lathe_finish *f) {
  if (count > 8) {
    switch (rows) {
      case 6: TILE(6, 2); break;
      case 5: TILE(5, 2); break;
      case 4: TILE(4, 2); break;
      case 3: TILE(3, 2); break;
      case 2: TILE(2, 2); break;
      default: TILE(1, 2); break;
    }
  } else {
    switch (rows) {
      case 12: TILE(12, 1); break;
      case 11: TILE(11, 1); break;
      case 10: TILE(10, 1); break;
      case 9: TILE(9, 1); break;
      case 8: TILE(8, 1); break;
      case 7: TILE(7, 1); break;
      case 6: TILE(6, 1); break;
      case 5: TILE(5, 1); break;
      case 4: TILE(4, 1); break;
      case 3: TILE(3, 1); break;
      case 2: TILE(2, 1); break;
      default: TILE(1, 1); break;
    }
  }
}
#undef TILE

// A column by itself, which lies in a panel `stride` apart: a dot product a row.
TARGET static void LEVEL(column)(
    const float *w, const float *x, size_t stride, float *y, size_t y_stride, size_t rows, size_t depth,
    const lathe_finish *f, float *copy) {
  for (size_t k = 0; k < depth; k++) copy[k] = x[k * stride];
  for (size_t row = 0; row < rows; row++) {
    const float *from = w + row * depth;
    f8 a = (f8)0, b = (f8)0;
    size_t k = 0;
    for (; k + 16 <= depth; k += 16) {
      a += LEVEL(read)(from + k) * LEVEL(read)(copy + k);
      b += LEVEL(read)(from + k + 8) * LEVEL(read)(copy + k + 8);
    }
    a += b;
    float sum = ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7]));
    for (; k < depth; k++) sum += from[k] * copy[k];
    y[row * y_stride] = LEVEL(finished)(sum, f, row);
  }
}

TARGET static void LEVEL(product)(
    const float *w, const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t depth,
    size_t columns, const lathe_finish *f, float *scratch) {
  size_t panels = lathe_panels(depth);
  size_t pitch = lathe_pitch(depth);
  float *copy = scratch + panels * pitch;
  // One or two columns at the end cost less as dot products than as a vector that is mostly empty.
  size_t alone = columns % 8 <= 2 && columns % LATHE_PANEL <= 2 ? columns % LATHE_PANEL : 0;
  size_t together = columns - alone;
  size_t all = (together + LATHE_PANEL - 1) / LATHE_PANEL, blocks = (all + panels - 1) / panels;
  // Blocks of like size: none is left with a panel alone, for which all of w would be read again.
  size_t step = blocks ? (all + blocks - 1) / blocks * LATHE_PANEL : LATHE_PANEL;
  for (size_t first = 0; first < together; first += step) {
    size_t width = together - first < step ? together - first : step;
    size_t full = width % LATHE_PANEL > 8 ? (width + LATHE_PANEL - 1) / LATHE_PANEL : width / LATHE_PANEL;
    for (size_t k = 0; k < depth; k++) {
      const float *from = x + k * x_stride + first;
      float *to = scratch + k * LATHE_PANEL;
      size_t c = 0;
      for (; c + LATHE_PANEL <= width; c += LATHE_PANEL, to += pitch)
        memcpy(to, from + c, 4 * LATHE_PANEL);
      for (size_t rest = 0; c + rest < width; rest++) to[rest] = from[c + rest];
      for (size_t rest = width - c; c < width && rest < LATHE_PANEL; rest++) to[rest] = 0;
    }
    // Strips of like height: none is left with a row or two, whose sums would wait for one another.
    size_t strips = (rows + 5) / 6;
    for (size_t strip = 0; strip < strips; strip++) {
      size_t row = strip * rows / strips, height = (strip + 1) * rows / strips - row;
      for (size_t panel = 0; panel < full; panel++) {
        size_t c = panel * LATHE_PANEL, count = width - c < LATHE_PANEL ? width - c : LATHE_PANEL;
        LEVEL(some_rows)(w, scratch + panel * pitch, y + first + c, y_stride, row, height, depth, count, f);
      }
    }
    size_t c = full * LATHE_PANEL;
    strips = c < width ? (rows + 11) / 12 : 0;
    for (size_t strip = 0; strip < strips; strip++) {
      size_t row = strip * rows / strips, height = (strip + 1) * rows / strips - row;
      LEVEL(some_rows)(w, scratch + full * pitch, y + first + c, y_stride, row, height, depth, width - c, f);
    }
  }
  for (size_t c = together; c < columns; c++)
    LEVEL(column)(w, x + c, x_stride, y + c, y_stride, rows, depth, f, copy);
}
