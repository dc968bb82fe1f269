// Kernels over codes, compiled once a level: LEVEL(name) names a function, TARGET is its attribute.
#include "vectors.inc.h"

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
TARGET static uint64_t LEVEL(nonzero_bits)(const uint8_t *numbers, size_t count, uint32_t mask) {
  uint64_t set = 0;
  for (size_t j = 0; j < count; j++) {
    uint32_t number;
    memcpy(&number, numbers + 4 * j, 4);
    set |= (uint64_t)((number & mask) != 0) << j;
  }
  return set;
}
