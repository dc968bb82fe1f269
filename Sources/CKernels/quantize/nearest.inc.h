// The nearest level, compiled once a level of instructions (dispatch/each_level.inc.h).

/// Eight entries of a table.
TARGET INLINE f8 LEVEL(look_up)(const float *table, i8 places) {
#if AVX2
  return (f8)_mm256_i32gather_ps(table, (__m256i)places, 4);
#else
  f8 found;
  for (int lane = 0; lane < 8; lane++) found[lane] = table[places[lane]];
  return found;
#endif
}

enum { LEVEL(SIDE) = 4 };

/// Few levels: as many bounds as lie below.
TARGET INLINE void LEVEL(count_below)(const f8 *x, const float *bounds, int count, i8 *index) {
  for (int v = 0; v < LEVEL(SIDE); v++) index[v] = (i8)(0);
  for (int k = 0; k < count; k++)
    for (int v = 0; v < LEVEL(SIDE); v++) index[v] -= x[v] > (f8)(bounds[k]);
}

/// Many levels: halving, all searches side by side, since each waits for its look-ups. `bounds` is filled up with
/// infinity to a power of two less one.
TARGET INLINE void LEVEL(search)(const f8 *x, const float *bounds, int half, i8 *index) {
  for (int v = 0; v < LEVEL(SIDE); v++) index[v] = (i8)(0);
  for (int step = half; step > 0; step /= 2)
    for (int v = 0; v < LEVEL(SIDE); v++)
      index[v] += x[v] > LEVEL(look_up)(bounds, index[v] + (step - 1)) ? (i8)(step) : (i8)(0);
}

TARGET static void LEVEL(apply_levels)(
    const float *weights, size_t count, const lathe_levels *levels, float inverse, float scale, int32_t *codes,
    float *reconstruction) {
  enum { TAKEN = 8 * LEVEL(SIDE) };
  float bounds[256], values[256];
  int half = 1;
  while (2 * half < levels->count) half *= 2;
  for (int k = 0; k < 2 * half; k++) {
    bounds[k] = k < levels->count - 1 ? levels->bounds[k] : INFINITY;
    values[k] = levels->values[k < levels->count ? k : levels->count - 1] * scale;
  }
  for (size_t i = 0; i < count; i += TAKEN) {
    size_t taken = count - i < TAKEN ? count - i : TAKEN;
    f8 x[LEVEL(SIDE)], value[LEVEL(SIDE)];
    i8 index[LEVEL(SIDE)];
    if (taken < TAKEN) memset(x, 0, sizeof x);
    memcpy(x, weights + i, taken == TAKEN ? sizeof x : taken * 4);
    for (int v = 0; v < LEVEL(SIDE); v++) x[v] *= inverse;
    if (levels->count <= 16) LEVEL(count_below)(x, bounds, levels->count - 1, index);
    else LEVEL(search)(x, bounds, half, index);
    for (int v = 0; v < LEVEL(SIDE); v++) {
      value[v] = LEVEL(look_up)(values, index[v]);
      index[v] -= levels->zero;
    }
    memcpy(codes + i, index, taken == TAKEN ? sizeof index : taken * 4);
    memcpy(reconstruction + i, value, taken == TAKEN ? sizeof value : taken * 4);
  }
}
