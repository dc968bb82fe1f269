// Kernels over numbers of 16 bits, compiled once a level: LEVEL(name) names a function, TARGET is its attribute.
#include "dispatch/vectors.inc.h"

typedef int16_t LEVEL(s16) __attribute__((ext_vector_type(16)));

TARGET static void LEVEL(count_halves)(const uint16_t *halves, size_t count, uint32_t *counts) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t a, b;
    memcpy(&a, halves + i, 8);
    memcpy(&b, halves + i + 4, 8);
    counts[a & 0xffff]++, counts[a >> 16 & 0xffff]++;
    counts[a >> 32 & 0xffff]++, counts[a >> 48]++;
    counts[b & 0xffff]++, counts[b >> 16 & 0xffff]++;
    counts[b >> 32 & 0xffff]++, counts[b >> 48]++;
  }
  for (; i < count; i++) counts[halves[i]]++;
}

/// Sign and magnitude to two's complement, which orders as integers do; its own inverse.
static inline int16_t LEVEL(turned)(int16_t half) { return (int16_t)(half ^ ((half >> 15) & 0x7fff)); }

TARGET static void LEVEL(half_range)(const uint16_t *row, size_t columns, uint16_t *minimum, uint16_t *maximum) {
  int16_t least = INT16_MAX, most = INT16_MIN;
  size_t i = 0;
  if (columns >= 16) {
    LEVEL(s16) low = (LEVEL(s16))(INT16_MAX), high = (LEVEL(s16))(INT16_MIN);
    for (; i + 16 <= columns; i += 16) {
      LEVEL(s16) key;
      memcpy(&key, row + i, 32);
      key ^= (key >> 15) & 0x7fff;
      low = key < low ? key : low;
      high = key > high ? key : high;
    }
    least = __builtin_reduce_min(low);
    most = __builtin_reduce_max(high);
  }
  for (; i < columns; i++) {
    int16_t key = LEVEL(turned)((int16_t)row[i]);
    if (key < least) least = key;
    if (key > most) most = key;
  }
  *minimum = (uint16_t)LEVEL(turned)(least);
  *maximum = (uint16_t)LEVEL(turned)(most);
}

/// Eight lanes, joined in a fixed order; the arithmetic of a weight's reconstruction.
TARGET static double LEVEL(value_errors)(
    const float *values, const float *pruned, const double *counts, size_t count, lathe_grid grid) {
  const float rounding = 12582912.0f;  // 1.5·2^23, as in uniform.c
  double sums[8] = {0};
  for (size_t i = 0; i < count; i += 8) {
    size_t taken = count - i < 8 ? count - i : 8;
    float levels[8];
    if (grid.rounds) lathe_apply_grid(pruned + i, taken, grid, NULL, levels);
    for (size_t lane = 0; lane < taken; lane++) {
      float x = (grid.bias == 0 ? pruned[i + lane] : pruned[i + lane] - grid.bias) * grid.inverse;
      x = x > grid.low ? x : grid.low;
      x = x < grid.high ? x : grid.high;
      x = (x + rounding) - rounding;
      float level = grid.rounds      ? levels[lane]
                    : grid.bias == 0 ? grid.scale * x : grid.scale * x + grid.bias;
      double error = (double)(values[i + lane] - level);
      sums[lane] += counts[i + lane] * (error * error);
    }
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}
