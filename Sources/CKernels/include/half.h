#ifndef LATHE_HALF_H
#define LATHE_HALF_H

#include <stdint.h>
#include <string.h>

/// IEEE 754 binary16 from binary32, round half to even, subnormals kept, overflow to infinity.
static inline uint16_t lathe_half_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x1ff));  // NaN
  if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // rounds to 65536 or more
  if (magnitude < 0x38800000) {  // below 2^-14: the sum with 0.5 lines up the subnormal's last bit
    float wide;
    memcpy(&wide, &magnitude, 4);
    wide += 0.5f;
    uint32_t aligned;
    memcpy(&aligned, &wide, 4);
    return (uint16_t)(sign | (aligned - 0x3f000000));
  }
  uint32_t odd = (magnitude >> 13) & 1;
  return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

/// The binary32 of a binary16's bits, exactly. The exponent is moved by a multiplication (2^112), which also
/// normalises subnormals; infinities and NaNs get the full exponent, NaNs the quiet bit.
static inline float lathe_float_from_half(uint16_t half) {
  uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13;
  float value;
  memcpy(&value, &magnitude, 4);
  value *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint32_t special = magnitude | 0x7F800000u | (magnitude > 0x0F800000u ? 0x00400000u : 0);
  bits = magnitude >= 0x0F800000u ? special : bits;
  bits |= (uint32_t)(half & 0x8000) << 16;
  memcpy(&value, &bits, 4);
  return value;
}

/// The same of two little-endian bytes anywhere.
static inline float lathe_half_at(const uint8_t *bytes) {
  return lathe_float_from_half((uint16_t)(bytes[0] | bytes[1] << 8));
}

/// bfloat16 from binary32, round half to even.
static inline uint16_t lathe_bfloat_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 64);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// binary32 from bfloat16, exactly.
static inline float lathe_float_from_bfloat(uint16_t bfloat) {
  uint32_t bits = (uint32_t)bfloat << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

#endif
