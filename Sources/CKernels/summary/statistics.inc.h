// The statistics kernels, compiled once a level: LEVEL(name) names a function, TARGET is its attribute.
#include "dispatch/vectors.inc.h"

TARGET static size_t LEVEL(first_non_finite)(const float *weights, size_t from, size_t count) {
  size_t i = from;
  for (; i + 32 <= count; i += 32) {
    i8 bad = (i8)(0);
    for (int part = 0; part < 4; part++) {
      i8 bits;
      memcpy(&bits, weights + i + 8 * part, 32);
      bad |= (i8)((bits & 0x7f800000) == 0x7f800000);
    }
    if (__builtin_reduce_or(bad)) break;
  }
  for (; i < count; i++)
    if (!isfinite(weights[i])) return i;
  return count;
}

TARGET static void LEVEL(add_range_sums)(const float *weights, size_t count, lathe_range_sums *sums) {
  f8 low = (f8)(sums->minimum), high = (f8)(sums->maximum);
  d8 sum, squares;
  memcpy(&sum, sums->sum, sizeof sum);
  memcpy(&squares, sums->squares, sizeof squares);
  i8 zeros = (i8)(0);
  int64_t zero_count = 0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 w;
    memcpy(&w, weights + i, 32);
    low = w < low ? w : low;
    high = w > high ? w : high;
    zeros -= (i8)(w == 0);
    d8 wide = __builtin_convertvector(w, d8);
    sum += wide;
    squares += wide * wide;
    if ((i & 0x3fffffff) == 0x3ffffff8) {
      zero_count += __builtin_reduce_add(__builtin_convertvector(zeros, l8));
      zeros = (i8)(0);
    }
  }
  memcpy(sums->sum, &sum, sizeof sum);
  memcpy(sums->squares, &squares, sizeof squares);
  zero_count += __builtin_reduce_add(__builtin_convertvector(zeros, l8));
  float least = low[0], most = high[0];
  for (int lane = 1; lane < 8; lane++) {
    if (low[lane] < least) least = low[lane];
    if (high[lane] > most) most = high[lane];
  }
  for (size_t lane = 0; i < count; i++, lane++) {
    float w = weights[i];
    if (w < least) least = w;
    if (w > most) most = w;
    zero_count += w == 0;
    sums->sum[lane] += (double)w;
    sums->squares[lane] += (double)w * (double)w;
  }
  sums->minimum = least;
  sums->maximum = most;
  sums->zeros += zero_count;
}

TARGET static void LEVEL(add_central_sums)(
    const float *weights, size_t count, double mean, double limit, lathe_central_sums *sums) {
  d8 second, third, fourth;
  memcpy(&second, sums->second, sizeof second);
  memcpy(&third, sums->third, sizeof third);
  memcpy(&fourth, sums->fourth, sizeof fourth);
  l8 outliers = (l8)(0);
  double square_limit = limit * limit;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 w;
    memcpy(&w, weights + i, 32);
    d8 d = __builtin_convertvector(w, d8) - mean;
    d8 d2 = d * d;
    second += d2;
    third += d2 * d;
    fourth += d2 * d2;
    outliers -= (l8)(d2 > square_limit);
  }
  memcpy(sums->second, &second, sizeof second);
  memcpy(sums->third, &third, sizeof third);
  memcpy(sums->fourth, &fourth, sizeof fourth);
  sums->outliers += __builtin_reduce_add(outliers);
  for (size_t lane = 0; i < count; i++, lane++) {
    double d = (double)weights[i] - mean, d2 = d * d;
    sums->second[lane] += d2;
    sums->third[lane] += d2 * d;
    sums->fourth[lane] += d2 * d2;
    sums->outliers += d2 > square_limit;
  }
}

/// The bin by the definition, for the few weights that a rounded product puts near an edge: the quotient of two
/// doubles is exact enough to decide, since weights and range are sums of two floats. What is no number is in the
/// first bin; every other bin that there is not, in the outermost.
static inline int LEVEL(exact_bin)(double offset, double range, int bins) {
  double position = offset / range * bins;
  return !(position > 0) ? 0 : position < bins ? (int)position : bins - 1;
}

/// A run of weights into two tables by turns. In float: where a rounded position comes near an edge, or outside, or is
/// no number, the definition decides.
TARGET INLINE void LEVEL(count_run)(
    const float *weights, size_t count, double minimum, double range, int bins, uint32_t *even, uint32_t *odd) {
  // Three roundings of 2^-24 on at most 4096 bins move a position by less than 8e-4.
  const f8 least = (f8)((float)minimum), per_unit = (f8)((float)(bins / range)), last = (f8)((float)bins);
  const f8 margin = (f8)(1e-3f);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 w;
    memcpy(&w, weights + i, 32);
    f8 position = (w - least) * per_unit;
    // Bounded before it becomes an index; the fraction of what was not in bounds is none.
    f8 bounded = position > 0 ? position : (f8)(0);
    i8 bin = __builtin_convertvector(bounded < last ? bounded : (f8)(0), i8);
    f8 fraction = position - __builtin_convertvector(bin, f8);
    i8 doubtful = ~((i8)(fraction >= margin) & (i8)(fraction <= 1 - margin));
    if (__builtin_expect(__builtin_reduce_or(doubtful) == 0, 1)) {
      int32_t places[8];
      memcpy(places, &bin, 32);
      even[places[0]]++, odd[places[1]]++, even[places[2]]++, odd[places[3]]++;
      even[places[4]]++, odd[places[5]]++, even[places[6]]++, odd[places[7]]++;
    } else {
      for (int lane = 0; lane < 8; lane++) {
        double offset = (double)w[lane] - minimum;
        if (doubtful[lane]) {
          if (offset >= 0 && offset <= range) even[LEVEL(exact_bin)(offset, range, bins)]++;
        } else {
          even[bin[lane]]++;
        }
      }
    }
  }
  for (; i < count; i++) {
    double offset = (double)weights[i] - minimum;
    if (offset >= 0 && offset <= range) even[LEVEL(exact_bin)(offset, range, bins)]++;
  }
}

TARGET static void LEVEL(add_histogram)(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts) {
  enum { maximum_bins = 4096, run = 1 << 20 };
  static _Thread_local uint32_t even[maximum_bins], odd[maximum_bins];
  if (bins < 1 || !(maximum > minimum)) return;
  double range = maximum - minimum, per_unit = bins / range;
  // A difference from a float is exact enough in float; a least value that is none, or a range that leaves a float's,
  // is not.
  int is_fast = bins <= maximum_bins && (double)(float)minimum == minimum && per_unit > 1e-30 && per_unit < 1e30;
  if (!is_fast) {
    for (size_t i = 0; i < count; i++) {
      double offset = (double)weights[i] - minimum;
      if (offset >= 0 && offset <= range) counts[LEVEL(exact_bin)(offset, range, bins)]++;
    }
    return;
  }
  for (size_t start = 0; start < count; start += run) {
    size_t taken = count - start < run ? count - start : run;
    memset(even, 0, (size_t)bins * 4);
    memset(odd, 0, (size_t)bins * 4);
    LEVEL(count_run)(weights + start, taken, minimum, range, bins, even, odd);
    for (int bin = 0; bin < bins; bin++) counts[bin] += (uint64_t)even[bin] + odd[bin];
  }
}

TARGET static void LEVEL(add_bin_moments)(
    const float *weights, size_t count, double minimum, double maximum, int bins, uint64_t *counts,
    lathe_bin_sums *sums) {
  if (bins < 1 || !(maximum > minimum)) return;
  double range = maximum - minimum, width = range / bins, per_unit = bins / range;
  int is_fast = isfinite(per_unit);
  size_t i = 0;
  for (; i + 8 <= count && is_fast; i += 8) {
    f8 w;
    memcpy(&w, weights + i, 32);
    d8 offset = __builtin_convertvector(w, d8) - minimum;
    d8 position = offset * per_unit;
    d8 bounded = position > 0 ? position : (d8)(0);
    i8 bin = __builtin_convertvector(bounded < bins ? bounded : (d8)(0), i8);
    d8 fraction = position - __builtin_convertvector(bin, d8);
    l8 sure = (l8)(fraction >= 1e-7) & (l8)(fraction <= 1 - 1e-7);
    if (__builtin_expect(__builtin_reduce_and(sure) == 0, 0))
      for (int lane = 0; lane < 8; lane++) bin[lane] = LEVEL(exact_bin)(offset[lane], range, bins);
    d8 distance = offset - (__builtin_convertvector(bin, d8) + 0.5) * width;
    d8 square = distance * distance;
    for (int lane = 0; lane < 8; lane++) {
      lathe_bin_sums *to = sums + bin[lane];
      to->sum += distance[lane];
      to->squares += square[lane];
      counts[bin[lane]]++;
    }
  }
  for (; i < count; i++) {
    double offset = (double)weights[i] - minimum;
    int bin = LEVEL(exact_bin)(offset, range, bins);
    double distance = offset - (bin + 0.5) * width;
    sums[bin].sum += distance;
    sums[bin].squares += distance * distance;
    counts[bin]++;
  }
}

TARGET static void LEVEL(row_range)(const float *row, size_t columns, float *minimum, float *maximum) {
  float least = INFINITY, most = -INFINITY;
  size_t i = 0;
  if (columns >= 8) {
    f8 low = (f8)(INFINITY), high = (f8)(-INFINITY);
    for (; i + 8 <= columns; i += 8) {
      f8 w;
      memcpy(&w, row + i, 32);
      low = w < low ? w : low;
      high = w > high ? w : high;
    }
    for (int lane = 0; lane < 8; lane++) {
      if (low[lane] < least) least = low[lane];
      if (high[lane] > most) most = high[lane];
    }
  }
  for (; i < columns; i++) {
    if (row[i] < least) least = row[i];
    if (row[i] > most) most = row[i];
  }
  *minimum = least;
  *maximum = most;
}
