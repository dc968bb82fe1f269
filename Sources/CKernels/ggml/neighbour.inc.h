// The choice among a codebook's entries, compiled once a level (see search.inc.h). A sum over coordinates looks
// each term up in a table of eight, one term a level, for eight entries at a time.

/// The table's entries of the given numbers, of which the lowest three bits count.
TARGET INLINE f8 LEVEL(entries_of)(f8 table, i8 numbers) {
#if AVX2
  return (f8)_mm256_permutevar8x32_ps((__m256)table, (__m256i)numbers);
#elif NEON
  // Each number's four bytes of the table's 32.
  const uint8x16x2_t bytes = {{vld1q_u8((const uint8_t *)&table), vld1q_u8((const uint8_t *)&table + 16)}};
  const i8 places = (numbers & 7) * 0x04040404 + 0x03020100;
  f8 values;
  for (int half = 0; half < 2; half++)
    vst1q_u8((uint8_t *)&values + 16 * half, vqtbl2q_u8(bytes, vld1q_u8((const uint8_t *)&places + 16 * half)));
  return values;
#else
  float all[8];
  memcpy(all, &table, 32);
  f8 values;
  for (int r = 0; r < 8; r++) values[r] = all[numbers[r] & 7];
  return values;
#endif
}

/// A bit a lane where the mask is all ones.
TARGET INLINE unsigned LEVEL(bits_of)(i8 mask) {
#if AVX2
  return (unsigned)_mm256_movemask_ps((__m256)mask);
#elif NEON
  const i8 weights = {1, 2, 4, 8, 16, 32, 64, 128}, marked = mask >> 31 & weights;
  return (unsigned)__builtin_reduce_add(marked);
#else
  unsigned bits = 0;
  for (int r = 0; r < 8; r++) bits |= (unsigned)mask[r] >> 31 << r;
  return bits;
#endif
}

TARGET INLINE f8 LEVEL(load)(const float *x) {
  f8 v;
  memcpy(&v, x, 32);
  return v;
}

/// The least of the eight in every lane.
TARGET INLINE f8 LEVEL(least)(f8 x) {
  f8 other = __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
  x = LEVEL(pick)(other < x, other, x);
  other = __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  x = LEVEL(pick)(other < x, other, x);
  other = __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
  return LEVEL(pick)(other < x, other, x);
}

/// Σ terms[i][level of coordinate i] of eight packed codes.
TARGET INLINE f8 LEVEL(costs)(const uint16_t *codes, int bits, const f8 *terms) {
  uint16_t eight[8];
  memcpy(eight, codes, 16);
  i8 code;
  for (int r = 0; r < 8; r++) code[r] = eight[r];
  f8 sum = LEVEL(entries_of)(terms[0], code);
  for (int i = 1; i < (bits == 2 ? 8 : 4); i++) sum += LEVEL(entries_of)(terms[i], code >> (bits * i));
  return sum;
}

/// The neighbour with the least cost, the first of equals, as a packed code; the first one where no cost is a number.
TARGET INLINE unsigned LEVEL(best_neighbour)(const uint16_t *list, unsigned runs, int bits, const f8 *terms) {
  f8 least = LEVEL(costs)(list, bits, terms);
  if (runs == 1) {
    const unsigned lanes = LEVEL(bits_of)(least == LEVEL(least)(least));
    return list[__builtin_ctz(lanes | 256) & 7];
  }
  i8 at = 0;
  for (unsigned run = 1; run < runs; run++) {
    const f8 cost = LEVEL(costs)(list + 8 * run, bits, terms);
    const i8 better = cost < least;
    least = LEVEL(pick)(better, cost, least);
    at = (better & (int)run) | (at & ~better);
  }
  unsigned lanes = LEVEL(bits_of)(least == LEVEL(least)(least));
  if (lanes == 0) return list[0];
  int32_t runOf[8];
  memcpy(runOf, &at, 32);
  int lane = __builtin_ctz(lanes), best = 8 * runOf[lane] + lane;
  while ((lanes &= lanes - 1) != 0) {
    lane = __builtin_ctz(lanes);
    if (8 * runOf[lane] + lane < best) best = 8 * runOf[lane] + lane;
  }
  return list[best];
}
