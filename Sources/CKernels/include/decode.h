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

// ggml's blocks (layouts: ggml-common.h; arithmetic: the order of gguf-py's dequantize), `blocks` of them.

void lathe_decode_q4_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q4_1(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q5_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q5_1(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q8_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q8_1(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq4_nl(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_mxfp4(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_nvfp4(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q1_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q2_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q2_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q3_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q4_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q5_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q6_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_q8_k(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq4_xs(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_tq1_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_tq2_0(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq1_s(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq1_m(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq2_xxs(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq2_xs(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq2_s(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq3_xxs(const uint8_t *bytes, float *values, size_t blocks);
void lathe_decode_iq3_s(const uint8_t *bytes, float *values, size_t blocks);

/// The codebooks of the IQ types.
typedef enum {
  LATHE_CODEBOOK_IQ1,
  LATHE_CODEBOOK_IQ2_XXS,
  LATHE_CODEBOOK_IQ2_XS,
  LATHE_CODEBOOK_IQ2_S,
  LATHE_CODEBOOK_IQ3_XXS,
  LATHE_CODEBOOK_IQ3_S,
} lathe_codebook_name;

/// A codebook's coordinates, entry after entry: 2048 (IQ1), 256, 512, 1024 (IQ2) of eight, 256, 512 (IQ3) of four.
const int8_t *lathe_codebook(lathe_codebook_name name);

/// The same entries packed: the number of each coordinate's level, two bits a coordinate (IQ1, IQ2) or three (IQ3), the
/// first one lowest; `count` receives their number.
const uint16_t *lathe_codebook_codes(lathe_codebook_name name, int *count);

#endif
