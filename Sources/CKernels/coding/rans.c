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
  struct {
    uint32_t reciprocal;  ///< q = x / f is (x * reciprocal >> 32) >> shift
    uint32_t step;        ///< 2^12 - f in bits 0…12, the shift in 13…16, a bias in 17…29; bit 31: f is 0
  } entries[256];
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
      encoder->entries[symbol].reciprocal = 0;
      encoder->entries[symbol].step = 1u << 31;
      continue;
    }
    while (f > 1u << shift) shift++;
    if (f == 1) {
      // x / 1 as x - 1 = mulhi(x, 2^32 - 1), put right by the bias.
      encoder->entries[symbol].reciprocal = UINT32_MAX;
      bias += TOTAL - 1;
      shift = 1;
    } else {
      encoder->entries[symbol].reciprocal = (uint32_t)((((uint64_t)1 << (shift + 31)) + f - 1) / f);
    }
    encoder->entries[symbol].step = (TOTAL - f) | (shift - 1) << SHIFT_AT | bias << BIAS_AT;
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
  uint32_t x = *state, step = e->entries[symbol].step, rest = step & FIELD;
  // A state of f * 2^19 or more gives off a word first.
  if (x > ((TOTAL - rest) << 19) - 1) {
    *front -= 2;
    put_word(*front, x);
    x >>= 16;
  }
  uint32_t q = (uint32_t)((uint64_t)x * e->entries[symbol].reciprocal >> 32) >> (step >> SHIFT_AT & 15);
  *state = x + (step >> BIAS_AT & FIELD) + q * rest;
  return step;
}

#if LATHE_HAS_VECTOR
/// By mask of lanes: where word k of the chosen ones stands among eight words, flush to the right.
static uint8_t gather_right[256][16];
/// By mask of lanes: which two bytes of the next words a lane takes.
static uint8_t spread[256][16];

__attribute__((constructor)) static void make_tables(void) {
  for (int mask = 0; mask < 256; mask++) {
    int chosen = __builtin_popcount((unsigned)mask), place = 8 - chosen, taken = 0;
    memset(gather_right[mask], 0x80, 16);
    for (int lane = 0; lane < 8; lane++) {
      spread[mask][2 * lane] = (uint8_t)(2 * taken);
      spread[mask][2 * lane + 1] = (uint8_t)(2 * taken + 1);
      if (!(mask >> lane & 1)) continue;
      gather_right[mask][2 * place] = (uint8_t)(2 * lane);
      gather_right[mask][2 * place + 1] = (uint8_t)(2 * lane + 1);
      place++;
      taken++;
    }
  }
}

#if defined(__x86_64__)
#include "rans_avx2.inc.h"
#else
#include "rans_neon.inc.h"
#endif
#endif

size_t lathe_rans_encode(const lathe_rans_encoder *e, const uint8_t *symbols, size_t count, uint8_t *bytes) {
  uint32_t states[LANES], missing = 0;
  for (int lane = 0; lane < LANES; lane++) states[lane] = lowest;
  uint8_t *end = bytes + lathe_rans_bound(count), *front = end;
  size_t i = count;
  for (; i % LANES; i--) missing |= put_symbol(e, states + (i - 1) % LANES, symbols[i - 1], &front);
#if LATHE_HAS_VECTOR
  if (LATHE_IS_VECTOR) i = encode_vector(e, symbols, i, states, &front, &missing);
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
#if LATHE_HAS_VECTOR
  if (LATHE_IS_VECTOR) i = decode_vector(d, &at, end, states, symbols, count / LANES * LANES);
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
