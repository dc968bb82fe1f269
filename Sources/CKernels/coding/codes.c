#include "codes.h"

#include <string.h>


#define FORMS "coding/codes.inc.h"
#include "dispatch/each_level.inc.h"

/// Four tables, so that equal neighbours do not wait for each other's counter.
void lathe_count_bytes(const uint8_t *bytes, size_t count, uint64_t counts[256]) {
  enum { run = 1 << 30 };
  for (size_t start = 0; start < count; start += run) {
    size_t end = count - start < run ? count : start + run, i = start;
    uint32_t tables[4][256];
    memset(tables, 0, sizeof tables);
    for (; i + 8 <= end; i += 8) {
      uint64_t eight;
      memcpy(&eight, bytes + i, 8);
      tables[0][eight & 255]++, tables[1][eight >> 8 & 255]++;
      tables[2][eight >> 16 & 255]++, tables[3][eight >> 24 & 255]++;
      tables[0][eight >> 32 & 255]++, tables[1][eight >> 40 & 255]++;
      tables[2][eight >> 48 & 255]++, tables[3][eight >> 56]++;
    }
    for (; i < end; i++) tables[0][bytes[i]]++;
    for (int k = 0; k < 256; k++) counts[k] += (uint64_t)tables[0][k] + tables[1][k] + tables[2][k] + tables[3][k];
  }
}

void lathe_count_codes(const int32_t *codes, size_t count, uint8_t *bytes, uint64_t counts[256]) {
  DISPATCH(narrow, codes, count, 0, bytes);
  lathe_count_bytes(bytes, count, counts);
}

void lathe_count_high_bytes(const int32_t *codes, size_t count, uint8_t *bytes, uint64_t counts[256]) {
  DISPATCH(narrow, codes, count, 8, bytes);
  lathe_count_bytes(bytes, count, counts);
}

void lathe_count_wide_codes(const int32_t *codes, size_t count, uint64_t *counts) {
  for (size_t i = 0; i < count; i++) counts[codes[i] & 0xffff]++;
}

size_t lathe_count_zeros(const void *numbers, size_t count, uint32_t mask) {
  return DISPATCH(count_zeros, numbers, count, mask);
}

void lathe_add_zero_runs(const void *numbers, size_t count, uint32_t mask, lathe_zero_runs *runs, uint64_t *fillers) {
  DISPATCH(add_zero_runs, numbers, count, mask, runs, fillers);
}
