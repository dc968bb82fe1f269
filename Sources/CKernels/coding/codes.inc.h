// Kernels over codes, compiled once a level: LEVEL(name) names a function, TARGET is its attribute.
#include "dispatch/vectors.inc.h"

typedef uint8_t LEVEL(b8) __attribute__((ext_vector_type(8)));

TARGET static void LEVEL(narrow)(const int32_t *codes, size_t count, int shift, uint8_t *bytes) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    i8 eight;
    memcpy(&eight, codes + i, 32);
    LEVEL(b8) low = __builtin_convertvector((eight >> shift) & 255, LEVEL(b8));
    memcpy(bytes + i, &low, 8);
  }
  for (; i < count; i++) bytes[i] = (uint8_t)(codes[i] >> shift);
}

/// Bit j: number j (of at most 64) has a bit of the mask.
TARGET INLINE uint64_t LEVEL(nonzero_bits)(const uint8_t *numbers, size_t count, uint32_t mask) {
  uint64_t set = 0;
  size_t j = 0;
  for (; j + 8 <= count; j += 8) {
    i8 eight;
    memcpy(&eight, numbers + 4 * j, 32);
    // A bit of its own for each lane, joined.
    i8 bits = (i8)((eight & (int32_t)mask) != 0) & (i8){1, 2, 4, 8, 16, 32, 64, 128};
    set |= (uint64_t)(uint32_t)__builtin_reduce_or(bits) << j;
  }
  for (; j < count; j++) {
    uint32_t number;
    memcpy(&number, numbers + 4 * j, 4);
    set |= (uint64_t)((number & mask) != 0) << j;
  }
  return set;
}

TARGET static size_t LEVEL(count_zeros)(const void *numbers, size_t count, uint32_t mask) {
  const uint8_t *bytes = numbers;
  size_t zeros = 0, i = 0;
  while (i + 8 <= count) {
    // Lanes of 32 bits are added up before they can overflow.
    i8 sum = (i8)(0);
    size_t end = count - i > (size_t)1 << 30 ? i + ((size_t)1 << 30) : count;
    for (; i + 8 <= end; i += 8) {
      i8 eight;
      memcpy(&eight, bytes + 4 * i, 32);
      sum -= (i8)((eight & (int32_t)mask) == 0);
    }
    zeros += (size_t)(int64_t)__builtin_reduce_add(__builtin_convertvector(sum, l8));
  }
  for (; i < count; i++) {
    uint32_t number;
    memcpy(&number, bytes + 4 * i, 4);
    zeros += (number & mask) == 0;
  }
  return zeros;
}

TARGET static void LEVEL(add_zero_runs)(
    const void *numbers, size_t count, uint32_t mask, lathe_zero_runs *runs, uint64_t *fillers) {
  // Short runs are counted by length, and added up at the end.
  enum { limit = 1024 };
  uint32_t counts[limit];
  memset(counts, 0, sizeof counts);
  const uint8_t *bytes = numbers;
  uint64_t run = runs->run, nonzero = 0;
  for (size_t start = 0; start < count; start += 64) {
    size_t taken = count - start < 64 ? count - start : 64;
    uint64_t set = LEVEL(nonzero_bits)(bytes + 4 * start, taken, mask);
    if (set == UINT64_MAX && run == 0) {
      nonzero += 64;
      continue;
    }
    size_t last = 0;
    while (set) {
      size_t place = (size_t)__builtin_ctzll(set);
      uint64_t length = run + place - last;
      if (length < limit) counts[length]++;
      else
        for (int k = 0; k <= LATHE_RUN_WIDTHS; k++) fillers[k] += length >> k;
      nonzero++;
      run = 0;
      last = place + 1;
      set &= set - 1;
    }
    run += taken - last;
  }
  for (uint64_t length = 1; length < limit; length++)
    if (counts[length])
      for (int k = 0; k <= LATHE_RUN_WIDTHS; k++) fillers[k] += counts[length] * (length >> k);
  runs->run = run;
  runs->nonzero += nonzero;
}
