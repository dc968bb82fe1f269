#include "huffman.h"

#include <stdlib.h>
#include <string.h>

#include "dispatch/dispatch.h"
#include "dispatch/vectors.inc.h"

enum { BITS = LATHE_HUFFMAN_BITS, STREAMS = LATHE_HUFFMAN_STREAMS, JUMP = 4 * (STREAMS - 1) };

/// By symbol: its word << 8 | the word's length, the word's first bit lowest; bit 31 where the symbol does not occur.
struct lathe_huffman_encoder {
  uint32_t words[256];
};

/// By the next 11 bits: symbol << 8 | length.
struct lathe_huffman_decoder {
  uint16_t entries[1 << BITS];
};

/// Canonical words, turned so that the first bit is the lowest.
static int make_words(const uint8_t lengths[256], uint16_t words[256]) {
  uint32_t counts[BITS + 1] = {0}, next[BITS + 2] = {0}, filled = 0, symbols = 0;
  for (int symbol = 0; symbol < 256; symbol++) {
    if (lengths[symbol] > BITS) return -1;
    counts[lengths[symbol]]++;
    if (lengths[symbol] == 0) continue;
    symbols++;
    filled += 1u << (BITS - lengths[symbol]);
  }
  int alone = symbols == 1 && counts[1] == 1;
  if (filled != 1u << BITS && !alone) return -1;
  counts[0] = 0;
  for (int length = 1; length <= BITS; length++) next[length + 1] = (next[length] + counts[length]) << 1;
  for (int symbol = 0; symbol < 256; symbol++) {
    uint32_t length = lengths[symbol], word = length ? next[length]++ : 0, turned = 0;
    for (uint32_t bit = 0; bit < length; bit++) turned |= (word >> bit & 1) << (length - 1 - bit);
    words[symbol] = (uint16_t)turned;
  }
  return 0;
}

static int make_encoder(const uint8_t lengths[256], lathe_huffman_encoder *encoder) {
  uint16_t words[256];
  if (make_words(lengths, words)) return -1;
  for (int symbol = 0; symbol < 256; symbol++)
    encoder->words[symbol] = lengths[symbol] ? (uint32_t)words[symbol] << 8 | lengths[symbol] : 1u << 31;
  return 0;
}

static int make_decoder(const uint8_t lengths[256], lathe_huffman_decoder *decoder) {
  uint16_t words[256];
  if (make_words(lengths, words)) return -1;
  // A symbol alone leaves half of the table: words that no encoder writes. Length 0 marks them, and the careful loop
  // alone, which sees them, reads such a stream.
  memset(decoder->entries, 0, sizeof decoder->entries);
  for (uint32_t symbol = 0; symbol < 256; symbol++) {
    if (lengths[symbol] == 0) continue;
    uint32_t step = 1u << lengths[symbol];
    for (uint32_t bits = words[symbol]; bits < 1u << BITS; bits += step)
      decoder->entries[bits] = (uint16_t)(symbol << 8 | lengths[symbol]);
  }
  return 0;
}

lathe_huffman_encoder *lathe_huffman_new_encoder(const uint8_t lengths[256]) {
  lathe_huffman_encoder *encoder = malloc(sizeof *encoder);
  if (!encoder || make_encoder(lengths, encoder) == 0) return encoder;
  free(encoder);
  return NULL;
}

lathe_huffman_decoder *lathe_huffman_new_decoder(const uint8_t lengths[256]) {
  lathe_huffman_decoder *decoder = malloc(sizeof *decoder);
  if (!decoder || make_decoder(lengths, decoder) == 0) return decoder;
  free(decoder);
  return NULL;
}

void lathe_huffman_free_encoder(lathe_huffman_encoder *encoder) { free(encoder); }
void lathe_huffman_free_decoder(lathe_huffman_decoder *decoder) { free(decoder); }

size_t lathe_huffman_bound(size_t count) { return JUMP + (count * BITS + 7) / 8 + 16 * STREAMS; }

static inline void put_length(uint8_t *bytes, size_t length) {
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(length >> 8 * i);
}

static inline size_t length_at(const uint8_t *bytes) {
  return (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

static inline void store_bits(uint8_t *bytes, uint64_t bits) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(bytes, &bits, 8);
#else
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(bits >> 8 * i);
#endif
}

static inline uint64_t load_bits(const uint8_t *bytes) {
  uint64_t bits;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(&bits, bytes, 8);
#else
  bits = 0;
  for (int i = 0; i < 8; i++) bits |= (uint64_t)bytes[i] << 8 * i;
#endif
  return bits;
}

/// Every eighth of `count` symbols.
INLINE uint8_t *put_stream(
    const uint32_t *words, const uint8_t *symbols, size_t count, uint8_t *bytes, uint32_t *missing) {
  uint64_t bits = 0;
  uint32_t held = 0, seen = 0;
  size_t i = 0;
#define PUT(symbol)                               \
  {                                               \
    uint32_t word = words[symbol];                \
    bits |= (uint64_t)(word >> 8) << (held & 63); \
    held += word & 0xff;                          \
    seen |= word;                                 \
  }
  for (; i + 4 * STREAMS < count; i += 5 * STREAMS) {
    // At most 7 bits are held over: with five words 62.
    const uint8_t *at = symbols + i;
    PUT(at[0]) PUT(at[STREAMS]) PUT(at[2 * STREAMS]) PUT(at[3 * STREAMS]) PUT(at[4 * STREAMS])
    store_bits(bytes, bits);
    bytes += held >> 3;
    bits >>= held & 56;
    held &= 7;
  }
  for (; i < count; i += STREAMS) PUT(symbols[i])
#undef PUT
  store_bits(bytes, bits);
  *missing |= seen;
  return bytes + (held + 7) / 8;
}

INLINE size_t put_all(const uint32_t *words, const uint8_t *symbols, size_t count, uint8_t *bytes) {
  uint8_t *at = bytes + JUMP;
  uint32_t missing = 0;
  for (size_t k = 0; k < STREAMS; k++) {
    uint8_t *next = k < count ? put_stream(words, symbols + k, count - k, at, &missing) : at;
    if (k < STREAMS - 1) put_length(bytes + 4 * k, (size_t)(next - at));
    at = next;
  }
  return missing >> 31 ? 0 : (size_t)(at - bytes);
}

/// Shifts by a variable count are one operation with BMI2, and on ARM anyway. A stream begins where the one before it ends:
/// they are not written side by side.
EACH_LEVEL(
    size_t, put_symbols, (const uint32_t *words, const uint8_t *symbols, size_t count, uint8_t *bytes),
    { return put_all(words, symbols, count, bytes); })

size_t lathe_huffman_encode(const lathe_huffman_encoder *e, const uint8_t *symbols, size_t count, uint8_t *bytes) {
  return DISPATCH(put_symbols, e->words, symbols, count, bytes);
}

typedef struct {
  const uint8_t *bytes;
  size_t size, position;  // in bytes, in bits
} stream;

/// The end of a stream, word by word, every eighth symbol: bits behind its end are zeros, and it has to end where it
/// ends.
static int take_rest(const uint16_t *entries, const stream *s, uint8_t *symbols, size_t count) {
  size_t position = s->position;
  for (size_t i = 0; i < count; i += STREAMS) {
    uint32_t bits = 0;
    size_t byte = position / 8;
    for (size_t k = 0; k < 3 && byte + k < s->size; k++) bits |= (uint32_t)s->bytes[byte + k] << 8 * k;
    uint16_t entry = entries[bits >> position % 8 & ((1 << BITS) - 1)];
    if ((entry & 0xff) == 0) return -1;
    symbols[i] = (uint8_t)(entry >> 8);
    position += entry & 0xff;
    if (position > 8 * s->size) return -1;
  }
  return (position + 7) / 8 == s->size ? 0 : -1;
}

/// All eight side by side while each has eight bytes to look at: 57 bits from any bit on hold five words. Returns how
/// many symbols are done.
///
/// There is no form of this with NEON's operations, which has no gather: two streams to a register, entries loaded into
/// lanes, took 342 instructions for 40 symbols where this takes 303, and by llvm-mca 5.6 cycles a symbol where this takes
/// 3.1 (Neoverse N1; Apple A12 3.9 and 2.3): each look-up goes to a vector register and back.
INLINE size_t take_together(const uint16_t *entries, stream s[STREAMS], uint8_t *symbols, size_t count) {
  size_t done = 0;
  // What a symbol alone leaves open is seen by the careful loop only.
  if ((entries[1] & 0xff) == 0) return 0;
  while (count - done >= 5 * STREAMS) {
    uint64_t b[STREAMS];
    int room = 1;
    for (int k = 0; k < STREAMS; k++) room &= s[k].position / 8 + 8 <= s[k].size;
    if (!room) break;
    // Bit 63 marks the end: how far it has moved at the end is how many bits were taken.
#pragma clang loop unroll(full)
    for (int k = 0; k < STREAMS; k++)
      b[k] = load_bits(s[k].bytes + s[k].position / 8) >> s[k].position % 8 | (uint64_t)1 << 63;
    uint8_t *at = symbols + done;
#pragma clang loop unroll(full)
    for (int step = 0; step < 5; step++) {
#pragma clang loop unroll(full)
      for (int k = 0; k < STREAMS; k++) {
        uint32_t entry = entries[b[k] & ((1 << BITS) - 1)];
        at[step * STREAMS + k] = (uint8_t)(entry >> 8);
        b[k] >>= entry & 63;
      }
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < STREAMS; k++) s[k].position += (size_t)__builtin_clzll(b[k]);
    done += 5 * STREAMS;
  }
  return done;
}

EACH_LEVEL(
    size_t, take_symbols, (const uint16_t *entries, stream *s, uint8_t *symbols, size_t count),
    { return take_together(entries, s, symbols, count); })

int lathe_huffman_decode(
    const lathe_huffman_decoder *d, const uint8_t *bytes, size_t size, uint8_t *symbols, size_t count) {
  if (size < JUMP) return -1;
  stream streams[STREAMS];
  size_t rest = size - JUMP;
  const uint8_t *at = bytes + JUMP;
  for (int k = 0; k < STREAMS; k++) {
    size_t length = k < STREAMS - 1 ? length_at(bytes + 4 * k) : rest;
    if (length > rest) return -1;
    streams[k] = (stream){at, length, 0};
    rest -= length;
    at += length;
  }
  size_t done = DISPATCH(take_symbols, d->entries, streams, symbols, count);
  for (size_t k = 0; k < STREAMS; k++) {
    size_t first = done + k < count ? done + k : count;
    if (take_rest(d->entries, streams + k, symbols + first, count - first)) return -1;
  }
  return 0;
}
