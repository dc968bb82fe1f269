// ggml's first block types with NEON: 32 weights in eight vectors, the operations and so the bytes those of the baseline.
// Included by legacy.c. What the compiler makes vectors of by itself is not written twice.

typedef struct {
  float32x4_t v[8];
} weights32;

static inline weights32 load32(const float *w) {
  weights32 all;
  for (int i = 0; i < 8; i++) all.v[i] = vld1q_f32(w + 4 * i);
  return all;
}

/// The greatest of all that are numbers, and at least `start`.
static inline float greatest32(weights32 w, float start) {
  float32x4_t most = vdupq_n_f32(start);
  for (int i = 0; i < 8; i++) most = vbslq_f32(vcgtq_f32(w.v[i], most), w.v[i], most);
  return vmaxvq_f32(most);
}

static inline void put_half_neon(uint8_t *bytes, float value) {
  const uint16_t half = vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(value))), 0);
  memcpy(bytes, &half, 2);
}

/// The low bytes of two vectors of integers.
static inline uint8x8_t low_bytes(int32x4_t a, int32x4_t b) {
  return vreinterpret_u8_s8(vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
}

static void q8_0_vector(const float *weights, size_t count, uint8_t *blocks) {
  for (size_t start = 0; start < count; start += block, blocks += 34) {
    const weights32 w = load32(weights + start);
    weights32 sizes;
    for (int i = 0; i < 8; i++) sizes.v[i] = vabsq_f32(w.v[i]);
    const float d = greatest32(sizes, 0) / 127, inverse = d != 0 ? 1 / d : 0;
    put_half_neon(blocks, d);
    int32x4_t codes[8];
    for (int i = 0; i < 8; i++) {
      const float32x4_t x = vmulq_n_f32(w.v[i], inverse), whole = vrndq_f32(x), fraction = vsubq_f32(x, whole);
      const uint32x4_t up = vcgeq_f32(fraction, vdupq_n_f32(0.5f)), down = vcleq_f32(fraction, vdupq_n_f32(-0.5f));
      // A mask is −1.
      codes[i] = vaddq_s32(vcvtq_s32_f32(whole), vreinterpretq_s32_u32(vsubq_u32(down, up)));
    }
    for (int i = 0; i < 4; i++) vst1_u8(blocks + 2 + 8 * i, low_bytes(codes[2 * i], codes[2 * i + 1]));
  }
}

/// trunc(x · inverse + shift) as int8, at most `top`; then as `pack`.
static inline void put_codes(weights32 x, float inverse, float shift, int bits, uint8_t *bytes) {
  const int32x4_t top = vdupq_n_s32((1 << bits) - 1);
  uint8_t all[block];
  for (int i = 0; i < 4; i++) {
    int32x4_t codes[2];
    for (int k = 0; k < 2; k++) {
      const float32x4_t scaled = vaddq_f32(vmulq_n_f32(x.v[2 * i + k], inverse), vdupq_n_f32(shift));
      codes[k] = vminq_s32(vshrq_n_s32(vshlq_n_s32(vcvtq_s32_f32(scaled), 24), 24), top);
    }
    vst1_u8(all + 8 * i, low_bytes(codes[0], codes[1]));
  }
  pack(all, bits == 5, bytes);
}

static inline void quantize_signed_neon(const float *weights, size_t count, int bits, uint8_t *blocks) {
  const int half = 1 << (bits - 1);
  const size_t stride = bits == 5 ? 22 : 18;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    const weights32 w = load32(weights + start);
    weights32 negated;
    for (int i = 0; i < 8; i++) negated.v[i] = vnegq_f32(w.v[i]);
    const float maximum = greatest32(w, -INFINITY), minimum = -greatest32(negated, -INFINITY);
    // Of two as great the first counts.
    const float extreme = maximum > -minimum   ? maximum
                          : -minimum > maximum ? minimum
                                               : signed_extreme(weights + start);
    const float d = extreme / (float)-half;
    put_half_neon(blocks, d);
    put_codes(w, d != 0 ? 1 / d : 0, (float)half + 0.5f, bits, blocks + 2);
  }
}

static inline void quantize_offset_neon(const float *weights, size_t count, int bits, uint8_t *blocks) {
  const size_t stride = bits == 5 ? 24 : 20;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    weights32 w = load32(weights + start);
    weights32 negated;
    for (int i = 0; i < 8; i++) negated.v[i] = vnegq_f32(w.v[i]);
    float maximum = greatest32(w, -INFINITY), minimum = -greatest32(negated, -INFINITY);
    // Which of two zeros is the least shows in the sign of its half.
    if (minimum == 0) range(weights + start, &minimum, &maximum);
    const float d = (maximum - minimum) / (float)((1 << bits) - 1);
    put_half_neon(blocks, d);
    put_half_neon(blocks + 2, minimum);
    for (int i = 0; i < 8; i++) w.v[i] = vsubq_f32(w.v[i], vdupq_n_f32(minimum));
    put_codes(w, d != 0 ? 1 / d : 0, 0.5f, bits, blocks + 4);
  }
}

static void q4_0_vector(const float *w, size_t count, uint8_t *blocks) { quantize_signed_neon(w, count, 4, blocks); }
static void q5_0_vector(const float *w, size_t count, uint8_t *blocks) { quantize_signed_neon(w, count, 5, blocks); }
static void q4_1_vector(const float *w, size_t count, uint8_t *blocks) { quantize_offset_neon(w, count, 4, blocks); }
static void q5_1_vector(const float *w, size_t count, uint8_t *blocks) { quantize_offset_neon(w, count, 5, blocks); }

static void f16_vector(const float *weights, size_t count, uint8_t *halves) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    vst1_u8(halves + 2 * i, vreinterpret_u8_f16(vcvt_f16_f32(vld1q_f32(weights + i))));
  f16_baseline(weights + i, count - i, halves + 2 * i);
}

static void bf16_vector(const float *weights, size_t count, uint8_t *bfloats) { bf16_baseline(weights, count, bfloats); }

static float greatest_magnitude_vector(const float *weights, size_t count) {
  return greatest_magnitude_baseline(weights, count);
}
