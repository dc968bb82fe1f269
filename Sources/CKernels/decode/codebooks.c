// ggml's IQ1, IQ2 and IQ3: eight (IQ3: four) weights at a time are an entry of a codebook, with a sign each (IQ1: a
// common shift) and a scale a sub-block. Layouts: ggml-common.h; order of the operations: gguf-py's dequantize.

#pragma STDC FP_CONTRACT OFF

#include <pthread.h>
#include <stdint.h>

#include "decode/codebooks.inc.h"

/// Run before any block is decoded.
static void prepare(void);
#define PREPARE prepare();
#include "decode/decoders.inc.h"

/// The codebooks, a byte a coordinate; filled once from the packed ones.
static int8_t iq1[2048][8], iq2xxs[256][8], iq2xs[512][8], iq2s[1024][8], iq3xxs[256][4], iq3s[512][4];

static void unpack(const uint16_t *codes, int count, int width, int bits, const int8_t *values, int8_t *into) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < width; j++) into[i * width + j] = values[codes[i] >> (bits * j) & ((1 << bits) - 1)];
}

static void unpack_all(void) {
  static const int8_t ternary[3] = {-1, 0, 1}, coarse[3] = {8, 25, 43};
  static const int8_t even[8] = {4, 12, 20, 28, 36, 44, 52, 62}, odd[8] = {1, 3, 5, 7, 9, 11, 13, 15};
  unpack(codes_iq1, 2048, 8, 2, ternary, iq1[0]);
  unpack(codes_iq2_xxs, 256, 8, 2, coarse, iq2xxs[0]);
  unpack(codes_iq2_xs, 512, 8, 2, coarse, iq2xs[0]);
  unpack(codes_iq2_s, 1024, 8, 2, coarse, iq2s[0]);
  unpack(codes_iq3_xxs, 256, 4, 3, even, iq3xxs[0]);
  unpack(codes_iq3_s, 512, 4, 3, odd, iq3s[0]);
}

static void prepare(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, unpack_all);
}

const int8_t *lathe_codebook(lathe_codebook_name name) {
  prepare();
  switch (name) {
    case LATHE_CODEBOOK_IQ1: return iq1[0];
    case LATHE_CODEBOOK_IQ2_XXS: return iq2xxs[0];
    case LATHE_CODEBOOK_IQ2_XS: return iq2xs[0];
    case LATHE_CODEBOOK_IQ2_S: return iq2s[0];
    case LATHE_CODEBOOK_IQ3_XXS: return iq3xxs[0];
    case LATHE_CODEBOOK_IQ3_S: return iq3s[0];
  }
  return NULL;
}

const uint16_t *lathe_codebook_codes(lathe_codebook_name name, int *count) {
  switch (name) {
    case LATHE_CODEBOOK_IQ1: *count = 2048; return codes_iq1;
    case LATHE_CODEBOOK_IQ2_XXS: *count = 256; return codes_iq2_xxs;
    case LATHE_CODEBOOK_IQ2_XS: *count = 512; return codes_iq2_xs;
    case LATHE_CODEBOOK_IQ2_S: *count = 1024; return codes_iq2_s;
    case LATHE_CODEBOOK_IQ3_XXS: *count = 256; return codes_iq3_xxs;
    case LATHE_CODEBOOK_IQ3_S: *count = 512; return codes_iq3_s;
  }
  *count = 0;
  return NULL;
}

static inline uint32_t u16_at(const uint8_t *bytes) { return bytes[0] | (uint32_t)bytes[1] << 8; }
static inline uint32_t u32_at(const uint8_t *bytes) { return u16_at(bytes) | u16_at(bytes + 2) << 16; }

/// Eight signs from seven bits: the eighth makes their number even.
static inline uint32_t even_signs(uint32_t seven) {
  seven &= 127;
  return seven | (uint32_t)__builtin_parity(seven) << 7;
}

/// Weights of one entry of eight: (scale · coordinate) · sign.
INLINED signed_entry(const int8_t *restrict entry, float scale, uint32_t signs, float *restrict out) {
  for (int j = 0; j < 8; j++) out[j] = scale * (float)entry[j] * (float)(1 - 2 * (int)(signs >> j & 1));
}

/// Weights of two entries of four.
INLINED signed_pair(
    const int8_t *restrict first, const int8_t *restrict second, float scale, uint32_t signs, float *restrict out) {
  int8_t both[8];
  memcpy(both, first, 4);
  memcpy(both + 4, second, 4);
  signed_entry(both, scale, signs, out);
}

// IQ2_XXS: half d; a sub-block of 32 has four entry numbers (bytes), and 32 bits of four times seven sign bits and a
// four-bit scale; d·(½ + scale)·¼.
INLINED iq2_xxs(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 66, out += 256) {
    const float d = lathe_half_at(block);
    for (int s = 0; s < 8; s++) {
      const uint8_t *part = block + 2 + 8 * s;
      const uint32_t bits = u32_at(part + 4);
      const float scale = d * (0.5f + (float)(bits >> 28)) * 0.25f;
      for (int e = 0; e < 4; e++)
        signed_entry(iq2xxs[part[e]], scale, even_signs(bits >> (7 * e)), out + 32 * s + 8 * e);
    }
  }
}

// IQ2_XS: half d; 32 words of a nine-bit entry number and seven sign bits; eight bytes of sixteen four-bit scales.
INLINED iq2_xs(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 74, out += 256) {
    const float d = lathe_half_at(block);
    for (int e = 0; e < 32; e++) {
      const uint32_t word = u16_at(block + 2 + 2 * e);
      const float scale = d * (0.5f + (float)(block[66 + e / 4] >> (e / 2 % 2 * 4) & 15)) * 0.25f;
      signed_entry(iq2xs[word & 511], scale, even_signs(word >> 9), out + 8 * e);
    }
  }
}

// IQ2_S: half d; 32 low bytes of entry numbers, 32 sign bytes, eight bytes of upper number pairs, eight of scales.
INLINED iq2_s(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 82, out += 256) {
    const float d = lathe_half_at(block);
    for (int e = 0; e < 32; e++) {
      const int entry = block[2 + e] | (block[66 + e / 4] >> (e % 4 * 2) & 3) << 8;
      const float scale = d * (0.5f + (float)(block[74 + e / 4] >> (e / 2 % 2 * 4) & 15)) * 0.25f;
      signed_entry(iq2s[entry], scale, block[34 + e], out + 8 * e);
    }
  }
}

// IQ3_XXS: half d; 64 entry numbers (of four weights); eight times 32 bits of signs and scale as in IQ2_XXS;
// d·(½ + scale)·½.
INLINED iq3_xxs(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 98, out += 256) {
    const float d = lathe_half_at(block);
    for (int s = 0; s < 8; s++) {
      const uint32_t bits = u32_at(block + 66 + 4 * s);
      const float scale = d * (0.5f + (float)(bits >> 28)) * 0.5f;
      for (int e = 0; e < 4; e++) {
        const uint8_t *numbers = block + 2 + 8 * s + 2 * e;
        signed_pair(iq3xxs[numbers[0]], iq3xxs[numbers[1]], scale, even_signs(bits >> (7 * e)), out + 32 * s + 8 * e);
      }
    }
  }
}

// IQ3_S: half d; 64 low bytes of entry numbers, eight bytes of their upper bits, 32 sign bytes, four bytes of
// scales of 32 weights; d·(1 + 2·scale).
INLINED iq3_s(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 110, out += 256) {
    const float d = lathe_half_at(block);
    for (int e = 0; e < 32; e++) {
      const int upper = block[66 + e / 4] >> (e % 4 * 2);
      const int first = block[2 + 2 * e] | (upper & 1) << 8, second = block[3 + 2 * e] | (upper & 2) << 7;
      const float scale = d * (float)(1 + 2 * (block[106 + e / 8] >> (e / 4 % 2 * 4) & 15));
      signed_pair(iq3s[first], iq3s[second], scale, block[74 + e], out + 8 * e);
    }
  }
}

/// Weights of one entry of IQ1: scale · (coordinate + shift).
INLINED shifted_entry(const int8_t *restrict entry, float scale, float shift, float *restrict out) {
  for (int j = 0; j < 8; j++) out[j] = scale * ((float)entry[j] + shift);
}

// IQ1_S: half d; 32 low bytes of entry numbers; eight words, one a sub-block of 32: four times three upper number
// bits, a three-bit scale, the sign of the shift; d·(2·scale + 1).
INLINED iq1_s(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 50, out += 256) {
    const float d = lathe_half_at(block);
    for (int e = 0; e < 32; e++) {
      const uint32_t word = u16_at(block + 34 + e / 4 * 2);
      const float scale = d * (float)(2 * (word >> 12 & 7) + 1), shift = word & 0x8000 ? -0.125f : 0.125f;
      shifted_entry(iq1[block[2 + e] | (word >> (e % 4 * 3) & 7) << 8], scale, shift, out + 8 * e);
    }
  }
}

// IQ1_M: 32 low bytes of entry numbers; 32 nibbles of three upper number bits and the sign of the shift; four words
// of four three-bit scales (of 16 weights each), whose upper nibbles together are the half d.
INLINED iq1_m(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 56, out += 256) {
    uint32_t half = 0;
    for (int i = 0; i < 4; i++) half |= u16_at(block + 48 + 2 * i) >> 12 << (4 * i);
    const float d = lathe_float_from_half((uint16_t)half);
    for (int e = 0; e < 32; e++) {
      const uint32_t nibble = block[32 + e / 2] >> (e % 2 * 4);
      const uint32_t code = u16_at(block + 48 + e / 8 * 2) >> (e / 2 % 4 * 3) & 7;
      const float scale = d * (float)(2 * code + 1), shift = nibble & 8 ? -0.125f : 0.125f;
      shifted_entry(iq1[block[e] | (nibble & 7) << 8], scale, shift, out + 8 * e);
    }
  }
}

DECODER(iq1_s)
DECODER(iq1_m)
DECODER(iq2_xxs)
DECODER(iq2_xs)
DECODER(iq2_s)
DECODER(iq3_xxs)
DECODER(iq3_s)
