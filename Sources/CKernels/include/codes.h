#ifndef LATHE_CODES_H
#define LATHE_CODES_H

#include <stddef.h>
#include <stdint.h>

// What the size of codes depends on: how often each occurs, and where the zeros are.

/// Bytes, counted: counts[byte] += 1.
void lathe_count_bytes(const uint8_t *bytes, size_t count, uint64_t counts[256]);

/// The codes modulo 256, a byte each, counted: counts[c] += 1. Alphabets of at most 256 codes side by side stay apart.
void lathe_count_codes(const int32_t *codes, size_t count, uint8_t *bytes, uint64_t counts[256]);

/// The second byte of each code, counted: for codes of sixteen bits.
void lathe_count_high_bytes(const int32_t *codes, size_t count, uint8_t *bytes, uint64_t counts[256]);

/// The codes modulo 65,536, counted.
void lathe_count_wide_codes(const int32_t *codes, size_t count, uint64_t *counts);

/// Numbers of 32 bits that are zero: (number & mask) == 0, with ~0 for codes, 0x7fffffff for floats.
size_t lathe_count_zeros(const void *numbers, size_t count, uint32_t mask);

enum { LATHE_RUN_WIDTHS = 16 };

/// Runs of zeros between numbers that are not zero, over a weight in storage order.
typedef struct {
  uint64_t run;      ///< zeros since the last number that is not zero
  uint64_t nonzero;  ///< numbers that are not zero
} lathe_zero_runs;

/// Adds numbers. `fillers` has an entry for each k of 0 … 16: Σ ⌊length / 2^k⌋ over the runs before numbers.
void lathe_add_zero_runs(const void *numbers, size_t count, uint32_t mask, lathe_zero_runs *runs, uint64_t *fillers);

#endif
