// ggml's linear block types: a scale, perhaps a minimum, and codes of equal steps.

#pragma STDC FP_CONTRACT OFF

#include "decode/decoders.inc.h"

// Q4_0: half d, then 16 bytes whose low nibbles are weights 0…15 and high ones 16…31; d·(q − 8).
INLINED q4_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 18, out += 32) {
    const float d = lathe_half_at(block);
    for (int i = 0; i < 16; i++) out[i] = d * (float)((block[2 + i] & 15) - 8);
    for (int i = 0; i < 16; i++) out[16 + i] = d * (float)((block[2 + i] >> 4) - 8);
  }
}
DECODER(q4_0)

// Q4_1: halves d and m, nibbles as in Q4_0; d·q + m.
INLINED q4_1(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 20, out += 32) {
    const float d = lathe_half_at(block), m = lathe_half_at(block + 2);
    for (int i = 0; i < 16; i++) out[i] = d * (float)(block[4 + i] & 15) + m;
    for (int i = 0; i < 16; i++) out[16 + i] = d * (float)(block[4 + i] >> 4) + m;
  }
}
DECODER(q4_1)

/// The 32 bits from `bytes` on, little-endian.
static inline uint32_t bits_at(const uint8_t *bytes) {
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/// The codes of Q5_0 and Q5_1: nibbles as in Q4_0, and a fifth bit each in `fifth`.
INLINED five_bits(const uint8_t *restrict nibbles, uint32_t fifth, int *restrict codes) {
  for (int i = 0; i < 16; i++) codes[i] = (nibbles[i] & 15) | (int)(fifth >> i & 1) << 4;
  for (int i = 0; i < 16; i++) codes[16 + i] = nibbles[i] >> 4 | (int)(fifth >> (16 + i) & 1) << 4;
}

// Q5_0: half d, 32 fifth bits, 16 bytes of nibbles; d·(q − 16).
INLINED q5_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 22, out += 32) {
    const float d = lathe_half_at(block);
    int codes[32];
    five_bits(block + 6, bits_at(block + 2), codes);
    for (int i = 0; i < 32; i++) out[i] = d * (float)(codes[i] - 16);
  }
}
DECODER(q5_0)

// Q5_1: halves d and m, 32 fifth bits, 16 bytes of nibbles; d·q + m.
INLINED q5_1(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 24, out += 32) {
    const float d = lathe_half_at(block), m = lathe_half_at(block + 2);
    int codes[32];
    five_bits(block + 8, bits_at(block + 4), codes);
    for (int i = 0; i < 32; i++) out[i] = d * (float)codes[i] + m;
  }
}
DECODER(q5_1)

// Q8_0: half d, 32 signed bytes; d·q.
INLINED q8_0(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 34, out += 32) {
    const float d = lathe_half_at(block);
    for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)block[2 + i] * d;
  }
}
DECODER(q8_0)

// Q8_1, which ggml keeps activations in: half d, half d·Σq (unused here), 32 signed bytes; d·q.
INLINED q8_1(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 36, out += 32) {
    const float d = lathe_half_at(block);
    for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)block[4 + i] * d;
  }
}
DECODER(q8_1)

// Q8_K, likewise: binary32 d, 256 signed bytes, sixteen 16-bit sums (unused here); d·q.
INLINED q8_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 292, out += 256) {
    const uint32_t bits = bits_at(block);
    float d;
    memcpy(&d, &bits, 4);
    for (int i = 0; i < 256; i++) out[i] = (float)(int8_t)block[4 + i] * d;
  }
}
DECODER(q8_k)

/// Sixteen codes of two bits at a shift that the compiler knows: scale·q − minimum.
INLINED pairs(const uint8_t *restrict codes, int shift, float scale, float minimum, float *restrict out) {
  for (int i = 0; i < 16; i++) out[i] = scale * (float)(codes[i] >> shift & 3) - minimum;
}

// Q2_K: 16 bytes of scale (low nibble) and minimum (high), 64 bytes of 2-bit codes, halves d and dmin.
// Each 32 bytes hold 128 weights, 32 a bit plane; each 16 weights have their own scale.
INLINED q2_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 84, out += 256) {
    const float d = lathe_half_at(block + 80), dmin = lathe_half_at(block + 82);
    float scales[16], minima[16];
    for (int s = 0; s < 16; s++) {
      scales[s] = d * (float)(block[s] & 15);
      minima[s] = dmin * (float)(block[s] >> 4);
    }
    for (int r = 0; r < 4; r++) {
      const uint8_t *codes = block + 16 + 16 * r;
      const int s = r / 2 * 8 + r % 2;
      pairs(codes, 0, scales[s], minima[s], out + 16 * s);
      pairs(codes, 2, scales[s + 2], minima[s + 2], out + 16 * (s + 2));
      pairs(codes, 4, scales[s + 4], minima[s + 4], out + 16 * (s + 4));
      pairs(codes, 6, scales[s + 6], minima[s + 6], out + 16 * (s + 6));
    }
  }
}
DECODER(q2_k)

// Q3_K: 32 bytes of high bits (set: no offset), 64 bytes of the low two bits, 12 bytes of sixteen 6-bit scales
// (four low bits in the first eight bytes' nibbles, two high bits in the last four bytes), half d.
INLINED q3_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 110, out += 256) {
    const float d = lathe_half_at(block + 108);
    const uint8_t *packed = block + 96;
    for (int s = 0; s < 16; s++) {
      const int low = packed[s % 8] >> (s / 8 * 4) & 15, high = packed[8 + s % 4] >> (s / 4 * 2) & 3;
      const float scale = d * (float)((low | high << 4) - 32);
      const uint8_t *codes = block + 32 + s / 8 * 32 + s % 2 * 16, *bits = block + s % 2 * 16;
      const int shift = s % 8 / 2 * 2, bit = s / 2;
      for (int i = 0; i < 16; i++) {
        const int code = (codes[i] >> shift & 3) - ((bits[i] >> bit & 1) ? 0 : 4);
        out[16 * s + i] = scale * (float)code;
      }
    }
  }
}
DECODER(q3_k)

/// Scale and minimum number `s` (0…7) of the twelve bytes that Q4_K and Q5_K pack them into, six bits each:
/// the first four lie whole in bytes 0…3 and 4…7; the last four have their low nibbles in bytes 8…11 and their
/// upper two bits above those.
static inline void scale_and_minimum(const uint8_t *packed, int s, int *scale, int *minimum) {
  if (s < 4) {
    *scale = packed[s] & 63;
    *minimum = packed[4 + s] & 63;
  } else {
    *scale = (packed[4 + s] & 15) | (packed[s - 4] >> 6 << 4);
    *minimum = packed[4 + s] >> 4 | (packed[s] >> 6 << 4);
  }
}

// Q4_K: halves d and dmin, 12 bytes of scales, 128 bytes of nibbles; each 32 bytes hold 32 weights low, 32 high.
INLINED q4_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 144, out += 256) {
    const float d = lathe_half_at(block), dmin = lathe_half_at(block + 2);
    for (int s = 0; s < 8; s++) {
      int scale6, minimum6;
      scale_and_minimum(block + 4, s, &scale6, &minimum6);
      const float scale = d * (float)scale6, minimum = dmin * (float)minimum6;
      const uint8_t *codes = block + 16 + s / 2 * 32;
      const int shift = s % 2 * 4;
      for (int i = 0; i < 32; i++) out[32 * s + i] = scale * (float)(codes[i] >> shift & 15) - minimum;
    }
  }
}
DECODER(q4_k)

// Q5_K: as Q4_K, with 32 bytes of fifth bits before the nibbles, one bit plane a sub-block.
INLINED q5_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 176, out += 256) {
    const float d = lathe_half_at(block), dmin = lathe_half_at(block + 2);
    for (int s = 0; s < 8; s++) {
      int scale6, minimum6;
      scale_and_minimum(block + 4, s, &scale6, &minimum6);
      const float scale = d * (float)scale6, minimum = dmin * (float)minimum6;
      const uint8_t *fifth = block + 16, *codes = block + 48 + s / 2 * 32;
      const int shift = s % 2 * 4;
      for (int i = 0; i < 32; i++) {
        const int code = (codes[i] >> shift & 15) | (fifth[i] >> s & 1) << 4;
        out[32 * s + i] = scale * (float)code - minimum;
      }
    }
  }
}
DECODER(q5_k)

/// Sixteen codes of a nibble and two upper bits, at shifts that the compiler knows: scale·(q − 32).
INLINED sixes(
    const uint8_t *restrict low, int lowShift, const uint8_t *restrict high, int highShift, float scale,
    float *restrict out) {
  for (int i = 0; i < 16; i++)
    out[i] = scale * (float)(((low[i] >> lowShift & 15) | (high[i] >> highShift & 3) << 4) - 32);
}

// Q6_K: 128 bytes of low nibbles (each 64 hold 64 weights low, 64 high), 64 bytes of upper bit pairs (each 32
// hold four planes of 32), sixteen int8 scales, half d; (d·scale)·(q − 32).
INLINED q6_k(const uint8_t *restrict block, float *restrict out, size_t blocks) {
  for (size_t b = 0; b < blocks; b++, block += 210, out += 256) {
    const float d = lathe_half_at(block + 208);
    float scales[16];
    for (int s = 0; s < 16; s++) scales[s] = d * (float)(int8_t)block[192 + s];
    for (int r = 0; r < 4; r++) {
      const int half = r / 2, s = half * 8 + r % 2;
      const uint8_t *low = block + 64 * half + 16 * (r % 2), *high = block + 128 + 32 * half + 16 * (r % 2);
      sixes(low, 0, high, 0, scales[s], out + 16 * s);
      sixes(low + 32, 0, high, 2, scales[s + 2], out + 16 * (s + 2));
      sixes(low, 4, high, 4, scales[s + 4], out + 16 * (s + 4));
      sixes(low + 32, 4, high, 6, scales[s + 6], out + 16 * (s + 6));
    }
  }
}
DECODER(q6_k)
