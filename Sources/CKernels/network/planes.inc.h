// Windows of planes, channel by channel (network.h), for one instruction set: network.inc.h takes it in.

// Eight outputs side by side: Σ w · x, or without weights the largest x; a NaN is larger than all.
TARGET INLINE f8 LEVEL(window)(
    const float *from, size_t pitch, const float *w, const f8 *vectors, f8 start, int height, int width, int stride,
    int dilation) {
  f8 sum = start;
  for (int kh = 0; kh < height; kh++) {
    for (int kw = 0; kw < width; kw++) {
      const float *x = from + kh * pitch + kw * dilation;
      f8 v;
      if (stride == 1) {
        v = LEVEL(load)(x);
      } else if (stride == 2) {
        // Fifteen numbers from here on, every other one.
        v = __builtin_shufflevector(LEVEL(load)(x), LEVEL(load)(x + 7), 0, 2, 4, 6, 9, 11, 13, 15);
      } else {
        for (int lane = 0; lane < 8; lane++) v[lane] = x[lane * stride];
      }
      if (vectors) sum += v * vectors[kh * width + kw];
      else if (w) sum += v * w[kh * width + kw];
      else sum = LEVEL(select)((v > sum) | (v != v), v, sum);
    }
  }
  return sum;
}

// Less than eight numbers, in pieces of a fixed size: a call for them would cost more than they do.
TARGET INLINE void LEVEL(copy_few)(float *to, const float *from, size_t count) {
  if (count >= 4) {
    float first[4], last[4];
    memcpy(first, from, 16);
    memcpy(last, from + count - 4, 16);
    memcpy(to, first, 16);
    memcpy(to + count - 4, last, 16);
    return;
  }
  if (count > 0) to[0] = from[0];
  if (count > 1) to[1] = from[1];
  if (count > 2) to[2] = from[2];
}

// `to` and `from` do not overlap.
TARGET INLINE void LEVEL(copy)(float *to, const float *from, size_t count) {
  if (count < 8) return LEVEL(copy_few)(to, from, count);
  for (size_t i = 0; i + 8 <= count; i += 8) LEVEL(store)(to + i, LEVEL(load)(from + i));
  LEVEL(store)(to + count - 8, LEVEL(load)(from + count - 8));
}

TARGET INLINE void LEVEL(windows)(
    const lathe_plane *p, const float *padded, size_t pitch, const float *w, float bias, float *y, int height,
    int width, int stride, const int is_small) {
  int dilation = p->dilation_width, count = p->out_width;
  size_t step = pitch * p->dilation_height;
  // Each weight in a vector of its own, where registers or the first cache hold them.
  f8 each[25];
  for (int i = 0; is_small && i < height * width; i++) each[i] = F8(w[i]);
  const f8 *vectors = is_small ? each : NULL;
  for (int oh = 0; oh < p->out_height; oh++) {
    // The padded plane holds only the rows that the kernel touches, so that dilation is in the pitch.
    const float *row = padded + (size_t)oh * p->stride_height * pitch;
    float *target = y + (size_t)oh * count;
    if (count < 8) {
      float few[8];
      LEVEL(store)(few, LEVEL(window)(row, step, w, vectors, F8(bias), height, width, stride, dilation));
      LEVEL(copy_few)(target, few, (size_t)count);
      continue;
    }
    int ow = 0;
    for (; ow + 8 <= count; ow += 8)
      LEVEL(store)(
          target + ow, LEVEL(window)(row + ow * stride, step, w, vectors, F8(bias), height, width, stride, dilation));
    // The last eight, of which some are there already.
    ow = count - 8;
    if (count % 8)
      LEVEL(store)(
          target + ow, LEVEL(window)(row + ow * stride, step, w, vectors, F8(bias), height, width, stride, dilation));
  }
}

// The plane with its padding around it is laid out first, wide enough for eight outputs past the last: then no window
// needs to ask where it is.
TARGET static void LEVEL(depthwise)(
    const lathe_plane *p, const float *x, const float *w, float bias, float *y, float *scratch) {
  size_t pitch = lathe_plane_pitch(p), rows = lathe_plane_rows(p);
  float outside = w ? 0 : -INFINITY;
  for (size_t row = 0; row < rows; row++) {
    float *target = scratch + row * pitch;
    ptrdiff_t ih = (ptrdiff_t)row - p->top;
    size_t i = 0;
    if (ih >= 0 && ih < p->height) {
      for (; i < (size_t)p->left; i++) target[i] = outside;
      size_t kept = (size_t)p->width < pitch - i ? (size_t)p->width : pitch - i;
      LEVEL(copy)(target + i, x + ih * p->width, kept);
      i += kept;
    }
    for (; i + 8 <= pitch; i += 8) LEVEL(store)(target + i, F8(outside));
    for (; i < pitch; i++) target[i] = outside;
  }
  int kh = p->kernel_height, kw = p->kernel_width, s = p->stride_width;
  if (!w) bias = -INFINITY;
  // The common kernels with their loops unrolled.
  if (w && kh == 3 && kw == 3 && s == 1) LEVEL(windows)(p, scratch, pitch, w, bias, y, 3, 3, 1, 1);
  else if (w && kh == 3 && kw == 3 && s == 2) LEVEL(windows)(p, scratch, pitch, w, bias, y, 3, 3, 2, 1);
  else if (w && kh == 5 && kw == 5 && s == 1) LEVEL(windows)(p, scratch, pitch, w, bias, y, 5, 5, 1, 1);
  else if (w && kh == 5 && kw == 5 && s == 2) LEVEL(windows)(p, scratch, pitch, w, bias, y, 5, 5, 2, 1);
  else if (w) LEVEL(windows)(p, scratch, pitch, w, bias, y, kh, kw, s, 0);
  else if (s == 1) LEVEL(windows)(p, scratch, pitch, NULL, bias, y, kh, kw, 1, 0);
  else if (s == 2) LEVEL(windows)(p, scratch, pitch, NULL, bias, y, kh, kw, 2, 0);
  else LEVEL(windows)(p, scratch, pitch, NULL, bias, y, kh, kw, s, 0);
}
