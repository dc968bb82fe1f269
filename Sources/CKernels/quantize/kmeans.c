#pragma STDC FP_CONTRACT OFF

#include "kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Floats as whole numbers of the same order: negative ones turned round, the others after them.

static inline uint32_t ordered(float value) {
  uint32_t bits;
  value += 0;  // −0 is 0
  memcpy(&bits, &value, 4);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static inline float of_ordered(uint32_t key) {
  uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void lathe_points_of(
    const float *weights, size_t count, int nonzero, uint32_t *scratch, lathe_points *points) {
  uint32_t *from = scratch, *to = scratch + count;
  for (size_t i = 0; i < count; i++) from[i] = ordered(weights[i]);
  for (int shift = 0; shift < 32; shift += 8) {
    size_t places[256] = {0}, place = 0;
    for (size_t i = 0; i < count; i++) places[from[i] >> shift & 255]++;
    for (int digit = 0; digit < 256; digit++) {
      size_t found = places[digit];
      places[digit] = place;
      place += found;
    }
    for (size_t i = 0; i < count; i++) to[places[from[i] >> shift & 255]++] = from[i];
    uint32_t *swapped = from;
    from = to;
    to = swapped;
  }
  points->count = 0;
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && from[end] == from[i]) end++;
    float value = of_ordered(from[i]);
    if (!nonzero || value != 0) {
      points->values[points->count] = (double)value;
      points->counts[points->count++] = (double)(end - i);
    }
    i = end;
  }
}

void lathe_add_point_bins(const float *weights, size_t count, lathe_point_bin bins[LATHE_POINT_BINS]) {
  for (size_t i = 0; i < count; i++) {
    lathe_point_bin *bin = bins + (ordered(weights[i]) >> 12);
    bin->sum += (double)weights[i];
    bin->count++;
  }
}

size_t lathe_count_point_bins(const lathe_point_bin bins[LATHE_POINT_BINS]) {
  size_t found = 0;
  for (size_t i = 0; i < LATHE_POINT_BINS; i++) found += bins[i].count > 0;
  return found;
}

void lathe_points_of_bins(const lathe_point_bin bins[LATHE_POINT_BINS], int nonzero, lathe_points *points) {
  points->count = 0;
  for (size_t i = 0; i < LATHE_POINT_BINS; i++) {
    // Nothing but zero has the sum zero in its bin.
    if (!bins[i].count || (nonzero && bins[i].sum == 0)) continue;
    points->values[points->count] = bins[i].sum / (double)bins[i].count;
    points->counts[points->count++] = (double)bins[i].count;
  }
}

/// Runs of neighbouring points. Sums up to and without a cell, around the mean of all: cost of the cells a…b − 1
/// is xx[b] − xx[a] − (x[b] − x[a])² / (n[b] − n[a]).
typedef struct {
  double *n, *x, *xx;
} prefix_sums;

static inline double cost(const prefix_sums *sums, size_t first, size_t end) {
  double n = sums->n[end] - sums->n[first], x = sums->x[end] - sums->x[first];
  double spread = sums->xx[end] - sums->xx[first] - x * x / n;
  return spread > 0 ? spread : 0;
}

/// best[i], for i in low…high: the least cost of the cells before i in one more cluster than `before` has, whose first
/// cell is split[i], between `least` and `most`. Splits rise with i: the middle one bounds those on both sides.
static void extend(
    const prefix_sums *sums, const double *before, double *best, uint32_t *split, size_t low, size_t high,
    size_t least, size_t most) {
  while (low <= high) {
    size_t middle = low + (high - low) / 2, end = middle < most + 1 ? middle : most + 1, found = least;
    double lowest = INFINITY;
    for (size_t first = least; first < end; first++) {
      double total = before[first] + cost(sums, first, middle);
      if (total < lowest) {
        lowest = total;
        found = first;
      }
    }
    best[middle] = lowest;
    split[middle] = (uint32_t)found;
    if (middle > low) extend(sums, before, best, split, low, middle - 1, least, found);
    low = middle + 1;
    least = found;
  }
}

/// The first cells of the best clusters.
static int split_cells(const prefix_sums *sums, size_t cells, int clusters, size_t *firsts) {
  size_t row = cells + 1;
  double *costs = malloc(2 * row * sizeof *costs);
  uint32_t *splits = malloc((size_t)clusters * row * sizeof *splits);
  if (costs && splits) {
    double *before = costs, *best = costs + row;
    before[0] = 0;
    for (size_t end = 1; end <= cells; end++) before[end] = cost(sums, 0, end);
    for (int q = 1; q < clusters; q++) {
      size_t fewest = (size_t)q + 1;
      // Only the whole is asked of the last one.
      extend(
          sums, before, best, splits + (size_t)q * row, q == clusters - 1 ? cells : fewest, cells, (size_t)q,
          cells - 1);
      double *swapped = before;
      before = best;
      best = swapped;
    }
    size_t end = cells;
    for (int q = clusters - 1; q > 0; q--) firsts[q] = end = splits[(size_t)q * row + end];
    firsts[0] = 0;
  }
  int done = costs && splits;
  free(costs);
  free(splits);
  return done;
}

/// Cuts the points into at most `cells` runs: finer where a good quantiser has its levels, whose density is the cube
/// root of the points' own (Panter and Dite 1951). Writes the first point of each run and their number's end.
static size_t cut(const lathe_points *points, size_t cells, size_t *starts) {
  size_t n = points->count;
  if (n <= cells) {
    for (size_t i = 0; i <= n; i++) starts[i] = i;
    return n;
  }
  double whole = 0, passed = 0;
  size_t found = 0;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < n; i++) {
      double left = points->values[i > 0 ? i - 1 : 0], right = points->values[i + 1 < n ? i + 1 : n - 1];
      double gap = (right - left) / (i > 0 && i + 1 < n ? 2 : 1);
      double mass = cbrt(points->counts[i] * gap * gap);
      if (round == 0) {
        whole += mass;
      } else {
        if (found == 0 || (passed >= whole * (double)found / (double)cells && found < cells)) starts[found++] = i;
        passed += mass;
      }
    }
  }
  starts[found] = n;
  return found;
}

/// The first point beyond `bound`, at `low` or after it.
static size_t beyond(const double *values, size_t low, size_t high, double bound) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (values[middle] > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

enum { LLOYD_ROUNDS = 500 };

/// Lloyd's iterations (1957, published 1982): every point to its nearest centroid, every centroid to its points' mean.
static void iterate(
    const lathe_points *points, const prefix_sums *sums, double mean, int clusters, size_t *firsts,
    double *centroids) {
  for (int round = 0; round < LLOYD_ROUNDS; round++) {
    for (int q = 0; q < clusters; q++) {
      size_t first = firsts[q], end = firsts[q + 1];
      if (end > first) centroids[q] = mean + (sums->x[end] - sums->x[first]) / (sums->n[end] - sums->n[first]);
    }
    int moved = 0;
    for (int q = 1; q < clusters; q++) {
      double bound = centroids[q - 1] + (centroids[q] - centroids[q - 1]) / 2;
      size_t first = beyond(points->values, firsts[q - 1], points->count, bound);
      moved |= first != firsts[q];
      firsts[q] = first;
    }
    if (!moved) return;
  }
}

int lathe_kmeans(const lathe_points *points, int clusters, int cells, double *centroids) {
  size_t n = points->count;
  if (n <= (size_t)clusters) {
    memcpy(centroids, points->values, n * sizeof *centroids);
    return (int)n;
  }
  size_t *starts = malloc(((size_t)cells + 1) * sizeof *starts);
  double *room = malloc(3 * (n + 1) * sizeof *room), *coarse = malloc(3 * ((size_t)cells + 1) * sizeof *coarse);
  size_t firsts[257];
  int done = starts && room && coarse;
  if (done) {
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
      total += points->counts[i];
      sum += points->counts[i] * points->values[i];
    }
    double mean = sum / total;
    prefix_sums all = {room, room + n + 1, room + 2 * (n + 1)};
    all.n[0] = all.x[0] = all.xx[0] = 0;
    for (size_t i = 0; i < n; i++) {
      double d = points->values[i] - mean, count = points->counts[i];
      all.n[i + 1] = all.n[i] + count;
      all.x[i + 1] = all.x[i] + count * d;
      all.xx[i + 1] = all.xx[i] + count * d * d;
    }
    size_t found = cut(points, (size_t)cells, starts);
    prefix_sums few = {coarse, coarse + cells + 1, coarse + 2 * (cells + 1)};
    for (size_t cell = 0; cell <= found; cell++) {
      few.n[cell] = all.n[starts[cell]];
      few.x[cell] = all.x[starts[cell]];
      few.xx[cell] = all.xx[starts[cell]];
    }
    if (found < (size_t)clusters) clusters = (int)found;
    done = split_cells(&few, found, clusters, firsts);
    for (int q = 0; q < clusters; q++) firsts[q] = starts[firsts[q]];
    firsts[clusters] = n;
    if (done) iterate(points, &all, mean, clusters, firsts, centroids);
  }
  free(starts);
  free(room);
  free(coarse);
  return done ? clusters : -1;
}
