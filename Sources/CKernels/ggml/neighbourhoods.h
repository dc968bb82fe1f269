// What lies near each point of a codebook's lattice: the quantisers round to the lattice first, and where the point is
// no entry they try the entries around it.
#ifndef LATHE_NEIGHBOURHOODS_H
#define LATHE_NEIGHBOURHOODS_H

#include <stdint.h>

#include "decode.h"

/// A codebook seen from every point of its lattice: eight coordinates of three levels (IQ1, IQ2), a point's number to
/// the base 3; or four of eight levels (IQ3), its number to the base 8. The first coordinate is the lowest digit.
typedef struct {
  /// The entries, packed as lathe_codebook_codes has them.
  const uint16_t *codes;
  /// A word a point. The low byte 0: the point is the entry of the number above. Else so many runs of eight neighbours,
  /// the number of the first run above.
  const uint32_t *points;
  /// The runs: packed entries, nearest first, of one distance the lower number first; the last run is filled up with
  /// its first neighbour.
  const uint16_t *neighbours;
} lathe_neighbourhood;

/// The number of the neighbourhood's point of a packed code.
static inline unsigned lathe_point(unsigned code, int bits) {
  if (bits == 3) return code & 4095;
  unsigned number = 0;
  for (int i = 14; i >= 0; i -= 2) number = 3 * number + (code >> i & 3);
  return number;
}

/// A codebook's neighbourhood: found at the first call, which takes some hundredths of a second, and
/// kept: less than two megabytes of all six.
const lathe_neighbourhood *lathe_codebook_neighbourhood(lathe_codebook_name name);

#endif
