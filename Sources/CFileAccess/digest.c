// SipHash-2-4 with 128 bits (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012; the long output
// as in the authors' reference).

#include "file_access.h"

#include <string.h>

static inline uint64_t turned(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline uint64_t word(const unsigned char *bytes) {
  uint64_t x = 0;
  for (int i = 7; i >= 0; i--) x = x << 8 | bytes[i];
  return x;
}

static inline void turn(uint64_t v[4], int rounds) {
  for (int i = 0; i < rounds; i++) {
    v[0] += v[1];
    v[1] = turned(v[1], 13) ^ v[0];
    v[0] = turned(v[0], 32);
    v[2] += v[3];
    v[3] = turned(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turned(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turned(v[1], 17) ^ v[2];
    v[2] = turned(v[2], 32);
  }
}

void lathe_digest(const void *bytes, size_t count, const uint64_t key[2], uint64_t digest[2]) {
  uint64_t v[4] = {
      key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL ^ 0xee, key[0] ^ 0x6c7967656e657261ULL,
      key[1] ^ 0x7465646279746573ULL};
  const unsigned char *at = bytes;
  size_t left = count;
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t m = word(at);
    v[3] ^= m;
    turn(v, 2);
    v[0] ^= m;
  }
  uint64_t last = (uint64_t)count << 56;
  for (size_t i = 0; i < left; i++) last |= (uint64_t)at[i] << (8 * i);
  v[3] ^= last;
  turn(v, 2);
  v[0] ^= last;
  v[2] ^= 0xee;
  turn(v, 4);
  digest[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
  v[1] ^= 0xdd;
  turn(v, 4);
  digest[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

// Four digests side by side: what waits for one is time for the others.

typedef uint64_t four __attribute__((ext_vector_type(4)));

__attribute__((always_inline)) static inline four turned4(four x, int bits) { return x << bits | x >> (64 - bits); }

__attribute__((always_inline)) static inline void turn4(four v[4]) {
  v[0] += v[1];
  v[1] = turned4(v[1], 13) ^ v[0];
  v[0] = turned4(v[0], 32);
  v[2] += v[3];
  v[3] = turned4(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = turned4(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = turned4(v[1], 17) ^ v[2];
  v[2] = turned4(v[2], 32);
}

/// Of each k the digest of words 4 i + k, of `count` words in all: four lower halves, then four upper ones.
__attribute__((always_inline)) static inline void stripes(const unsigned char *at, size_t count, uint64_t found[8]) {
  const uint64_t start[4] = {
      0x736f6d6570736575ULL, 0x646f72616e646f6dULL ^ 0xee, 0x6c7967656e657261ULL, 0x7465646279746573ULL};
  four v[4];
  for (int i = 0; i < 4; i++) v[i] = (four){start[i], start[i], start[i], start[i]};
  for (size_t i = 0; i < count; i += 4, at += 32) {
    four m;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&m, at, 32);
#else
    m = (four){word(at), word(at + 8), word(at + 16), word(at + 24)};
#endif
    v[3] ^= m;
    turn4(v);
    turn4(v);
    v[0] ^= m;
  }
  v[2] ^= 0xee;
  for (int i = 0; i < 4; i++) turn4(v);
  four low = v[0] ^ v[1] ^ v[2] ^ v[3];
  v[1] ^= 0xdd;
  for (int i = 0; i < 4; i++) turn4(v);
  four high = v[0] ^ v[1] ^ v[2] ^ v[3];
  memcpy(found, &low, 32);
  memcpy(found + 4, &high, 32);
}

static void stripes_plain(const unsigned char *at, size_t count, uint64_t found[8]) { stripes(at, count, found); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void stripes_wide(const unsigned char *at, size_t count, uint64_t found[8]) {
  stripes(at, count, found);
}
#endif

void lathe_wide_digest(const void *bytes, size_t count, const uint64_t key[2], uint64_t digest[2]) {
  uint64_t found[9];
  size_t words = count / 32 * 4;
  unsigned char joined[8 * 9 + 32];
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    stripes_wide(bytes, words, found);
  else
#endif
    stripes_plain(bytes, words, found);
  found[8] = count;
  for (int i = 0; i < 72; i++) joined[i] = (unsigned char)(found[i / 8] >> 8 * (i % 8));
  size_t rest = count - 8 * words;
  if (rest) memcpy(joined + 72, (const unsigned char *)bytes + 8 * words, rest);
  lathe_digest(joined, 72 + rest, key, digest);
}
