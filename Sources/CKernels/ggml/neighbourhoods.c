#include "ggml/neighbourhoods.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/// The greatest squared distance is that of four coordinates from 0 to 7.
enum { MOST_ENTRIES = 2048, MOST_POINTS = 6561, MOST_BOOKS = 6, FARTHEST = 4 * 7 * 7 };

/// The points' words and the neighbourhoods themselves, a codebook each.
static uint32_t points[MOST_BOOKS][MOST_POINTS];
static lathe_neighbourhood books[MOST_BOOKS];

/// Squared distances of a point from every entry, in steps of the lattice.
static void distances(const uint8_t *point, const uint8_t *entries, int count, uint16_t *squares) {
  for (int j = 0; j < count; j++) {
    int sum = 0;
    for (int k = 0; k < 8; k++) {
      const int step = (int)entries[8 * j + k] - (int)point[k];
      sum += step * step;
    }
    squares[j] = (uint16_t)sum;
  }
}

/// The entries at the `shells` least distances that occur, nearest first, of one distance in their own order; returns
/// their number.
static int nearest(const uint16_t *squares, const uint16_t *codes, int count, int shells, uint16_t *into) {
  int places[FARTHEST + 1] = {0};
  for (int j = 0; j < count; j++) places[squares[j]]++;
  int found = 0, limit = -1;
  for (int square = 0; square <= FARTHEST && shells > 0; square++) {
    if (places[square] == 0) continue;
    const int here = places[square];
    places[square] = found;
    found += here;
    limit = square;
    shells--;
  }
  for (int j = 0; j < count; j++)
    if (squares[j] <= limit) into[places[squares[j]]++] = codes[j];
  return found;
}

static void unpack(unsigned code, int bits, uint8_t *into) {
  for (int k = 0; k < 8; k++) into[k] = k < (bits == 2 ? 8 : 4) ? code >> (bits * k) & ((1u << bits) - 1) : 0;
}

/// Finds the neighbourhood of a codebook: neighbours are the entries at the `shells` least distances.
static void find(lathe_codebook_name name, int bits, int shells) {
  int count;
  const uint16_t *codes = lathe_codebook_codes(name, &count);
  uint8_t entries[8 * MOST_ENTRIES];
  uint32_t *words = points[name];
  const int levels = bits == 2 ? 3 : 8, coordinates = bits == 2 ? 8 : 4, total = bits == 2 ? 6561 : 4096;
  for (int p = 0; p < total; p++) words[p] = UINT32_MAX;
  for (int j = 0; j < count; j++) {
    unpack(codes[j], bits, entries + 8 * j);
    words[lathe_point(codes[j], bits)] = (uint32_t)j << 8;
  }
  uint16_t *runs = NULL;
  size_t used = 0, room = 0;
  for (int p = 0; p < total; p++) {
    if (words[p] != UINT32_MAX) continue;
    uint8_t point[8] = {0};
    for (int k = 0, rest = p; k < coordinates; k++, rest /= levels) point[k] = (uint8_t)(rest % levels);
    uint16_t squares[MOST_ENTRIES], near[MOST_ENTRIES + 7];
    distances(point, entries, count, squares);
    int found = nearest(squares, codes, count, shells, near);
    // What a byte can number; no codebook here comes near it.
    if (found > 8 * 255) found = 8 * 255;
    while (found % 8) near[found] = near[found / 8 * 8], found++;
    if (used + (size_t)found > room) {
      room = 2 * room + MOST_ENTRIES;
      runs = realloc(runs, room * sizeof *runs);
      // A few hundred kilobytes: without them nothing else would work either.
      if (runs == NULL) abort();
    }
    memcpy(runs + used, near, (size_t)found * sizeof *near);
    words[p] = (uint32_t)(used / 8) << 8 | (uint32_t)(found / 8);
    used += (size_t)found;
  }
  uint16_t *exact = realloc(runs, used * sizeof *runs);
  if (exact != NULL) runs = exact;
  books[name] = (lathe_neighbourhood){codes, words, runs};
}

/// Defines what finds a codebook's neighbourhood once: the bits a coordinate, the distances that count as near.
#define BOOK(NAME, BITS, SHELLS)                                              \
  static pthread_once_t once_##NAME = PTHREAD_ONCE_INIT;                      \
  static void find_##NAME(void) { find(LATHE_CODEBOOK_##NAME, BITS, SHELLS); }

BOOK(IQ1, 2, 3)
BOOK(IQ2_XXS, 2, 2)
BOOK(IQ2_XS, 2, 2)
BOOK(IQ2_S, 2, 1)
BOOK(IQ3_XXS, 3, 2)
BOOK(IQ3_S, 3, 3)

const lathe_neighbourhood *lathe_codebook_neighbourhood(lathe_codebook_name name) {
  switch (name) {
    case LATHE_CODEBOOK_IQ1: pthread_once(&once_IQ1, find_IQ1); break;
    case LATHE_CODEBOOK_IQ2_XXS: pthread_once(&once_IQ2_XXS, find_IQ2_XXS); break;
    case LATHE_CODEBOOK_IQ2_XS: pthread_once(&once_IQ2_XS, find_IQ2_XS); break;
    case LATHE_CODEBOOK_IQ2_S: pthread_once(&once_IQ2_S, find_IQ2_S); break;
    case LATHE_CODEBOOK_IQ3_XXS: pthread_once(&once_IQ3_XXS, find_IQ3_XXS); break;
    case LATHE_CODEBOOK_IQ3_S: pthread_once(&once_IQ3_S, find_IQ3_S); break;
  }
  return &books[name];
}
