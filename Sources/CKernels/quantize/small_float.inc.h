// The small floats' kernels, compiled once a level: LEVEL(name) names a function, TARGET is its attribute.

/// Eight numbers, rounded: their values, with their signs, and codes.
TARGET INLINE f8 LEVEL(round_small)(f8 x, lathe_small_float format, i8 *codes) {
  const int shift = 23 - format.mantissa;
  const int32_t least = (128 - format.bias) << 23;  // 2^(1 − bias), the least normal number
  const f8 greatest = (f8)(format.greatest);
  i8 bits;
  memcpy(&bits, &x, 32);
  i8 sign = bits & (i8)(INT32_MIN);
  bits &= 0x7fffffff;
  f8 magnitude;
  memcpy(&magnitude, &bits, 32);
  magnitude = magnitude < greatest ? magnitude : greatest;
  // Adding 2^(e + 23 − mantissa), e the number's exponent, leaves as many bits below as the format has.
  i8 power;
  memcpy(&power, &magnitude, 32);
  power &= 0x7f800000;
  power = power > least ? power : (i8)(least);
  power += shift << 23;
  f8 magic;
  memcpy(&magic, &power, 32);
  f8 rounded = (magnitude + magic) - magic;
  i8 rounded_bits;
  memcpy(&rounded_bits, &rounded, 32);
  i8 normal = (rounded_bits >> shift) - ((127 - format.bias) << format.mantissa);
  // 2^(mantissa + bias − 1) makes whole numbers of subnormals.
  const float whole = (float)(1 << format.mantissa) * (float)(1 << (format.bias - 1));
  i8 subnormal = __builtin_convertvector(rounded_bits < least ? rounded * whole : (f8)(0), i8);
  i8 code = rounded_bits < least ? subnormal : normal;
  const int top = format.exponent + format.mantissa;
  *codes = code | ((sign >> (31 - top)) & (1 << top));
  rounded_bits |= sign;
  memcpy(&rounded, &rounded_bits, 32);
  return rounded;
}

TARGET INLINE void LEVEL(small_run)(
    const float *weights, size_t count, lathe_small_float format, float scale, int32_t *codes, float *reconstruction) {
  if (!(scale > 0)) {
    memset(codes, 0, count * 4);
    memset(reconstruction, 0, count * 4);
    return;
  }
  for (size_t i = 0; i < count; i += 8) {
    size_t taken = count - i < 8 ? count - i : 8;
    f8 w = (f8)(0);
    if (taken == 8) memcpy(&w, weights + i, 32);
    else memcpy(&w, weights + i, taken * 4);
    i8 code;
    f8 value = LEVEL(round_small)(w / scale, format, &code) * scale;
    if (taken == 8) {
      memcpy(codes + i, &code, 32);
      memcpy(reconstruction + i, &value, 32);
    } else {
      memcpy(codes + i, &code, taken * 4);
      memcpy(reconstruction + i, &value, taken * 4);
    }
  }
}

TARGET INLINE float LEVEL(magnitude_of)(const float *weights, size_t count) {
  // As whole numbers, magnitudes have the same order.
  i8 most = (i8)(0);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    i8 bits;
    memcpy(&bits, weights + i, 32);
    bits &= 0x7fffffff;
    most = bits > most ? bits : most;
  }
  int32_t found = __builtin_reduce_max(most);
  for (; i < count; i++) {
    int32_t bits;
    memcpy(&bits, weights + i, 4);
    bits &= 0x7fffffff;
    found = bits > found ? bits : found;
  }
  float magnitude;
  memcpy(&magnitude, &found, 4);
  return magnitude;
}

TARGET static void LEVEL(apply_small_float)(
    const float *weights, size_t count, lathe_small_float format, float scale, int32_t *codes, float *reconstruction) {
  LEVEL(small_run)(weights, count, format, scale, codes, reconstruction);
}

TARGET static void LEVEL(apply_microscaled)(
    const float *weights, size_t count, lathe_small_float format, int32_t *codes, float *reconstruction,
    uint8_t *exponents, lathe_exponent_rule rule) {
  for (size_t start = 0; start < count; start += 32) {
    int exponent = shared_exponent(LEVEL(magnitude_of)(weights + start, 32), format, rule);
    uint32_t bits = exponent ? (uint32_t)exponent << 23 : 0x00400000;
    float scale;
    memcpy(&scale, &bits, 4);
    exponents[start / 32] = (uint8_t)exponent;
    LEVEL(small_run)(weights + start, 32, format, scale, codes + start, reconstruction + start);
  }
}

TARGET static void LEVEL(apply_nvfp4)(
    const float *weights, size_t count, float tensor_scale, int32_t *codes, float *reconstruction, uint8_t *scales) {
  size_t blocks = count / 16;
  for (size_t first = 0; first < blocks; first += 8) {
    size_t taken = blocks - first < 8 ? blocks - first : 8;
    f8 magnitude = (f8)(0);
    for (size_t k = 0; k < taken; k++) magnitude[k] = LEVEL(magnitude_of)(weights + 16 * (first + k), 16);
    i8 code;
    f8 scale = tensor_scale > 0 ? magnitude / e2m1.greatest / tensor_scale : (f8)(0);
    scale = LEVEL(round_small)(scale, e4m3, &code) * tensor_scale;
    for (size_t k = 0; k < taken; k++) {
      size_t at = 16 * (first + k);
      scales[first + k] = (uint8_t)code[k];
      LEVEL(small_run)(weights + at, 16, e2m1, scale[k], codes + at, reconstruction + at);
    }
  }
}
