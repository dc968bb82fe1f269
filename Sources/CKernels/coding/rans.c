#include "rans.h"

#include <stdlib.h>
#include <string.h>

#include "dispatch/dispatch.h"

enum { LANES = LATHE_RANS_LANES, BITS = LATHE_RANS_BITS, TOTAL = LATHE_RANS_TOTAL };
static const uint32_t lowest = 1u << 15;

static inline uint32_t word_at(const uint8_t *bytes) { return (uint32_t)(bytes[0] | bytes[1] << 8); }
static inline void put_word(uint8_t *bytes, uint32_t word) {
  bytes[0] = (uint8_t)word;
  bytes[1] = (uint8_t)(word >> 8);
}

enum { SHIFT_AT = 13, BIAS_AT = 17, FIELD = 0x1fff };

/// x -> (x / f) * 2^12 + x mod f + start without a division.
struct lathe_rans_encoder {
  uint32_t reciprocals[256];  ///< q = x / f is (x * reciprocal >> 32) >> shift
  uint32_t steps[256];        ///< 2^12 - f in bits 0…12, the shift in 13…16, a bias in 17…29; bit 31: f is 0
};

/// Of each of the 2^12 slots: symbol << 24 | (f - 1) << 12 | slot - start.
struct lathe_rans_decoder {
  uint32_t slots[TOTAL];
};

static int make_encoder(const uint16_t frequencies[256], lathe_rans_encoder *encoder) {
  uint32_t start = 0;
  for (int symbol = 0; symbol < 256; symbol++) {
    uint32_t f = frequencies[symbol], shift = 0, bias = start;
    if (start + f > TOTAL) return -1;
    if (f == 0) {
      // Found out at the end of a run; until then it has to do no harm.
      encoder->reciprocals[symbol] = 0;
      encoder->steps[symbol] = 1u << 31;
      continue;
    }
    while (f > 1u << shift) shift++;
    if (f == 1) {
      // x / 1 as x - 1 = mulhi(x, 2^32 - 1), put right by the bias.
      encoder->reciprocals[symbol] = UINT32_MAX;
      bias += TOTAL - 1;
      shift = 1;
    } else {
      encoder->reciprocals[symbol] = (uint32_t)((((uint64_t)1 << (shift + 31)) + f - 1) / f);
    }
    encoder->steps[symbol] = (TOTAL - f) | (shift - 1) << SHIFT_AT | bias << BIAS_AT;
    start += f;
  }
  return start == TOTAL ? 0 : -1;
}

static int make_decoder(const uint16_t frequencies[256], lathe_rans_decoder *decoder) {
  uint32_t start = 0;
  for (uint32_t symbol = 0; symbol < 256; symbol++) {
    uint32_t f = frequencies[symbol];
    if (start + f > TOTAL) return -1;
    for (uint32_t offset = 0; offset < f; offset++)
      decoder->slots[start + offset] = symbol << 24 | (f - 1) << 12 | offset;
    start += f;
  }
  return start == TOTAL ? 0 : -1;
}

lathe_rans_encoder *lathe_rans_new_encoder(const uint16_t frequencies[256]) {
  lathe_rans_encoder *encoder = malloc(sizeof *encoder);
  if (!encoder || make_encoder(frequencies, encoder) == 0) return encoder;
  free(encoder);
  return NULL;
}

lathe_rans_decoder *lathe_rans_new_decoder(const uint16_t frequencies[256]) {
  lathe_rans_decoder *decoder = malloc(sizeof *decoder);
  if (!decoder || make_decoder(frequencies, decoder) == 0) return decoder;
  free(decoder);
  return NULL;
}

void lathe_rans_free_encoder(lathe_rans_encoder *encoder) { free(encoder); }
void lathe_rans_free_decoder(lathe_rans_decoder *decoder) { free(decoder); }

size_t lathe_rans_bound(size_t count) {
  // A step gives off at most one word; the vector form writes 16 bytes for the words of eight lanes.
  return 4 * LANES + 2 * count + 16;
}

/// One symbol into its lane; words go in front of `*front`. Bit 31 of the result: the symbol has no frequency.
static inline uint32_t put_symbol(const lathe_rans_encoder *e, uint32_t *state, uint8_t symbol, uint8_t **front) {
  uint32_t x = *state, step = e->steps[symbol], rest = step & FIELD;
  // A state of f * 2^19 or more gives off a word first.
  if (x > ((TOTAL - rest) << 19) - 1) {
    *front -= 2;
    put_word(*front, x);
    x >>= 16;
  }
  uint32_t q = (uint32_t)((uint64_t)x * e->reciprocals[symbol] >> 32) >> (step >> SHIFT_AT & 15);
  *state = x + (step >> BIAS_AT & FIELD) + q * rest;
  return step;
}

#if defined(__x86_64__)
/// By mask of lanes: where word k of the chosen ones stands among eight words, flush to the right.
static uint8_t gather_right[256][16];
/// By mask of lanes: which of the next words a lane takes.
static uint8_t spread[256][8];

__attribute__((constructor)) static void make_tables(void) {
  for (int mask = 0; mask < 256; mask++) {
    int chosen = __builtin_popcount((unsigned)mask), place = 8 - chosen, taken = 0;
    memset(gather_right[mask], 0x80, 16);
    for (int lane = 0; lane < 8; lane++) {
      spread[mask][lane] = (uint8_t)taken;
      if (!(mask >> lane & 1)) continue;
      gather_right[mask][2 * place] = (uint8_t)(2 * lane);
      gather_right[mask][2 * place + 1] = (uint8_t)(2 * lane + 1);
      place++;
      taken++;
    }
  }
}

/// Eight lanes at once, as put_symbol does one.
LATHE_VECTOR_TARGET __attribute__((always_inline)) static inline __m256i put_eight(
    const lathe_rans_encoder *e, __m256i x, const uint8_t *symbols, uint8_t **front, __m256i *missing) {
  const __m256i field = _mm256_set1_epi32(FIELD);
  __m256i index = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)symbols));
  __m256i step = _mm256_i32gather_epi32((const int *)e->steps, index, 4);
  __m256i reciprocal = _mm256_i32gather_epi32((const int *)e->reciprocals, index, 4);
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

LATHE_VECTOR_TARGET static size_t encode_avx2(
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
  __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)*at));
  __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)spread[mask]));
  words = _mm256_permutevar8x32_epi32(words, order);
  *at += 2 * __builtin_popcount(mask);
  return _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), words), under);
}

LATHE_VECTOR_TARGET static size_t decode_avx2(
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
#endif

size_t lathe_rans_encode(const lathe_rans_encoder *e, const uint8_t *symbols, size_t count, uint8_t *bytes) {
  uint32_t states[LANES], missing = 0;
  for (int lane = 0; lane < LANES; lane++) states[lane] = lowest;
  uint8_t *end = bytes + lathe_rans_bound(count), *front = end;
  size_t i = count;
  for (; i % LANES; i--) missing |= put_symbol(e, states + (i - 1) % LANES, symbols[i - 1], &front);
#if defined(__x86_64__)
  if (LATHE_IS_VECTOR) i = encode_avx2(e, symbols, i, states, &front, &missing);
#endif
  for (; i > 0; i--) missing |= put_symbol(e, states + (i - 1) % LANES, symbols[i - 1], &front);
  if (missing >> 31) return 0;
  for (int lane = LANES; lane-- > 0;) {
    put_word(front - 2, states[lane] >> 16);
    put_word(front - 4, states[lane]);
    front -= 4;
  }
  size_t size = (size_t)(end - front);
  memmove(bytes, front, size);
  return size;
}

int lathe_rans_decode(
    const lathe_rans_decoder *d, const uint8_t *bytes, size_t size, uint8_t *symbols, size_t count) {
  if (size < 4 * LANES) return -1;
  uint32_t states[LANES];
  for (int lane = 0; lane < LANES; lane++) {
    states[lane] = word_at(bytes + 4 * lane) | word_at(bytes + 4 * lane + 2) << 16;
    if (states[lane] < lowest || states[lane] >> 31) return -1;
  }
  const uint8_t *at = bytes + 4 * LANES, *end = bytes + size;
  size_t i = 0;
#if defined(__x86_64__)
  if (LATHE_IS_VECTOR)
    i = decode_avx2(d, &at, end, states, symbols, count / LANES * LANES);
#endif
  for (; i < count; i++) {
    uint32_t x = states[i % LANES], entry = d->slots[x & (TOTAL - 1)];
    symbols[i] = (uint8_t)(entry >> 24);
    x = (x >> BITS) * ((entry >> 12 & 0xfff) + 1) + (entry & 0xfff);
    if (x < lowest) {
      if (end - at < 2) return -1;
      x = x << 16 | word_at(at);
      at += 2;
    }
    states[i % LANES] = x;
  }
  if (at != end) return -1;
  for (int lane = 0; lane < LANES; lane++)
    if (states[lane] != lowest) return -1;
  return 0;
}
