#ifndef LATHE_DECODE_H
#define LATHE_DECODE_H

#include <stddef.h>
#include <stdint.h>

// From stored bytes to Float, as fast as memory gives them. No pointer needs an alignment; input and output
// must not overlap. Every level
// (lathe_kernel_level) writes the same bits.

/// IEEE 754 binary16, little-endian, to binary32. Signalling NaNs come out quiet, as F16C makes them.
void lathe_decode_f16(const uint8_t *bytes, float *values, size_t count);

/// bfloat16, little-endian: the upper half of a binary32; NaNs keep their bits.
void lathe_decode_bf16(const uint8_t *bytes, float *values, size_t count);

/// IEEE 754 binary64, little-endian, rounded to nearest, ties to even.
void lathe_decode_f64(const uint8_t *bytes, float *values, size_t count);

// ggml's blocks (layouts: ggml-common.h; arithmetic: the order of gguf-py's dequantize). `blocks` blocks of
// 32 (Q4_0 … Q8_0) or 256 weights.

void lathe_decode_q4_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q4_1(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q8_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q2_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q3_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q4_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q5_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q6_k(const uint8_t *bytes, float *values, size_t blocks);

#endif
