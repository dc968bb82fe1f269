// rANS with AVX2: 32 lanes in four registers; entries of tables are gathered. Included by rans.c.

/// Eight lanes at once, as put_symbol does one.
LATHE_VECTOR_TARGET __attribute__((always_inline)) static inline __m256i put_eight(
    const lathe_rans_encoder *e, __m256i x, const uint8_t *symbols, uint8_t **front, __m256i *missing) {
  const __m256i field = _mm256_set1_epi32(FIELD);
  __m256i index = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)symbols));
  __m256i step = _mm256_i32gather_epi32((const int *)&e->entries->step, index, 8);
  __m256i reciprocal = _mm256_i32gather_epi32((const int *)&e->entries->reciprocal, index, 8);
  *missing = _mm256_or_si256(*missing, step);
  __m256i rest = _mm256_and_si256(step, field);
  __m256i limit = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(TOTAL), rest), 19);
  __m256i over = _mm256_cmpgt_epi32(x, _mm256_sub_epi32(limit, _mm256_set1_epi32(1)));
  unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(over));
  __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(0xffff));
  __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  words = _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)gather_right[mask]));
  _mm_storeu_si128((__m128i *)(*front - 16), words);
  *front -= 2 * __builtin_popcount(mask);
  x = _mm256_blendv_epi8(x, _mm256_srli_epi32(x, 16), over);
  __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(x, reciprocal), 32);
  __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(reciprocal, 32));
  __m256i q = _mm256_blend_epi32(even, odd, 0xaa);
  q = _mm256_srlv_epi32(q, _mm256_and_si256(_mm256_srli_epi32(step, SHIFT_AT), _mm256_set1_epi32(15)));
  x = _mm256_add_epi32(x, _mm256_and_si256(_mm256_srli_epi32(step, BIAS_AT), field));
  return _mm256_add_epi32(x, _mm256_mullo_epi32(q, rest));
}

LATHE_VECTOR_TARGET static size_t encode_vector(
    const lathe_rans_encoder *e, const uint8_t *symbols, size_t whole, uint32_t *states, uint8_t **front,
    uint32_t *missing) {
  __m256i x0 = _mm256_loadu_si256((const __m256i *)states), x1 = _mm256_loadu_si256((const __m256i *)(states + 8));
  __m256i x2 = _mm256_loadu_si256((const __m256i *)(states + 16));
  __m256i x3 = _mm256_loadu_si256((const __m256i *)(states + 24));
  __m256i none = _mm256_setzero_si256();
  uint8_t *at = *front;
  size_t i = whole;
  for (; i >= LANES; i -= LANES) {
    const uint8_t *run = symbols + i - LANES;
    x3 = put_eight(e, x3, run + 24, &at, &none);
    x2 = put_eight(e, x2, run + 16, &at, &none);
    x1 = put_eight(e, x1, run + 8, &at, &none);
    x0 = put_eight(e, x0, run, &at, &none);
  }
  *front = at;
  if (_mm256_movemask_ps(_mm256_castsi256_ps(none))) *missing |= 1u << 31;
  _mm256_storeu_si256((__m256i *)states, x0);
  _mm256_storeu_si256((__m256i *)(states + 8), x1);
  _mm256_storeu_si256((__m256i *)(states + 16), x2);
  _mm256_storeu_si256((__m256i *)(states + 24), x3);
  return i;
}

/// Eight lanes decode one symbol each: returns the new states before new words, and the entries of their slots.
LATHE_VECTOR_TARGET __attribute__((always_inline)) static inline __m256i take_eight(
    const lathe_rans_decoder *d, __m256i x, __m256i *symbols) {
  __m256i slot = _mm256_and_si256(x, _mm256_set1_epi32(TOTAL - 1));
  __m256i entry = _mm256_i32gather_epi32((const int *)d->slots, slot, 4);
  *symbols = _mm256_srli_epi32(entry, 24);
  __m256i field = _mm256_set1_epi32(0xfff);
  __m256i f = _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(entry, 12), field), _mm256_set1_epi32(1));
  x = _mm256_mullo_epi32(_mm256_srli_epi32(x, BITS), f);
  return _mm256_add_epi32(x, _mm256_and_si256(entry, field));
}

LATHE_VECTOR_TARGET __attribute__((always_inline)) static inline __m256i refill_eight(__m256i x, const uint8_t **at) {
  __m256i under = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)lowest), x);
  unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(under));
  __m128i next = _mm_loadu_si128((const __m128i *)*at);
  __m256i words = _mm256_cvtepu16_epi32(_mm_shuffle_epi8(next, _mm_loadu_si128((const __m128i *)spread[mask])));
  *at += 2 * __builtin_popcount(mask);
  return _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), words), under);
}

LATHE_VECTOR_TARGET static size_t decode_vector(
    const lathe_rans_decoder *d, const uint8_t **at, const uint8_t *end, uint32_t *states, uint8_t *symbols,
    size_t whole) {
  __m256i x0 = _mm256_loadu_si256((const __m256i *)states), x1 = _mm256_loadu_si256((const __m256i *)(states + 8));
  __m256i x2 = _mm256_loadu_si256((const __m256i *)(states + 16));
  __m256i x3 = _mm256_loadu_si256((const __m256i *)(states + 24));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const uint8_t *from = *at;
  size_t i = 0;
  // 32 lanes take at most 64 bytes; a load reaches 16 bytes from where the last words begin.
  for (; i < whole && end - from >= 80; i += LANES) {
    __m256i s0, s1, s2, s3;
    x0 = take_eight(d, x0, &s0);
    x1 = take_eight(d, x1, &s1);
    x2 = take_eight(d, x2, &s2);
    x3 = take_eight(d, x3, &s3);
    x0 = refill_eight(x0, &from);
    x1 = refill_eight(x1, &from);
    x2 = refill_eight(x2, &from);
    x3 = refill_eight(x3, &from);
    __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(s0, s1), _mm256_packus_epi32(s2, s3));
    _mm256_storeu_si256((__m256i *)(symbols + i), _mm256_permutevar8x32_epi32(bytes, order));
  }
  *at = from;
  _mm256_storeu_si256((__m256i *)states, x0);
  _mm256_storeu_si256((__m256i *)(states + 8), x1);
  _mm256_storeu_si256((__m256i *)(states + 16), x2);
  _mm256_storeu_si256((__m256i *)(states + 24), x3);
  return i;
}
