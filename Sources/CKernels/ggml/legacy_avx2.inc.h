// ggml's first block types with AVX2: 32 weights in four vectors, the operations and so the bytes those of the baseline.
// Included by ggml_legacy.c.

#define TARGET LATHE_VECTOR_TARGET

typedef struct {
  __m256 v[4];
} weights32;

TARGET static inline weights32 load32(const float *w) {
  return (weights32){{_mm256_loadu_ps(w), _mm256_loadu_ps(w + 8), _mm256_loadu_ps(w + 16), _mm256_loadu_ps(w + 24)}};
}

TARGET static inline float greatest_lane(__m256 x) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

TARGET static inline float greatest32(weights32 w) {
  return greatest_lane(_mm256_max_ps(_mm256_max_ps(w.v[0], w.v[1]), _mm256_max_ps(w.v[2], w.v[3])));
}

TARGET static inline weights32 negated32(weights32 w) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  for (int i = 0; i < 4; i++) w.v[i] = _mm256_xor_ps(w.v[i], sign);
  return w;
}

/// The low bytes of four vectors of integers, in order.
TARGET static inline __m256i low_bytes(const __m256i codes[4]) {
  const __m256i low = _mm256_set1_epi32(0xff);
  const __m256i a = _mm256_packus_epi32(_mm256_and_si256(codes[0], low), _mm256_and_si256(codes[1], low));
  const __m256i b = _mm256_packus_epi32(_mm256_and_si256(codes[2], low), _mm256_and_si256(codes[3], low));
  return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

TARGET static inline void put_half_avx2(uint8_t *bytes, float value) {
  const uint16_t half = (uint16_t)_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(value), _MM_FROUND_TO_NEAREST_INT), 0);
  memcpy(bytes, &half, 2);
}

TARGET static void q8_0_vector(const float *weights, size_t count, uint8_t *blocks) {
  const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1), minus_half = _mm256_set1_ps(-0.5f);
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  for (size_t start = 0; start < count; start += block, blocks += 34) {
    const weights32 w = load32(weights + start);
    weights32 sizes = w;
    for (int i = 0; i < 4; i++) sizes.v[i] = _mm256_and_ps(w.v[i], magnitude);
    const float d = greatest32(sizes) / 127, inverse = d != 0 ? 1 / d : 0;
    put_half_avx2(blocks, d);
    __m256i codes[4];
    for (int i = 0; i < 4; i++) {
      const __m256 x = _mm256_mul_ps(w.v[i], _mm256_set1_ps(inverse));
      const __m256 whole = _mm256_round_ps(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
      const __m256 fraction = _mm256_sub_ps(x, whole);
      const __m256 up = _mm256_and_ps(_mm256_cmp_ps(fraction, half, _CMP_GE_OQ), one);
      const __m256 down = _mm256_and_ps(_mm256_cmp_ps(fraction, minus_half, _CMP_LE_OQ), one);
      codes[i] = _mm256_cvttps_epi32(_mm256_add_ps(whole, _mm256_sub_ps(up, down)));
    }
    _mm256_storeu_si256((__m256i *)(blocks + 2), low_bytes(codes));
  }
}

/// trunc(x · inverse + shift) as int8, at most `top`; then as `pack`.
TARGET static inline void put_codes(weights32 x, float inverse, float shift, int bits, uint8_t *bytes) {
  const __m256i top = _mm256_set1_epi32((1 << bits) - 1);
  __m256i codes[4];
  for (int i = 0; i < 4; i++) {
    const __m256 scaled = _mm256_mul_ps(x.v[i], _mm256_set1_ps(inverse));
    const __m256i code = _mm256_cvttps_epi32(_mm256_add_ps(scaled, _mm256_set1_ps(shift)));
    codes[i] = _mm256_min_epi32(_mm256_srai_epi32(_mm256_slli_epi32(code, 24), 24), top);
  }
  const __m256i all = low_bytes(codes);
  if (bits == 5) {
    const uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(all, 3));
    memcpy(bytes, &high, 4);
    bytes += 4;
  }
  const __m256i nibbles = _mm256_and_si256(all, _mm256_set1_epi8(15));
  const __m128i upper = _mm_slli_epi16(_mm256_extracti128_si256(nibbles, 1), 4);
  _mm_storeu_si128((__m128i *)bytes, _mm_or_si128(_mm256_castsi256_si128(nibbles), upper));
}

TARGET static inline void quantize_signed_avx2(const float *weights, size_t count, int bits, uint8_t *blocks) {
  const int half = 1 << (bits - 1);
  const size_t stride = bits == 5 ? 22 : 18;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    const weights32 w = load32(weights + start);
    const float maximum = greatest32(w), minimum = -greatest32(negated32(w));
    // Of two as great the first counts.
    const float extreme = maximum > -minimum   ? maximum
                          : -minimum > maximum ? minimum
                                               : signed_extreme(weights + start);
    const float d = extreme / (float)-half;
    put_half_avx2(blocks, d);
    put_codes(w, d != 0 ? 1 / d : 0, (float)half + 0.5f, bits, blocks + 2);
  }
}

TARGET static inline void quantize_offset_avx2(const float *weights, size_t count, int bits, uint8_t *blocks) {
  const size_t stride = bits == 5 ? 24 : 20;
  for (size_t start = 0; start < count; start += block, blocks += stride) {
    weights32 w = load32(weights + start);
    float maximum = greatest32(w), minimum = -greatest32(negated32(w));
    // Which of two zeros is the least shows in the sign of its half.
    if (minimum == 0) range(weights + start, &minimum, &maximum);
    const float d = (maximum - minimum) / (float)((1 << bits) - 1);
    put_half_avx2(blocks, d);
    put_half_avx2(blocks + 2, minimum);
    for (int i = 0; i < 4; i++) w.v[i] = _mm256_sub_ps(w.v[i], _mm256_set1_ps(minimum));
    put_codes(w, d != 0 ? 1 / d : 0, 0.5f, bits, blocks + 4);
  }
}

TARGET static void q4_0_vector(const float *w, size_t count, uint8_t *blocks) { quantize_signed_avx2(w, count, 4, blocks); }
TARGET static void q5_0_vector(const float *w, size_t count, uint8_t *blocks) { quantize_signed_avx2(w, count, 5, blocks); }
TARGET static void q4_1_vector(const float *w, size_t count, uint8_t *blocks) { quantize_offset_avx2(w, count, 4, blocks); }
TARGET static void q5_1_vector(const float *w, size_t count, uint8_t *blocks) { quantize_offset_avx2(w, count, 5, blocks); }

TARGET static void f16_vector(const float *weights, size_t count, uint8_t *halves) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(
        (__m128i *)(halves + 2 * i), _mm256_cvtps_ph(_mm256_loadu_ps(weights + i), _MM_FROUND_TO_NEAREST_INT));
  f16_baseline(weights + i, count - i, halves + 2 * i);
}

TARGET static void bf16_vector(const float *weights, size_t count, uint8_t *bfloats) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff), infinity = _mm256_set1_epi32(0x7f800000);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256i bits = _mm256_loadu_si256((const __m256i *)(weights + i));
    const __m256i high = _mm256_srli_epi32(bits, 16);
    const __m256i even = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), even), 16);
    const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(64));
    const __m256i isNaN = _mm256_cmpgt_epi32(_mm256_and_si256(bits, magnitude), infinity);
    const __m256i value = _mm256_blendv_epi8(rounded, quiet, isNaN);
    const __m128i packed =
        _mm_packus_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    _mm_storeu_si128((__m128i *)(bfloats + 2 * i), packed);
  }
  bf16_baseline(weights + i, count - i, bfloats + 2 * i);
}

TARGET static float greatest_magnitude_vector(const float *weights, size_t count) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i greatest[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t i = 0;
  for (; i + 32 <= count; i += 32)
    for (int j = 0; j < 4; j++) {
      const __m256i bits = _mm256_loadu_si256((const __m256i *)(weights + i + 8 * j));
      greatest[j] = _mm256_max_epi32(greatest[j], _mm256_and_si256(bits, magnitude));
    }
  const __m256i all = _mm256_max_epi32(_mm256_max_epi32(greatest[0], greatest[1]), _mm256_max_epi32(greatest[2], greatest[3]));
  float lanes[9];
  _mm256_storeu_ps(lanes, _mm256_castsi256_ps(all));
  lanes[8] = greatest_magnitude_baseline(weights + i, count - i);
  return greatest_magnitude_baseline(lanes, 9);
}

#undef TARGET
