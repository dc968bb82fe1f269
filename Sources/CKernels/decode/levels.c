// ggml's block types of few levels: a table of sixteen, or two to four levels a weight.

#pragma STDC FP_CONTRACT OFF

#include "decode/decoders.inc.h"

/// IQ4_NL's levels (ggml-common.h, kvalues_iq4nl).
static const float levelsIQ4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
/// E2M1's values, doubled to be whole numbers; ggml's negative zero is a zero.
static const float levelsFP4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// `count` bytes of nibbles: the low ones are the first `count` weights, the high ones the rest.
INLINED look_up(const float *levels, float scale, const uint8_t *restrict nibbles, int count, float *restrict out) {
  for (int i = 0; i < count; i++) out[i] = scale * levels[nibbles[i] & 15];
  for (int i = 0; i < count; i++) out[count + i] = scale * levels[nibbles[i] >> 4];
}

// IQ4_NL: half d, 16 bytes of nibbles; d·level.
INLINED iq4_nl(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 18, out += 32)
    look_up(levelsIQ4, lathe_half_at(block), block + 2, 16, out);
}
DECODER(iq4_nl)

// IQ4_XS: half d, two bytes of eight upper scale pairs, four bytes of scale nibbles, 128 bytes of nibbles (each 16
// bytes a sub-block of 32); d·(scale − 32)·level.
INLINED iq4_xs(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 136, out += 256) {
    const float d = lathe_half_at(block);
    for (int s = 0; s < 8; s++) {
      const int scale = (block[4 + s / 2] >> (s % 2 * 4) & 15) | (block[2 + s / 4] >> (s % 4 * 2) & 3) << 4;
      look_up(levelsIQ4, d * (float)(scale - 32), block + 8 + 16 * s, 16, out + 32 * s);
    }
  }
}
DECODER(iq4_xs)

// MXFP4: an E8M0 scale, 16 bytes of nibbles; half the scale times twice E2M1's value.
INLINED mxfp4(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 17, out += 32) {
    const uint32_t bits = block[0] < 2 ? 0x00200000u << block[0] : (uint32_t)(block[0] - 1) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    look_up(levelsFP4, scale, block + 1, 16, out);
  }
}
DECODER(mxfp4)

/// Half of an unsigned E4M3's value; 0x7F counts as zero, and codes from 0x80 on as those without their upper bit.
static inline float half_of_ue4m3(uint8_t code) {
  if (code == 0 || code == 0x7F) return 0;
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const uint32_t power = (uint32_t)((exponent ? exponent : 1) - 7 - 4 + 127) << 23;
  float unit;
  memcpy(&unit, &power, 4);
  return (float)(exponent ? 8 + mantissa : mantissa) * unit;
}

// NVFP4: four E4M3 scales, four times 8 bytes of nibbles (sub-blocks of 16).
INLINED nvfp4(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 36, out += 64)
    for (int s = 0; s < 4; s++)
      look_up(levelsFP4, half_of_ue4m3(block[s]), block + 4 + 8 * s, 8, out + 16 * s);
}
DECODER(nvfp4)

/// Ternary digits of `count` bytes, `planes` a byte: multiplied by a power of three modulo 256, a byte's next digit
/// is the whole part of 3·byte/256.
INLINED ternary(const uint8_t *restrict bytes, int count, int planes, float d, float *restrict out) {
  static const uint8_t powers[5] = {1, 3, 9, 27, 81};
  for (int p = 0; p < planes; p++)
    for (int i = 0; i < count; i++) {
      const uint8_t turned = (uint8_t)(bytes[i] * powers[p]);
      out[p * count + i] = d * (float)((turned * 3 >> 8) - 1);
    }
}

// TQ1_0: 48 bytes of five digits (in runs of 32 and 16), four bytes of four, half d; d·(t − 1).
INLINED tq1_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 54, out += 256) {
    const float d = lathe_half_at(block + 52);
    ternary(block, 32, 5, d, out);
    ternary(block + 32, 16, 5, d, out + 160);
    ternary(block + 48, 4, 4, d, out + 240);
  }
}
DECODER(tq1_0)

// TQ2_0: 64 bytes of two-bit codes (each 32 hold four planes of 32), half d; d·(t − 1).
INLINED tq2_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 66, out += 256) {
    const float d = lathe_half_at(block + 64);
    for (int p = 0; p < 8; p++)
      for (int i = 0; i < 32; i++)
        out[32 * p + i] = d * (float)((block[p / 4 * 32 + i] >> (p % 4 * 2) & 3) - 1);
  }
}
DECODER(tq2_0)

// Q1_0: half d, 128 bits in order; d where the bit is set, −d where not.
INLINED q1_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 18, out += 128) {
    const float d = lathe_half_at(block);
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 8; j++) out[8 * i + j] = (block[2 + i] >> j & 1) ? d : -d;
  }
}
DECODER(q1_0)

// Q2_0: half d, 64 two-bit codes in order; d·(q − 1).
INLINED q2_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 18, out += 64) {
    const float d = lathe_half_at(block);
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 4; j++) out[4 * i + j] = d * (float)((block[2 + i] >> (2 * j) & 3) - 1);
  }
}
DECODER(q2_0)
