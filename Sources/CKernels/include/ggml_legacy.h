#ifndef LATHE_GGML_LEGACY_H
#define LATHE_GGML_LEGACY_H

#include <stddef.h>
#include <stdint.h>

/// ggml's first block types, 32 weights a block; bytes and rounding as its reference quantisers make them.
///
/// Q8_0: half d, 32 × int8.                   d = max|w|/127, codes round half away from zero.
/// Q4_0: half d, 16 bytes of nibbles.         d = (w of the greatest magnitude)/-8, code = trunc(w/d + 8.5).
/// Q4_1: half d, half m, 16 bytes.            d = (max - min)/15, m = min, code = trunc((w - m)/d + 0.5).
/// Q5_0: half d, 4 bytes of fifth bits, 16.   as Q4_0 with -16 and 16.5.
/// Q5_1: half d, half m, 4 bytes, 16 bytes.   as Q4_1 with 31.
/// Byte j holds the code of weight j in its low, that of weight j + 16 in its high nibble; bit j of the fifth bits
/// belongs to weight j.
///
/// `count` is a multiple of 32; `blocks` receives count/32 blocks.
void lathe_quantize_q8_0(const float *weights, size_t count, uint8_t *blocks);
void lathe_quantize_q4_0(const float *weights, size_t count, uint8_t *blocks);
void lathe_quantize_q4_1(const float *weights, size_t count, uint8_t *blocks);
void lathe_quantize_q5_0(const float *weights, size_t count, uint8_t *blocks);
void lathe_quantize_q5_1(const float *weights, size_t count, uint8_t *blocks);

/// binary16 and bfloat16, half to even.
void lathe_quantize_f16(const float *weights, size_t count, uint8_t *halves);
void lathe_quantize_bf16(const float *weights, size_t count, uint8_t *bfloats);

/// max |w|: infinity or NaN where one is among them.
float lathe_greatest_magnitude(const float *weights, size_t count);

#endif
