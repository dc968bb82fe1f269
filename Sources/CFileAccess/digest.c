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
